"""Clips show what their source shows, and call right what a propagator can know."""

from itertools import pairwise

import numpy as np
import pytest
from skimage.draw import disk

from temtrack.nets.deaot.model import N_IDS
from temtrack.training.data.clip_source import ClipSource
from temtrack.training.data.clips import cut_clip, paint


def scene(*places, shape=(80, 80), radius=8):
    labels = np.zeros(shape, np.int32)
    for number, place in places:
        labels[disk(place, radius, shape=shape)] = number
    return labels


def bits(*colours):
    return sum(1 << int(colour) for colour in colours)


def painted(frames, references=(0,), parents=None, n_colours=N_IDS, seed=0):
    return paint(frames, references, parents or {}, n_colours, np.random.default_rng(seed))


ONE, TWO = (1, (20, 20)), (2, (20, 60))


def test_a_particle_keeps_one_colour_and_background_is_background():
    frames = [scene(ONE, TWO), scene((1, (24, 22)), (2, (25, 61)))]
    colours, allowed = painted(frames)
    a, b = colours[0, 20, 20], colours[0, 20, 60]
    assert a != b
    assert min(a, b) > 0
    assert (colours[1][frames[1] == 1] == a).all()
    assert (allowed[1][frames[1] == 2] == bits(b)).all()
    assert (allowed[frames == np.int32(0)] == bits(0)).all()


def test_a_child_may_have_the_colour_of_any_parent_also_of_one_that_was_never_seen():
    three = (3, (60, 20))
    frames = [scene(ONE, TWO, three), scene((5, (40, 40)))]
    colours, allowed = painted(frames, parents={4: (2, 1), 5: (4, 3)})
    assert allowed[1, 40, 40] == bits(*(colours[0][place] for _, place in (ONE, TWO, three)))
    assert colours[1, 40, 40] == colours[0][TWO[1]]  # the truth names the largest parent


def test_a_child_is_left_out_where_a_parent_is_unknown():
    _, allowed = painted([scene(ONE), scene((3, (40, 40)))], parents={3: (1, 2)})
    assert allowed[1, 40, 40] == 0


def test_new_particles_are_left_out_until_a_reference_shows_them():
    frames = [scene(ONE), scene(ONE, TWO), scene(ONE, TWO)]
    colours, allowed = painted(frames)
    assert (allowed[1:, 20, 60] == 0).all()
    assert (colours[1:, 20, 60] == 0).all()
    colours, allowed = painted(frames, references=(0, 1))
    assert (allowed[1:, 20, 60] == bits(colours[1, 20, 60])).all()
    assert colours[1, 20, 60] not in (0, colours[0, 20, 20])


def test_a_reference_settles_the_colour_of_a_child():
    child = scene((3, (20, 40)))
    colours, allowed = painted([scene(ONE, TWO), child, child], references=(0, 1), parents={3: (1, 2)})
    assert (allowed[1:, 20, 40] == bits(colours[0, 20, 20])).all()


def test_equal_colours_stand_as_far_apart_as_can_be():
    row = scene(*((i + 1, (20, 12 + 20 * i)) for i in range(9)), shape=(40, 190))
    colours, _ = painted([row], n_colours=3)
    found = [colours[0, 20, 12 + 20 * i] for i in range(9)]
    assert len(set(found)) == 3
    assert all(a != b for a, b in pairwise(found))


def still(labels, scale=1.0):
    image = np.where(labels > 0, 0.2, 0.8).astype(np.float32)
    return ClipSource(30, lambda t: (image, labels), scale)


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_clips_are_of_the_wanted_size_and_scale(scale):
    source = still(scene((1, (40, 40)), radius=15), scale)
    rng = np.random.default_rng(1)
    areas = []
    for _ in range(20):
        clip = cut_clip(source, (4, 129), (0,), rng)
        assert clip.images.shape == clip.colours.shape == clip.allowed.shape == (4, 129, 129)
        assert clip.images.min() >= 0
        assert clip.images.max() <= 1
        areas.append(max(np.count_nonzero(colours) for colours in clip.colours))
    assert np.pi * (15 * scale) ** 2 * 0.7 < np.median(areas)


def test_the_same_seed_gives_the_same_clip():
    source = still(scene(ONE, TWO), 1.3)
    a, b = (cut_clip(source, (5, 65), (0, 2), np.random.default_rng(7)) for _ in range(2))
    assert np.array_equal(a.images, b.images)
    assert np.array_equal(a.allowed, b.allowed)
