import numpy as np
import pytest
from skimage.draw import disk

from temtrack.analysis.approach import ApproachWatch, find_edges, measure_gap, measure_speed
from temtrack.imaging.labels import LabelImage
from temtrack.lineage import Lineage, Merge, Track


def discs(*places, size=120):
    labels = np.zeros((size, size), dtype=np.uint16)
    for number, (y, x, r) in enumerate(places, start=1):
        labels[disk((y, x), r, shape=labels.shape)] = number
    return labels


def gap_of(labels):
    edges = find_edges(LabelImage(labels), np.unique(labels[labels > 0]).tolist())
    return measure_gap([edges[one] for one in edges])


@pytest.mark.parametrize("shift", np.linspace(0, 1, 6))
def test_the_gap_of_discs_is_right_to_a_pixel(shift):
    assert gap_of(discs((50.3, 30, 12.4), (55, 66.7 + shift, 9.2))) == pytest.approx(
        np.hypot(4.7, 36.7 + shift) - 21.6, abs=1
    )


def test_particles_side_by_side_have_no_gap():
    labels = np.zeros((8, 8), dtype=int)
    labels[2:5, 1:4], labels[2:5, 4:7] = 1, 2
    assert gap_of(labels) == 0


def test_of_three_the_widest_gap_that_must_close_counts():
    row = discs((60, 15, 6), (60, 33, 6), (60, 60, 6))
    assert gap_of(row) == pytest.approx(15, abs=1)


def test_a_parent_that_is_not_there_leaves_no_gap():
    edges = find_edges(LabelImage(discs((30, 30, 6))), [1, 2])
    assert np.isnan(measure_gap([edges.get(1), edges.get(2)]))


def test_the_speed_is_that_of_the_last_open_frames():
    assert measure_speed([9, 9, 9, *np.arange(9, 0, -1), 0, 0]) == pytest.approx(0.94, abs=0.02)
    assert measure_speed([6, np.nan, 2, 0]) != measure_speed([6, 4, 2, 0]) == pytest.approx(2)
    assert np.isnan(measure_speed([]))


def test_only_the_last_frames_before_the_merge_are_watched():
    merge = Merge(30, 3, (1, 2), None, 0, 0)
    tracks = (Track(1, 0, 29, "present", "merged"), Track(2, 5, 29, "present", "merged"))
    watch = ApproachWatch(Lineage(40, tracks, (merge,)))
    for frame in range(40):
        watch.add(frame, LabelImage(discs((60, 30, 8), (60, 100 - frame, 8))))
    assert len(watch.gaps(merge)) == 20
    assert watch.gaps(merge)[-1] == pytest.approx(100 - 29 - 30 - 16, abs=1.1)
