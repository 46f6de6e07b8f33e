"""The queue asks about what is wrong, in good order, and its answers tell how good the merges are."""

import numpy as np
import pytest
from review_scene import MASKS, check, make_edited, make_lineage, make_run

from temtrack.analysis.measure import analyze_run
from temtrack.calibration import UNCALIBRATED
from temtrack.masks import Run, masks_of_arrays
from temtrack.review.corrections import Confirmed, MergeAccepted, MergeAdded, MergeRejected
from temtrack.review.estimate import answers_of, estimate_merges, estimate_share, wilson
from temtrack.review.log import Entry, Log, Reversal
from temtrack.review.places import Place
from temtrack.review.queue import SAMPLE_EVERY, Item, make_queue


def queue_of(masks=MASKS, **known):
    run = Run(masks_of_arrays(masks), make_lineage(), **known)
    return {item.key: item for item in make_queue(make_edited(masks), analyze_run(run, None, UNCALIBRATED))}


def test_each_odd_thing_is_asked_about():
    asked = {item.question for item in queue_of().values()}
    assert asked == {
        "Did 1 and 2 merge into 3 in frame 6?",
        "Does 5 of frame 6 go on as 6 in frame 7?",
        "Is 11 in frame 4 a particle?",
        "Was 10 dissolved after frame 8?",
    }


def test_both_answers_apply():
    for item in queue_of().values():
        for answer in (item.yes, item.no):
            run = make_edited()
            answer.apply(run)
            check(run)


def test_what_is_hidden_in_its_first_frame_goes_on_from_nothing():
    masks = MASKS.copy()
    masks[7][masks[7] == 6] = 0
    asked = {item.question for item in queue_of(masks).values()}
    assert "Was 5 lost after frame 6?" in asked
    assert not any("go on as 6" in question for question in asked)


def test_swapped_names_a_bad_outline_and_a_gap_are_found():
    masks = MASKS.copy()
    tail = masks[5:].copy()
    masks[5:][tail == 7], masks[5:][tail == 9] = 9, 7
    masks[8][(masks[8] == 8) & (np.indices(masks[8].shape)[0] > 70)] = 0
    masks[3][masks[3] == 4] = 0
    items = queue_of(masks)
    assert {"swap 5 7+9", "outline 8 8", "outline 3 4"} <= set(items)
    run = make_edited(masks)
    for key in ("swap 5 7+9", "outline 3 4"):
        items[key].yes.apply(run)
    items["outline 8 8"].no.apply(run)
    assert all(np.array_equal(run.labels(t) > 0, MASKS[t] > 0) for t in range(12))
    assert np.array_equal(run.labels(9) == 9, MASKS[9] == 9)


def test_a_missed_merge_is_found():
    masks = np.where(MASKS == 3, 1, MASKS)
    lineage = make_lineage()
    tracks = [t for t in lineage.tracks if t.id != 3]
    tracks = [
        type(t)(
            t.id, t.start, 11 if t.id == 1 else t.end, t.origin, {1: "present", 2: "lost"}.get(t.id, t.fate)
        )
        for t in tracks
    ]
    told = type(lineage)(12, tuple(tracks), ())
    tables = analyze_run(Run(masks_of_arrays(masks), told), None, UNCALIBRATED)
    run = make_edited(masks, told)
    (item,) = [item for item in make_queue(run, tables) if item.kind == "missed merge"]
    assert item.question == "Did 2 merge into 1 in frame 6?"
    item.yes.apply(run)
    check(run)
    assert run.lineage().merges[0].parents == (1, 2)


def test_an_odd_frame_is_asked_about():
    masks = MASKS.copy()
    masks[2][masks[2] > 4] = 0
    keys = set(queue_of(masks))
    assert "frame 2 " in keys
    assert "frame 2 " not in set(
        queue_of(masks, quality=["blurred" if t == 2 else "good" for t in range(12)])
    )


def test_the_order_is_doubt_times_change_with_a_sample_between():
    run = make_run()
    queue = make_queue(make_edited(), analyze_run(run, None, UNCALIBRATED))
    weights = [item.weight for item in queue if not item.is_sample]
    assert weights == sorted(weights, reverse=True)
    assert [item.is_sample for item in queue] == [False] * (SAMPLE_EVERY - 1) + [True]


def test_wilsons_interval_is_the_published_one():
    # Newcombe 1998, Stat. Med. 17, 857, table I: 81 of 263 and 0 of 20
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(0, 20) == pytest.approx((0, 0.1611), abs=1e-4)
    assert wilson(0, 0) == (0, 1)


def items_of(doubts, samples):
    return [
        Item(str(i), "merge", i, (i,), "", doubt, 1, MergeAccepted(Place(0, 0, 0)), None, i in samples)
        for i, doubt in enumerate(doubts)
    ]


def test_a_share_is_exact_where_all_was_answered():
    items = items_of([0.9, 0.1, 0.2], ())
    share = estimate_share(items, {"0": False, "1": True, "2": True})
    assert (share.value, share.low, share.high) == (2 / 3, 2 / 3, 2 / 3)


def test_the_doubtful_ones_do_not_stand_for_the_rest():
    items = items_of([0.9, 0.8, *[0.1] * 18], range(10, 20))
    answers = {"0": False, "1": False} | {str(i): True for i in range(10, 20)}
    share = estimate_share(items, answers)
    assert share.value == pytest.approx(0.9)
    assert (share.low, share.high) == pytest.approx((0.9 * wilson(10, 10)[0], 0.9))
    assert (share.n_reviewed, share.n) == (12, 20)
    assert np.isnan(estimate_share(items, {}).value)


def test_the_interval_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(5)
    n_held = 0
    for _ in range(200):
        doubts = rng.uniform(0, 0.6, 120)
        truth = rng.random(120) >= doubts
        order = rng.permutation(120)
        by_doubt = sorted(range(120), key=lambda i: (-doubts[i], i))[:15]
        sampled = items_of(doubts, set(order.tolist()))
        items = [sampled[i] for i in order]
        share = estimate_share(items, {str(i): bool(truth[i]) for i in {*by_doubt, *order[:25].tolist()}})
        n_held += share.low <= truth.mean() <= share.high
    assert n_held >= 185


def test_precision_and_recall_follow_from_the_log():
    at = Place(0, 0, 0)
    queue = [
        *items_of([0.9, 0.1], ()),
        Item("end", "missed merge", 0, (1,), "", 0.9, 1, MergeAdded(at, (at, at)), None),
        Item("other", "fate", 0, (1,), "", 0.1, 1, MergeAdded(at, (at, at)), None),
    ]
    done = {"0": MergeRejected(at), "1": MergeAccepted(at), "end": MergeAdded(at, (at, at))}
    entries = [Entry.now(one, item=key) for key, one in done.items()]
    entries += [Entry.now(Confirmed("fate", 0, at), item="other")]
    found = estimate_merges(queue, Log("x", tuple(entries)))
    assert (found["precision"].value, found["recall"].value) == (0.5, 0.5)
    undone = Log("x", (*entries, Entry.now(Reversal("undo", entries[0].id))))
    assert "0" not in answers_of(undone)[0]
    assert found["precision"].high == 0.5 < estimate_merges(queue, undone)["precision"].high
