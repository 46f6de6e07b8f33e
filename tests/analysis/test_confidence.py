import numpy as np
from cases import two_fuse

from temtrack.analysis.confidence import (
    MergeJudge,
    predict_fate_confidence,
    predict_origin_confidence,
)
from temtrack.analysis.particles import ParticleHistory, measure_particles
from temtrack.analysis.relinking import relink
from temtrack.imaging.labels import LabelImage
from temtrack.lineage import Lineage, Track
from temtrack.masks import Run, masks_of_arrays


def history_of(masks):
    parts = [measure_particles(LabelImage(labels), None, t) for t, labels in enumerate(masks)]
    return ParticleHistory({name: np.concatenate([p[name] for p in parts]) for name in parts[0]})


def confidences(lineage, history):
    judge = MergeJudge(history)
    return predict_fate_confidence(lineage, judge), predict_origin_confidence(lineage, judge)


def test_parents_and_child_are_as_sure_as_their_merge():
    masks = list(two_fuse().truth)
    lineage, history = relink(Run(masks_of_arrays(masks)))[0].lineage, history_of(masks)
    fates, origins = confidences(lineage, history)
    assert fates[1] == fates[2] == origins[3] > 0.8
    assert fates[90] > 0.9


def test_short_tracks_are_less_sure_and_what_nobody_knows_is_left_out():
    masks = np.zeros((30, 8, 8), np.int32)
    masks[:, 1:4, 1:4] = 1
    tracks = (
        Track(1, 0, 29, "present", "present"),
        Track(2, 0, 2, "present", "left"),
        Track(3, 0, 20, "present", "left"),
        Track(4, 0, 20, "appeared", "lost"),
    )
    lineage, history = Lineage(30, tracks, ()), history_of(masks)
    fates, origins = confidences(lineage, history)
    assert fates[2] < fates[3] < fates[1]
    assert 4 not in fates
    assert 4 not in origins
