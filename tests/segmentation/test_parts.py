"""What is found in several boxes of an image is one segmentation of it."""

import numpy as np

from temtrack.segmentation.model import Segmentation
from temtrack.segmentation.parts import join_parts

IMAGE = np.zeros((20, 60), np.int32)
IMAGE[5:15, 2:8], IMAGE[5:15, 24:36], IMAGE[5:15, 50:58] = 1, 2, 3


def seen(box, scores):
    """What a perfect model sees of a box: particles numbered anew, cut where its edge cuts them."""
    part = IMAGE[box]
    ids = np.unique(part[part > 0])
    return Segmentation(np.searchsorted(ids, part).astype(np.int32) + (part > 0), np.float32(scores))


def test_a_particle_in_two_boxes_is_taken_from_the_one_that_does_not_cut_it():
    rows = slice(0, 20)
    boxes = [(rows, slice(0, 30)), (rows, slice(18, 60))]
    for order in (slice(None), slice(None, None, -1)):
        parts = [seen(boxes[0], [0.1, 0.2]), seen(boxes[1], [0.3, 0.4])]
        joined = join_parts(IMAGE.shape, boxes[order], parts[order])
        score_at = np.append(0, joined.scores)[joined.labels]
        np.testing.assert_allclose(score_at, np.array([0, 0.1, 0.3, 0.4], np.float32)[IMAGE])
        assert len(joined.scores) == joined.labels.max() == 3


def test_boxes_without_particles_and_no_boxes_are_empty():
    box = (slice(0, 20), slice(9, 20))
    for boxes, parts in (([], []), ([box], [seen(box, [])])):
        joined = join_parts(IMAGE.shape, boxes, parts)
        assert joined.labels.shape == IMAGE.shape
        assert not joined.labels.any()
        assert len(joined.scores) == 0
