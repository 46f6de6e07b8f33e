import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from temtrack.imaging.labels import (
    bounding_boxes,
    compact,
    filter_fragments,
    map_ids,
    mean_values,
    measure_gaps,
    measure_regions,
    overlap_counts,
    typical_diameter,
)
from temtrack.imaging.runs import encode_run_lengths

label_images = arrays(np.int32, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 6))


@given(label_images)
def test_compact_keeps_the_partition_and_tells_the_old_ids(labels):
    small, ids = compact(labels)
    assert set(np.unique(small[small > 0])) == set(range(1, ids.size + 1))
    assert np.array_equal(np.concatenate([[0], ids])[small], labels)


def test_compact_takes_ids_beyond_any_lookup_table():
    small, ids = compact(np.array([[0, 2**40], [7, 2**40]]))
    assert small.tolist() == [[0, 2], [1, 2]]
    assert ids.tolist() == [7, 2**40]


def test_ids_near_the_highest_take_no_table_of_their_size():
    top = np.iinfo(np.int32).max
    labels = np.array([[0, top, top], [5, 0, top - 1]], np.int32)
    tracemalloc.start()
    regions, shared = measure_regions(labels), overlap_counts(labels, labels[::-1])
    renamed, boxes = map_ids(labels, {top: 7, 5: 0, 9: 1}), bounding_boxes(labels)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 1_000_000
    assert (regions.ids.tolist(), regions.area_px.tolist()) == ([5, top - 1, top], [1, 1, 2])
    assert (shared.a.tolist(), shared.b.tolist()) == ([top - 1, top], [top, top - 1])
    assert renamed.tolist() == [[0, 7, 7], [0, 0, top - 1]]
    assert boxes[top] == (slice(0, 1), slice(1, 3))
    assert compact(labels)[1].tolist() == [5, top - 1, top]


@given(label_images)
def test_regions_are_those_of_plain_counting(labels):
    regions = measure_regions(labels)
    assert regions.ids.tolist() == [i for i in np.unique(labels).tolist() if i]
    for i, area, y, x in zip(regions.ids, regions.area_px, regions.y_px, regions.x_px, strict=True):
        at = np.argwhere(labels == i)
        assert area == len(at)
        assert (y, x) == pytest.approx(at.mean(axis=0))


@given(label_images, st.data())
def test_overlaps_are_those_of_plain_counting(a, data):
    b = data.draw(arrays(np.int32, a.shape, elements=st.integers(0, 4)))
    found = overlap_counts(a, b)
    plain = {}
    for i, j in zip(a.ravel().tolist(), b.ravel().tolist(), strict=True):
        if i and j:
            plain[i, j] = plain.get((i, j), 0) + 1
    rows = zip(found.a.tolist(), found.b.tolist(), found.n_px.tolist(), strict=True)
    assert {(i, j): n for i, j, n in rows} == plain


@given(label_images, st.integers(0, 2))
def test_touching_pairs_are_those_of_plain_distance(labels, gap):
    at = [(y, x, i) for (y, x), i in np.ndenumerate(labels) if i]
    plain = {
        (min(i, j), max(i, j))
        for y, x, i in at
        for v, u, j in at
        if i != j and max(abs(y - v), abs(x - u)) <= gap + 1
    }
    assert {tuple(pair) for pair in measure_gaps(labels, gap)[:, :2].tolist()} == plain


def test_map_ids_removes_joins_and_leaves_the_input_alone():
    labels = np.array([[1, 2, 3, 70000]], np.int32)
    assert map_ids(labels, {1: 0, 2: 3, 999: 5}).tolist() == [[0, 3, 3, 70000]]
    assert labels.tolist() == [[1, 2, 3, 70000]]


def test_ids_at_border_are_those_at_the_edge():
    labels = np.zeros((5, 6), np.int32)
    labels[0, 2], labels[2, 2], labels[3, 5] = 4, 1, 9
    assert measure_regions(labels).ids_at_border.tolist() == [4, 9]


def test_fragments_go_by_the_median_pixel_not_the_median_particle():
    labels = np.zeros((40, 40), np.int32)
    labels[:20, :20] = 1
    for i in range(10):
        labels[30, 2 * i] = 2 + i
    kept = filter_fragments(labels, min_area_fraction=0.1)
    assert np.unique(kept).tolist() == [0, 1]
    assert filter_fragments(np.zeros((3, 3), np.int32), 0.1).max() == 0


def test_the_typical_diameter_is_that_of_the_particles_that_cover_the_most():
    labels = np.zeros((100, 100), np.int32)
    labels[10:50, 10:50] = 4
    labels[80, ::4] = np.arange(5, 30)
    assert typical_diameter(labels) == pytest.approx(2 * 40 / np.sqrt(np.pi), rel=0.02)
    assert typical_diameter(np.zeros((5, 5), np.int32)) is None


@given(label_images)
def test_runs_are_the_labels(labels):
    runs = encode_run_lengths(labels)
    drawn = np.zeros_like(labels)
    for one, y, x, n in zip(runs.ids, runs.y_px, runs.x_px, runs.n_px, strict=True):
        assert not drawn[y, x : x + n].any()
        drawn[y, x : x + n] = one
    assert np.array_equal(drawn, labels)
    assert (runs.ids != 0).all()


@given(label_images, st.integers(0, 2))
def test_gaps_are_the_least_distances_of_pairs(labels, max_gap):
    places = {int(i): np.argwhere(labels == i) for i in np.unique(labels[labels > 0])}
    wanted = []
    for a in places:
        for b in (b for b in places if b > a):
            steps = np.abs(places[a][:, None] - places[b][None]).max(axis=2)
            if steps.min() - 1 <= max_gap:
                wanted.append([a, b, int(steps.min()) - 1])
    assert measure_gaps(labels, max_gap).tolist() == wanted


def test_a_label_without_pixels_has_no_mean():
    labels, values = np.array([[0, 2, 2]]), np.array([[0.1, 0.5, 1.0]], np.float32)
    assert mean_values(labels, values, 3) == pytest.approx([0.1, np.nan, 0.75, np.nan], nan_ok=True)
