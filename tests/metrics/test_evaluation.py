"""All measures on the scenes of the case bank, and on masks that lack something."""

from pathlib import Path

import numpy as np
import pytest
from cases import CASES, two_fuse

from temtrack.errors import InputError
from temtrack.linking.masks import link_masks
from temtrack.masks import Run, masks_of_arrays
from temtrack.metrics.evaluation import evaluate_masks


def tracked(frames, lineage=None):
    return Run(masks_of_arrays(frames, Path("masks")), lineage)


def linked(frames):
    result = link_masks(frames)
    labels = np.stack([frame.labels for frame in result])
    return tracked(labels, result.lineage)


FUSE = two_fuse()
TRUE = linked(FUSE.truth)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_result_that_is_the_truth_scores_one(case):
    """Even with ids of its own and without a lineage."""
    true = linked(case.truth)
    evaluation = evaluate_masks(tracked(np.stack(list(true.masks)) * 3), true)
    assert all(score.ap == score.boundary_f1 == 1 for score in evaluation.segmentation)
    assert evaluation.tracking.hota.hota == pytest.approx(1)
    assert (evaluation.tracking.matches.idf1, evaluation.tracking.ctc.det, evaluation.tracking.seg) == (
        1,
        1,
        1,
    )
    assert evaluation.events.fates.macro_f1 == 1
    for score in evaluation.events.merges.values():
        assert (len(score.missed), len(score.false)) == (0, 0)


def test_renumbered_masks_hold_the_same_merges():
    rng = np.random.default_rng(0)
    tables = [np.append(0, 1 + rng.permutation(99)) for _ in FUSE.truth]
    shuffled = np.stack([table[labels] for table, labels in zip(tables, FUSE.truth, strict=True)])
    evaluation = evaluate_masks(tracked(shuffled), TRUE)
    assert evaluation.events.widest.f1 == evaluation.events.fates.macro_f1 == 1
    assert evaluation.tracking.matches.idf1 < 0.5


def test_the_larger_parents_id_that_lives_on():
    kept_on = np.where(FUSE.truth == 3, 1, FUSE.truth)
    evaluation = evaluate_masks(tracked(kept_on), TRUE)
    assert evaluation.events.merges[0].f1 == evaluation.events.merges[0].exact_parents_fraction == 1


def test_a_hit_and_a_missed_merge_as_rows():
    (hit,) = evaluate_masks(TRUE, TRUE).events.rows()
    assert (hit["outcome"], hit["frame_error"], hit["exact"], hit["cause"]) == ("hit", 0, True, None)
    (missed,) = evaluate_masks(tracked(np.zeros_like(FUSE.truth)), TRUE).events.rows()
    assert (missed["outcome"], missed["found_frame"]) == ("missed", None)
    assert missed["true_frame"] == hit["true_frame"]


def test_a_truth_without_a_lineage_is_linked_too():
    evaluation = evaluate_masks(tracked(FUSE.truth), tracked(FUSE.truth))
    assert len(evaluation.events.merges[0].matches) == 1


def test_no_particle_found_scores_zero():
    evaluation = evaluate_masks(tracked(np.zeros_like(FUSE.truth)), TRUE)
    tracking = evaluation.tracking
    assert (tracking.ctc.tra, tracking.seg, tracking.hota.hota, tracking.matches.idf1) == (0, 0, 0, 0)
    assert (evaluation.events.widest.recall, evaluation.events.fates.macro_f1) == (0, 0)
    assert np.isnan(evaluation.events.widest.precision)


def test_nothing_at_all_is_no_error():
    empty = np.zeros((3, 9, 9), np.int32)
    evaluation = evaluate_masks(tracked(empty), tracked(empty))
    assert evaluation.segmentation[0].iou == 1
    assert np.isnan(evaluation.tracking.ctc.tra)
    assert np.isnan(evaluation.events.fates.macro_f1)


def test_one_frame_is_segmentation_alone():
    evaluation = evaluate_masks(tracked(FUSE.truth[:1]), tracked(FUSE.truth[:1]))
    assert len(evaluation.segmentation) == 1
    assert evaluation.tracking is evaluation.events is None


@pytest.mark.parametrize("cut", [np.s_[:5], np.s_[:, :60], np.s_[:, :, :60]])
def test_other_frames_than_the_truth_are_refused(cut):
    with pytest.raises(InputError, match="give masks and movie of the same frames"):
        evaluate_masks(tracked(FUSE.truth[cut]), TRUE)
