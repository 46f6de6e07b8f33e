import numpy as np
import pytest

from temtrack.analysis.necks import NeckWatch, measure_neck_ratio
from temtrack.lineage import Lineage, Merge, Track


def two_discs(distance, radius=20, other=20, angle=0.4):
    """A mask of two discs joined where they overlap."""
    y, x = np.indices((140, 140)) - 70
    along = x * np.cos(angle) + y * np.sin(angle)
    across = y * np.cos(angle) - x * np.sin(angle)
    return (along**2 + across**2 <= radius**2) | ((along - distance) ** 2 + across**2 <= other**2)


@pytest.mark.parametrize("distance", [38, 30, 20])
def test_neck_of_two_discs_is_their_common_chord(distance):
    child = np.argwhere(two_discs(distance))
    chord = 2 * np.sqrt(20**2 - (distance / 2) ** 2)
    assert measure_neck_ratio(child, [1257, 1257]) == pytest.approx(chord / 40, abs=0.08)


def test_neck_of_unequal_discs_is_found_beside_the_smaller():
    child = np.argwhere(two_discs(27, other=8))
    chord = 2 * np.sqrt(8**2 - (27 / 2 - (20**2 - 8**2) / 54) ** 2)
    assert measure_neck_ratio(child, [1257, 201]) == pytest.approx(chord / 16, abs=0.16)


def test_what_is_missing_has_no_neck():
    assert np.isnan(measure_neck_ratio(np.zeros((0, 2), int), [10, 10]))
    assert np.isnan(measure_neck_ratio(np.argwhere(two_discs(20)), [10, 0]))


def test_the_neck_grows_while_it_is_watched():
    merge = Merge(2, 3, (1, 2), 1, 0.0, 0.0)
    tracks = (
        Track(1, 0, 1, "present", "merged"),
        Track(2, 0, 1, "present", "merged"),
        Track(3, 2, 4, "merge", "present", (1, 2)),
    )
    watch = NeckWatch(Lineage(5, tracks, (merge,)))
    before = np.where(two_discs(0), 1, 2 * two_discs(44))
    for t, labels in enumerate([before, before, *(3 * two_discs(d) for d in (38, 30, 20))]):
        watch.add(t, labels)
    ratios = watch.ratios(merge)
    assert len(ratios) == 3
    assert ratios == sorted(ratios)
