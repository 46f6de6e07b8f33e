"""Each kind of correction does what it says, to masks and to the family tree, and else says why not."""

from dataclasses import replace

import numpy as np
import pytest
from review_scene import MASKS, check, did, make_edited, place

from temtrack.review.corrections import (
    Confirmed,
    FateTold,
    FrameExcluded,
    IdsSwapped,
    LinkCut,
    LinkMade,
    MergeAccepted,
    MergeAdded,
    MergeFrame,
    MergeParents,
    MergeRejected,
    Note,
    ParticleDeleted,
    ParticlesJoined,
)
from temtrack.review.outlines import ParticleCopied, ParticleOutlined, ParticleSplit, fill
from temtrack.review.places import Needless, Place, Stale


@pytest.fixture
def run():
    return make_edited()


def test_nothing_is_changed_by_nothing(run):
    check(run)
    assert all(np.array_equal(a, b) for a, b in zip(run.masks, MASKS, strict=True))
    assert run.gap_filled() == {}


def test_an_accepted_merge_stays_and_is_known_as_reviewed(run):
    before = run.lineage()
    did(run, MergeAccepted(place(run, 3, 6)))
    assert run.lineage() == before
    assert run.reviewed == set(before.merges)


def test_a_merge_is_found_by_a_parent_too(run):
    did(run, MergeRejected(place(run, 1, 5)))
    assert run.lineage().merges == ()


def test_after_a_rejected_merge_nobody_knows(run):
    tracks = did(run, MergeRejected(place(run, 3, 6)))
    assert [tracks[1].fate, tracks[2].fate, tracks[3].origin] == ["lost", "lost", "appeared"]


def test_after_a_rejected_merge_a_parent_may_go_on(run):
    tracks = did(run, MergeRejected(place(run, 3, 6), place(run, 1, 5)))
    assert 3 not in tracks
    assert (tracks[1].end, tracks[1].fate, tracks[2].fate) == (11, "present", "lost")
    assert np.array_equal(run.labels(9) == 1, MASKS[9] == 3)


def test_a_merge_gets_other_parents(run):
    tracks = did(run, MergeParents(place(run, 3, 6), (place(run, 1, 5), place(run, 5, 5))))
    assert tracks[3].parents == (1, 5)
    assert tracks[2].fate == "lost"
    assert (tracks[5].end, tracks[5].fate) == (5, "merged")
    (rest,) = set(tracks) - set(range(1, 12))
    assert (tracks[rest].start, tracks[rest].end) == (6, 6)


def test_a_merge_was_earlier(run):
    tracks = did(run, MergeFrame(place(run, 3, 6), 4))
    assert [tracks[1].end, tracks[2].end, tracks[3].start] == [3, 3, 4]
    assert np.array_equal(run.labels(5) == 3, np.isin(MASKS[5], (1, 2)))
    assert {m.frame for m in run.reviewed} == {4}


def test_a_merge_was_later(run):
    tracks = did(run, MergeFrame(place(run, 3, 6), 8))
    assert {m.frame for m in run.reviewed} == {m.frame for m in run.merges} == {8}
    assert [tracks[1].end, tracks[2].end, tracks[3].start] == [7, 7, 8]
    for t in (6, 7):
        assert np.array_equal(np.isin(run.labels(t), (1, 2)), MASKS[t] == 3)
        left, right = (np.argwhere(run.labels(t) == one)[:, 1].mean() for one in (1, 2))
        assert left < 35 < right


@pytest.mark.parametrize("frame", [0, 12])
def test_a_merge_is_not_moved_to_where_it_cannot_be(run, frame):
    with pytest.raises(Stale):
        MergeFrame(place(run, 3, 6), frame).apply(run)


def test_a_missed_merge_is_added(run):
    tracks = did(run, MergeAdded(place(run, 9, 9), (place(run, 9, 8), place(run, 10, 8))))
    (child,) = set(tracks) - set(range(1, 12))
    assert tracks[child].parents == (9, 10)
    assert (tracks[child].start, tracks[9].end) == (9, 8)
    assert len(run.lineage().merges) == 2
    assert len(run.reviewed) == 1


