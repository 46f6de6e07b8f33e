import numpy as np
import pytest
import torch
import torch.nn.functional as F

from temtrack.imaging.labels import LabelImage
from temtrack.tracking.deaot.decoding import Axis, assign_ids, sample_colours
from temtrack.tracking.deaot.gating import Gates, apply_fallback


def square(labels, y, x, side, value):
    labels[y : y + side, x : x + side] = value
    return labels


def test_sampling_equals_the_argmax_of_bilinear_logits():
    logits = np.random.default_rng(0).normal(size=(5, 9, 13)).astype(np.float32)
    full = F.interpolate(torch.from_numpy(logits)[None], (33, 49), mode="bilinear", align_corners=True)
    rows, columns = Axis.at(np.arange(33) / 4, 9), Axis.at(np.arange(49) / 4, 13)
    sampled = sample_colours(logits, rows, columns)
    assert (sampled == full[0].argmax(0).numpy()).mean() > 0.998  # ties apart


def test_pixels_go_to_the_nearest_expected_mask_of_their_colour():
    expected = square(square(np.zeros((40, 120), np.int32), 10, 10, 10, 70_001), 10, 90, 10, 5)
    square(expected, 10, 50, 10, 9)
    colour_of_id = {70_001: 1, 5: 1, 9: 2}
    colours = square(square(np.zeros((40, 120), np.uint8), 12, 16, 10, 1), 8, 84, 10, 1)
    square(colours, 14, 54, 10, 2)
    labels = assign_ids(colours, expected, colour_of_id, reach_px=12)
    assert set(np.unique(labels[12:22, 16:26])) == {70_001}
    assert set(np.unique(labels[8:18, 84:94])) == {5}
    assert set(np.unique(labels[14:24, 54:64])) == {9}
    assert (labels != 0).sum() == 300


def test_what_is_out_of_reach_or_a_fragment_is_dropped():
    expected = square(np.zeros((60, 60), np.int32), 5, 5, 10, 1)
    colours = square(np.zeros((60, 60), np.uint8), 5, 5, 10, 1)
    square(colours, 40, 40, 10, 1)
    square(colours, 5, 18, 3, 1)
    labels = assign_ids(colours, expected, {1: 1}, reach_px=12)
    assert np.array_equal(labels, expected)


def test_nothing_expected_or_nothing_seen_gives_nothing():
    empty = np.zeros((20, 20), np.int32)
    colours = square(np.zeros((20, 20), np.uint8), 5, 5, 5, 3)
    assert not assign_ids(colours, empty, {}, 10).any()
    assert not assign_ids(0 * colours, square(empty.copy(), 4, 4, 5, 8), {8: 3}, 10).any()


@pytest.fixture
def expected():
    """Three particles well inside, 7 at the border."""
    labels = np.zeros((80, 80), np.int32)
    for value, (y, x) in {1: (20, 20), 2: (20, 31), 3: (55, 50), 7: (40, 0)}.items():
        square(labels, y, x, 10, value)
    return labels


def test_a_particle_that_vanished_stands_where_it_was_expected(expected):
    found = np.where(expected == 3, 0, expected)
    assert np.array_equal(apply_fallback(found, LabelImage(expected), Gates()), expected)
    assert np.array_equal(apply_fallback(np.zeros_like(found), LabelImage(expected), Gates()), expected)


def test_one_swallowed_by_its_neighbour_is_cut_out_of_it(expected):
    found = np.where(expected == 2, 1, expected)
    assert np.array_equal(apply_fallback(found, LabelImage(expected), Gates()), expected)


def test_one_that_ran_away_over_the_ground_is_put_back(expected):
    found = expected.copy()
    found[50:75, 40:75] = 3
    assert np.array_equal(apply_fallback(found, LabelImage(expected), Gates()), expected)


def test_a_particle_cut_by_the_border_stands_in_as_any_other(expected):
    found = np.where(expected == 7, 0, expected)
    assert np.array_equal(apply_fallback(found, LabelImage(expected), Gates()), expected)


def test_one_whose_place_is_taken_back_keeps_a_pixel(expected):
    found = np.where(expected == 2, 1, expected)
    found[expected == 1] = 0
    found[expected == 2] = 1  # 1 stands where 2 is expected, and 2 nowhere
    labels = apply_fallback(found, LabelImage(expected), Gates())
    assert (labels == 2).sum() == (expected == 2).sum()
    assert (labels == 1).sum() == 1


def test_plausible_answers_are_taken_as_they_are(expected):
    found = np.roll(expected, (3, 2), axis=(0, 1))
    assert np.array_equal(apply_fallback(found, LabelImage(expected), Gates()), found)
