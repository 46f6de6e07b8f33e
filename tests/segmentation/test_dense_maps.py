"""Labels survive the way through the three maps and back."""

import numpy as np
import pytest
from scipy import ndimage
from skimage.draw import disk
from skimage.segmentation import watershed

from temtrack.metrics.segmentation import score_segmentation
from temtrack.segmentation.dense_maps import BOUNDARY, FOREGROUND, MARKER, MIN_PROBABILITY, decode, encode


def discs(*centres_and_radii, shape=(96, 128)):
    labels = np.zeros(shape, np.int32)
    for i, (y, x, r) in enumerate(centres_and_radii, 1):
        labels[disk((y, x), r, shape=shape)] = i
    return labels


TOUCHING = discs((40, 40, 16), (40, 71, 15), (80, 100, 10))


def test_decoding_gives_back_touching_particles():
    score = score_segmentation(decode(encode(TOUCHING)), TOUCHING)
    assert (score.n_matched, score.n_found) == (3, 3)
    assert score.matched_iou / 3 > 0.97


def test_the_boundary_lies_between_touching_particles_only():
    maps = encode(TOUCHING)
    rows, columns = np.nonzero(maps[BOUNDARY])
    assert len(rows)
    assert abs(columns.mean() - 55.5) < 2
    assert not maps[BOUNDARY][60:].any()


def test_markers_of_touching_particles_are_apart_and_within_the_foreground():
    maps = encode(TOUCHING)
    assert not (maps[MARKER] > maps[FOREGROUND]).any()
    assert not maps[MARKER][:, 53:58].any()


def test_a_particle_too_small_for_a_margin_keeps_a_marker():
    labels = discs((20, 20, 1.5), (20, 60, 20))
    assert encode(labels)[MARKER][labels == 1].any()


def test_what_is_hardly_probable_is_no_particle():
    labels = np.zeros((60, 60), np.int32)
    labels[5:25, 5:25], labels[35:55, 35:55] = 1, 2
    maps = encode(labels)
    maps[FOREGROUND][labels == 2] = 0.6
    np.testing.assert_array_equal(decode(maps), np.where(labels == 1, 1, 0))
    maps[FOREGROUND][labels == 2] = 0.8
    np.testing.assert_array_equal(decode(maps) > 0, labels > 0)


def test_foreground_without_a_marker_is_a_particle():
    maps = np.zeros((3, 20, 20), np.float32)
    maps[FOREGROUND, 5:10, 5:10] = 1
    assert decode(maps).max() == 1


@pytest.mark.parametrize("shape", [(1, 1), (1, 9)])
def test_tiny_images(shape):
    labels = np.ones(shape, np.int32)
    assert decode(encode(labels)).shape == shape


def test_flooding_only_what_seeds_share_is_flooding_all():
    rng = np.random.default_rng(0)
    maps = ndimage.gaussian_filter(rng.normal(0.5, 1.0, (3, 120, 90)), (0, 2, 2)).astype(np.float32)
    maps = np.clip((maps - 0.5) * 4 + [[[0.7]], [[0.6]], [[0.4]]], 0, 1).astype(np.float32)
    foreground = maps[FOREGROUND] > 0.5
    seeds, n_seeds = ndimage.label(
        foreground & (maps[MARKER] > 0.5) & (maps[BOUNDARY] < 0.5), np.ones((3, 3))
    )
    parts, n_parts = ndimage.label(foreground)
    n_in_part = [len(np.unique(seeds[(parts == part) & (seeds > 0)])) for part in range(1, n_parts + 1)]
    assert {0, 1, 2} <= set(n_in_part)  # parts without a seed, with one, and with several
    orphans = foreground & ~np.isin(parts, parts[seeds > 0])
    flooded = watershed(
        maps[BOUNDARY] - maps[MARKER], np.where(orphans, parts + n_seeds, seeds), mask=foreground
    )
    kept = [
        i for i in np.unique(flooded[flooded > 0]) if maps[FOREGROUND][flooded == i].mean() >= MIN_PROBABILITY
    ]
    expected = np.searchsorted(kept, flooded) + 1
    np.testing.assert_array_equal(decode(maps), np.where(np.isin(flooded, kept), expected, 0))