def test_a_broken_link_is_made(run):
    tracks = did(run, LinkMade(place(run, 5, 6), place(run, 6, 7)))
    assert 6 not in tracks
    assert (tracks[5].start, tracks[5].end, tracks[5].fate) == (0, 11, "present")


def test_a_link_into_the_child_of_a_merge_takes_the_merge_back(run):
    tracks = did(run, LinkMade(place(run, 2, 5), place(run, 3, 6)))
    assert run.lineage().merges == ()
    assert (tracks[2].end, tracks[1].fate) == (11, "lost")


def test_a_link_from_a_parent_leaves_the_child_to_the_other(run):
    tracks = did(run, LinkMade(place(run, 2, 5), place(run, 6, 7)))
    assert run.lineage().merges == ()
    assert tracks[1].end == tracks[2].end == 11


def test_a_fragment_splits_off(run):
    tracks = did(run, LinkMade(place(run, 5, 6), place(run, 6, 7), as_split=True))
    assert (tracks[6].origin, tracks[6].parents) == ("split", (5,))


def test_a_link_is_cut(run):
    tracks = did(run, LinkCut(place(run, 4, 5)))
    (tail,) = set(tracks) - set(range(1, 12))
    assert (tracks[4].end, tracks[4].fate) == (4, "lost")
    assert (tracks[tail].start, tracks[tail].origin, tracks[tail].fate) == (5, "appeared", "present")


def test_what_is_cut_before_a_merge_is_its_parent(run):
    tracks = did(run, LinkCut(place(run, 1, 3)))
    (tail,) = set(tracks) - set(range(1, 12))
    assert tracks[3].parents == (tail, 2)


def test_ids_are_swapped(run):
    tracks = did(run, IdsSwapped(place(run, 7, 5), place(run, 8, 5)))
    assert set(tracks) == set(range(1, 12))
    assert np.array_equal(run.labels(5) == 7, MASKS[5] == 8)
    assert np.array_equal(run.labels(4) == 7, MASKS[4] == 7)


def test_a_particle_is_deleted_here(run):
    tracks = did(run, ParticleDeleted(place(run, 4, 5)))
    assert 4 not in run.labels(5)
    assert (tracks[4].start, tracks[4].end) == (0, 11)


def test_a_particle_is_deleted_everywhere(run):
    assert 11 not in did(run, ParticleDeleted(place(run, 11, 5), everywhere=True))


def test_a_merge_of_a_deleted_parent_is_none(run):
    tracks = did(run, ParticleDeleted(place(run, 2, 3), everywhere=True))
    assert run.lineage().merges == ()
    assert (tracks[1].end, 3 in tracks) == (11, False)


def test_a_deleted_child_leaves_its_parents_lost(run):
    tracks = did(run, ParticleDeleted(place(run, 3, 8), everywhere=True))
    assert (tracks[1].fate, tracks[2].fate) == ("lost", "lost")


def test_a_child_deleted_in_its_first_frame_begins_later(run):
    did(run, ParticleDeleted(place(run, 3, 6)))
    assert run.lineage().merges[0].frame == 7


def test_a_particle_is_split_by_a_line(run):
    tracks = did(run, ParticleSplit(place(run, 4, 5), ((60.0, 18.0), (80.0, 18.0))))
    (new,) = set(tracks) - set(range(1, 12))
    labels = run.labels(5)
    assert np.array_equal((labels == 4) | (labels == new), MASKS[5] == 4)
    assert np.argwhere(labels == new)[:, 1].max() < 18 <= np.argwhere(labels == 4)[:, 1].min()


def test_a_line_beside_a_particle_splits_nothing(run):
    with pytest.raises(Stale, match="does not divide"):
        ParticleSplit(place(run, 4, 5), ((60.0, 40.0), (80.0, 40.0))).apply(run)


