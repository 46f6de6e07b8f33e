import numpy as np
import pytest
from cases import CASES, Disc, draw

from temtrack.imaging.labels import LabelImage, measure_regions
from temtrack.linking.motion import Prediction
from temtrack.tracking.centroids import CentroidTracker, find_steps, search_range_px
from temtrack.tracking.engine import track_movie


def grid(n=30, step=(0, 0), radius=4, seed=0):
    """n discs, each of the same id, all moved by a step."""
    rows = [Disc(i + 1, 12 + 18 * (i % 3) + step[0], 12 + 18 * (i // 3) + step[1], radius) for i in range(n)]
    return draw(rows, 1, (64, 200))[0]


def shuffled(labels, seed):
    table = np.r_[0, np.random.default_rng(seed).permutation(int(labels.max())) + 1]
    return table[labels]


def test_each_mask_moves_with_its_centroid():
    before, after = LabelImage(grid()), grid(step=(2, -3))
    tracker = CentroidTracker()
    tracker.add_reference(before.labels, before)
    found = tracker.propagate(after, LabelImage(shuffled(after, 5)), Prediction(before, (0.0, 0.0)))
    np.testing.assert_array_equal(found.labels, after)


def test_partners_are_looked_for_from_where_the_field_has_moved():
    before, after = measure_regions(grid()), measure_regions(grid(step=(-9, 18)))
    np.testing.assert_allclose(find_steps(before, after, (-8, 17)), np.tile([-9, 18], (30, 1)), atol=0.1)
    nothing = measure_regions(0 * grid())
    np.testing.assert_array_equal(find_steps(before, nothing, (-8, 17)), np.tile([-8, 17], (30, 1)))


def test_what_is_not_found_moves_with_the_others():
    before, after = grid(), grid(step=(2, -3))
    segments = np.where(after == 7, 0, after)
    steps = find_steps(measure_regions(before), measure_regions(segments))
    np.testing.assert_allclose(steps, np.tile([2, -3], (30, 1)), atol=1e-9)
    assert not find_steps(measure_regions(before), measure_regions(0 * after)).any()


def test_the_reach_follows_size_and_spacing():
    sparse, dense = measure_regions(grid(n=1)), measure_regions(grid(radius=8))
    assert search_range_px(sparse) == pytest.approx(2 * float(sparse.radius_px[0]))
    assert search_range_px(dense) == pytest.approx(0.75 * 18)


def test_a_crowd_is_linked_and_nothing_is_said(capfd):
    rng = np.random.default_rng(1)
    labels = np.zeros((400, 400), np.int32)
    labels.flat[rng.choice(labels.size, 3000, replace=False)] = np.arange(1, 3001)
    moved = np.roll(labels, (1, 1), (0, 1))
    steps = find_steps(measure_regions(labels), measure_regions(moved))
    assert np.isfinite(steps).all()
    assert capfd.readouterr() == ("", "")


def test_the_engine_finds_a_merge_with_it_and_segments_once():
    case = next(c for c in CASES if c.name == "two fuse")
    movie = [np.where(labels > 0, 60.0, 200.0) for labels in case.truth]
    masks = iter(case.segments)
    tracked = track_movie(movie, lambda frame: next(masks), CentroidTracker())
    list(tracked)
    assert [m.frame for m in tracked.lineage.merges] == [m.frame for m in case.merges]
    assert next(masks, None) is None
