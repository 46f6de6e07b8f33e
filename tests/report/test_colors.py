import numpy as np

from temtrack.lineage import Lineage, Merge
from temtrack.report.colors import PALETTE, TrackColors


def test_an_id_keeps_its_colour_and_ids_beyond_the_palette_have_one():
    colors = TrackColors()
    assert colors(5) == colors(5 + len(PALETTE))
    np.testing.assert_array_equal(colors.table(np.array([5, 70_000])), [colors(5), colors(70_000)])


def test_parents_and_child_of_a_merge_are_told_apart():
    n = len(PALETTE)
    colors = TrackColors(Lineage(9, (), (Merge(3, 1 + 2 * n, (1, 1 + n), 2, 0, 0),)))
    assert len({colors(1), colors(1 + n), colors(1 + 2 * n)}) == 3


def test_a_child_that_merges_on_keeps_its_colour():
    first = Merge(3, 3, (1, 2), 2, 0, 0)
    child = TrackColors(Lineage(9, (), (first,)))(3)
    both = TrackColors(Lineage(9, (), (first, Merge(6, 10, (9, 3), 5, 0, 0))))
    assert both(3) == child
    assert len({both(3), both(9), both(10)}) == 3