@pytest.mark.parametrize(("everywhere", "frames"), [(False, {5}), (True, set(range(3, 9)))])
def test_fragments_are_joined(run, everywhere, frames):
    tracks = did(run, ParticlesJoined(place(run, 9, 5), place(run, 10, 5), everywhere))
    assert {t for t in range(12) if 10 in MASKS[t] and 10 not in run.labels(t)} == frames
    assert (10 in tracks) != everywhere


def test_joined_fragments_are_found_by_their_centre(run):
    ParticlesJoined(place(run, 9, 5), place(run, 10, 5)).apply(run)
    assert run.find(place(run, 9, 5)) == (9, 5)


def test_a_particle_is_outlined_anew(run):
    ring = ((60.0, 10.0), (60.0, 30.0), (75.0, 30.0), (75.0, 10.0))
    did(run, ParticleOutlined(5, (ring,), place(run, 4, 5)))
    inside = np.zeros(MASKS[5].shape, bool)
    inside[60:75, 10:30] = True
    assert np.array_equal(run.labels(5) == 4, inside)


def test_an_outline_takes_the_pixels_of_others(run):
    ring = ((0.0, 70.0), (0.0, 120.0), (50.0, 120.0), (50.0, 70.0))
    tracks = did(run, ParticleOutlined(3, (ring,)))
    assert {9, 10} & set(np.unique(run.labels(3)).tolist()) == set()
    assert tracks[10].start == 4


def test_a_ring_in_a_ring_is_a_hole():
    rings = tuple(
        tuple(map(tuple, np.array([[0, 0], [0, n], [n, n], [n, 0]]) + 2.0 + k)) for n, k in ((6, 0), (2, 2))
    )
    mask = fill(rings, (10, 10))
    assert mask.sum() == 36 - 4
    assert not mask[4, 4]


def test_a_fate_is_told(run):
    tracks = did(run, FateTold(place(run, 2, 5), "dissolved"))
    assert tracks[2].fate == "dissolved"
    assert run.lineage().merges == ()
    assert tracks[1].end == 11


def test_a_frame_is_excluded(run):
    did(run, FrameExcluded(7))
    assert run.quality[7] == "excluded"


def test_words_change_nothing(run):
    before = run.lineage()
    did(run, Note("dirt?", 5, place(run, 11, 5)))
    did(run, Confirmed("fate", 6, place(run, 5, 6)))
    assert run.lineage() == before


NOWHERE = Place(5, 2.0, 2.0)
HERE = Place(5, 70.0, 20.0)
STALE = {
    "no particle there": (ParticleDeleted(NOWHERE), "no particle in frame 5 at y=2, x=2"),
    "a fragment of it": (ParticleDeleted(replace(HERE, area_px=900.0)), "differs in area by a factor of 4.6"),
    "perhaps another one": (ParticleDeleted(replace(HERE, area_px=60.0)), "in area by a factor of 3.3"),
    "one of another size": (LinkCut(replace(HERE, area_px=40.0)), "differs in area by a factor of 4.9"),
    "no such frame": (ParticleDeleted(replace(HERE, frame=12)), "frame 12 is not in this run"),
    "no merge": (MergeAccepted(HERE), "of no merge"),
    "no parent": (MergeRejected(Place(6, 25, 35), HERE), "is no parent"),
    "one parent": (MergeAdded(Place(6, 25, 35), (HERE, HERE)), "less than two"),
    "late parent": (MergeAdded(HERE, (HERE, Place(5, 70, 45))), "or later"),
    "begins there": (LinkCut(replace(HERE, frame=0)), "begins in frame 0"),
    "one already": (LinkMade(replace(HERE, frame=2), HERE), "one particle already"),
    "not before": (LinkMade(HERE, Place(5, 70, 45)), "not before"),
    "not of one frame": (IdsSwapped(HERE, Place(6, 70, 45)), "of one frame"),
    "nothing to swap": (IdsSwapped(Place(7, 70, 20), Place(7, 70, 46)), "nothing to swap"),
    "itself": (ParticlesJoined(HERE, HERE), "two particles"),
    "an empty ring": (ParticleOutlined(5, (((0.0, 0.0), (0.0, 1.0), (0.1, 0.0)),)), "no pixel"),
}


