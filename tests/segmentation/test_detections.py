"""Detections: the surer has the pixel, repeats count once, outlines are sampled between cells."""

from dataclasses import replace

import numpy as np
import pytest
from skimage.draw import disk

from temtrack.metrics.segmentation import score_segmentation
from temtrack.segmentation.detections import Detection, decode, encode

TOUCHING = np.zeros((60, 90), np.int32)
TOUCHING[disk((30, 25), 15)] = 1
TOUCHING[disk((30, 56), 15)] = 2


def disc(y, x, radius, score=0.9, cell_px=4):
    """A disc as a detector tells it: logits on coarse cells, the way to the outline in px."""
    n = int(2 * radius / cell_px) + 4
    top, left = (int((centre - radius) // cell_px) - 1 for centre in (y, x))
    middles = (np.arange(n) + 0.5) * cell_px
    way = radius - np.hypot(top * cell_px + middles[:, None] - y, left * cell_px + middles - x)
    box = (y - radius, x - radius, y + radius, x + radius)
    return Detection(box, way.astype(np.float32), (top * cell_px, left * cell_px), cell_px, score)


def labels_of(detections, shape, scale=1.0):
    return decode(detections, shape, scale).labels


def test_decoding_what_was_encoded_gives_the_labels_back():
    score = score_segmentation(labels_of(encode(TOUCHING), TOUCHING.shape), TOUCHING)
    assert (score.n_matched, score.iou) == (2, 1)


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_an_outline_is_finer_than_its_cells_at_any_scale(scale):
    labels = labels_of([disc(41.0 * scale, 50.0 * scale, 20 * scale)], (100, 100), scale)
    assert np.count_nonzero(labels) == pytest.approx(np.pi * 20**2, rel=0.03)
    y, x = (axis.mean() + 0.5 for axis in np.nonzero(labels))
    assert (y, x) == pytest.approx((41, 50), abs=0.1)


def test_the_line_between_two_discs_that_overlap_is_where_both_are_equally_sure():
    labels = labels_of([disc(30, 20, 15, 0.5), disc(30, 40, 15, 0.9)], (60, 60))
    assert (labels[:, :30] == 1).sum() == 0
    assert labels[30, 29] == 2
    assert labels[30, 30] == 1
    assert abs((labels == 1).sum() - (labels == 2).sum()) < 10


def test_what_surer_detections_cover_is_left_out():
    one, again, part = disc(30, 30, 15, 0.9), disc(31, 31, 14, 0.8), disc(30, 38, 5, 0.7)
    assert np.unique(labels_of([part, again, one], (60, 60))).tolist() == [0, 1]


def test_a_box_ends_a_mask_and_an_image_ends_both():
    detection = replace(disc(30, 30, 15), box=(15.0, 15.0, 45.0, 30.0))
    assert np.nonzero(labels_of([detection], (60, 60)))[1].max() == 29
    beyond = labels_of([disc(-2, 58, 15)], (60, 60))
    assert beyond.shape == (60, 60)
    assert beyond[0, 59]
    assert not labels_of([disc(200, 200, 15)], (60, 60)).any()
    assert not labels_of([], (3, 4)).any()


def test_a_detection_in_a_tile_lies_where_the_tile_does():
    shifted, there = disc(10, 12, 6).shifted(20, 32), disc(30, 44, 6)
    np.testing.assert_array_equal(labels_of([shifted], (60, 60)), labels_of([there], (60, 60)))


def test_many_particles_have_no_limit():
    detections = [disc(10 * i + 5, 10 * k + 5, 4) for i in range(30) for k in range(30)]
    assert labels_of(detections, (300, 300)).max() == 900


def test_scores_go_with_the_ids():
    found = decode([disc(30, 20, 9, 0.5), disc(30, 40, 9, 0.75)], (60, 60))
    assert found.scores.tolist() == [0.75, 0.5]
    assert found.labels[30, 40] == 1
    assert found.labels[30, 20] == 2
