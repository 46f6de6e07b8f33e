"""What is left of a segmentation without its small particles, and the scores that go with it."""

import numpy as np
import pytest
from skimage.draw import disk

from temtrack.segmentation.model import Segmentation

LABELS = np.zeros((96, 128), np.int32)
for i, (y, x, r) in enumerate([(40, 40, 16), (40, 71, 15), (80, 100, 3)], start=1):
    LABELS[disk((y, x), r)] = 7 * i  # the last has a 28th of their area
SCORES = np.linspace(0, 1, 21, dtype=np.float32)


@pytest.mark.parametrize(("min_area_px", "n_left"), [(None, 2), (0, 3), (10, 3), (400, 2), (5000, 0)])
def test_what_is_too_small_is_dropped_and_the_rest_numbered_anew(min_area_px, n_left):
    left = Segmentation(LABELS, SCORES).without_small(min_area_px)
    assert np.unique(left.labels).tolist() == list(range(n_left + 1))
    assert left.scores.tolist() == SCORES[[6, 13, 20][:n_left]].tolist()


def test_an_empty_one_has_a_score_for_each_prompt():
    empty = Segmentation.empty((3, 4), 2)
    assert (empty.labels.shape, empty.labels.dtype, empty.labels.any()) == ((3, 4), np.int32, False)
    assert np.isnan(empty.scores).tolist() == [True, True]
    assert Segmentation.empty((3, 4)).without_small().scores.shape == (0,)