@pytest.mark.parametrize("name", STALE)
def test_what_does_not_apply_says_why(run, name):
    correction, reason = STALE[name]
    with pytest.raises(Stale, match=reason):
        correction.apply(run)


#: What a run holds already, as one that was tracked anew may.
NEEDLESS = {
    "no particle there": ParticleDeleted(NOWHERE),
    "a speck within a particle": ParticleDeleted(replace(HERE, area_px=40.0)),
    "begins there": LinkCut(replace(HERE, frame=0)),
    "one already": LinkMade(replace(HERE, frame=2), HERE),
    "not merged": MergeRejected(HERE),
    "goes on": MergeRejected(HERE, replace(HERE, frame=4)),
    "not swapped": IdsSwapped(HERE, Place(5, 70, 45), (Place(4, 70, 45), replace(HERE, frame=4))),
    "joined": ParticlesJoined(HERE, replace(HERE, y_px=71.0)),
}


@pytest.mark.parametrize("name", NEEDLESS)
def test_what_the_run_holds_already_is_needless(run, name):
    before = run.lineage()
    with pytest.raises(Needless):
        NEEDLESS[name].apply(run)
    assert run.lineage() == before


def test_frames_are_those_of_the_movie():
    run = make_edited(frames=range(100, 124, 2))
    ParticleDeleted(Place(110, 70.0, 20.0)).apply(run)
    assert 4 not in run.labels(5)
    with pytest.raises(Stale, match="frame 111 is not"):
        run.frame_of(111)


def _random(run, rng):
    """Return some correction of particles that are there."""
    t = int(rng.integers(1, 11))
    before, now = list(run.particles(t - 1)), list(run.particles(t))

    def some(ids, frame):
        return run.place(int(rng.choice(ids)), frame)

    at, other = some(now, t), some(now, t)
    ring = tuple((at.y_px + y, at.x_px + x) for y, x in ((-6, -6), (-6, 5), (7, 5), (6, -7)))
    children = [run.place(m.child, m.frame) for m in run.merges] or [at]
    child = children[int(rng.integers(len(children)))]
    some_of_each = [
        MergeAccepted(child),
        MergeRejected(child, some(before, t - 1) if rng.random() < 0.5 else None),
        MergeParents(child, (some(before, t - 1), some(before, t - 1), some(before, t - 1))),
        MergeFrame(child, t),
        MergeAdded(at, (some(before, t - 1), some(before, t - 1))),
        LinkMade(some(before, t - 1), at, bool(rng.random() < 0.3)),
        LinkCut(at),
        IdsSwapped(at, other),
        ParticleDeleted(at, bool(rng.random() < 0.3)),
        ParticleSplit(at, ((at.y_px, at.x_px), (at.y_px + 1, at.x_px + 1))),
        ParticlesJoined(at, other, bool(rng.random() < 0.3)),
        ParticleOutlined(at.frame, (ring,), at if rng.random() < 0.7 else None),
        ParticleCopied(some(before, t - 1), t),
        FateTold(at, "dissolved"),
        FrameExcluded(t),
        Confirmed("particle", t, at),
        Note("", t),
    ]
    return some_of_each[int(rng.integers(len(some_of_each)))]


@pytest.mark.parametrize("seed", range(12))
def test_whatever_is_corrected_masks_and_lineage_agree(seed):
    run, rng, n_applied = make_edited(), np.random.default_rng(seed), 0
    for _ in range(25):
        trial = run.copy()
        try:
            _random(run, rng).apply(trial)
        except Stale:
            continue
        check(trial)
        run, n_applied = trial, n_applied + 1
    assert n_applied > 8
