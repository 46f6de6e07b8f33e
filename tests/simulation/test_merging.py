from dataclasses import replace

import numpy as np
import pytest

from temtrack.lineage import NECK_RATIO
from temtrack.simulation.merging import (
    NeckGrowth,
    closeness,
    content,
    first_frame_for_good,
    joins,
    merge_grains,
)
from temtrack.simulation.projection import Grains, project
from temtrack.simulation.shapes import N_ANGLES
from temtrack.simulation.specimen import GrainPaths, ParticleGroup

RADIUS_PX = 20.0
GROWTH = NeckGrowth(contact=4, neck_frames=5, exponent=2, relax_frames=4)


def spheres(n: int, n_frames: int = 60) -> ParticleGroup:
    contours = np.ones((n, N_ANGLES), dtype=np.float32)
    return ParticleGroup(np.full(n, RADIUS_PX), contours, n_frames, motion_px=0.0)


def still(places: np.ndarray) -> Grains:
    n = len(places)
    return GrainPaths.of_group(spheres(n), places[None], np.zeros(n)).grains(0)


def in_a_row(n: int) -> np.ndarray:
    return np.column_stack([np.zeros(n), 2 * RADIUS_PX * (np.arange(n) - (n - 1) / 2)])


def merged(n: int) -> tuple[GrainPaths, int]:
    return merge_grains(spheres(n), in_a_row(n), np.zeros(n), GROWTH)


@pytest.mark.parametrize(("n", "ratio"), [(2, 0.794), (3, 0.693)])
def test_relaxed_child_of_equal_spheres_has_the_area_of_conserved_volume(n, ratio):
    paths, _ = merged(n)
    last = replace(paths, place_px=80 + paths.place_px).grains(-1)
    area = np.count_nonzero(project(last, 160, 160).owner >= 0)
    assert area / (n * np.pi * RADIUS_PX**2) == pytest.approx(ratio, abs=0.005)


def test_volume_of_a_sphere():
    assert content(still(np.zeros((1, 2))), 3) == pytest.approx(4 / 3 * np.pi * RADIUS_PX**3, rel=2e-3)


def test_volume_is_kept_in_every_frame():
    paths, _ = merged(2)
    two_spheres = 2 * 4 / 3 * np.pi * RADIUS_PX**3
    for t in range(0, 30, 3):
        assert content(paths.grains(t), 3) == pytest.approx(two_spheres, rel=5e-3)


def test_merge_is_where_the_planned_neck_reaches_its_ratio():
    _, merge_frame = merged(2)
    assert merge_frame == pytest.approx(GROWTH.contact + GROWTH.neck_frames, abs=1)


@pytest.mark.parametrize("half_width", [0.2, 0.28, 0.32, 0.5])
def test_spheres_join_where_their_circle_of_intersection_is_wide_enough(half_width):
    distance = 2 * RADIUS_PX * np.sqrt(1 - half_width**2)
    body = still(np.array([[0.0, 0.0], [0.0, distance]]))
    assert joins(body, spheres(2).radius_px)[0, 1] == (half_width >= NECK_RATIO)


def test_centres_draw_together_without_return():
    s = closeness(GROWTH, 60, 14.0, 9.0)
    assert s[GROWTH.contact] == 1
    assert np.all(np.diff(s) <= 0)
    assert s[-1] == 0


def test_no_merge_where_the_movie_ends_too_early():
    assert merge_grains(spheres(2, n_frames=10), in_a_row(2), np.zeros(2), GROWTH) is None


@pytest.mark.parametrize(("since", "expected"), [(0, 0), (7, 7), (20, 20), (21, None)])
def test_first_frame_for_good(since, expected):
    assert first_frame_for_good(lambda t: t >= since, 0, 20) == expected
