import numpy as np
import pytest

from temtrack.metrics.overlaps import measure_overlaps

TRUE = np.zeros((2, 8, 8), np.int32)
TRUE[0, 1:3, 1:5] = 4
TRUE[1, 1:3, 1:5] = 4
TRUE[1, 5:7, 5:7] = 9
FOUND = np.zeros_like(TRUE)
FOUND[0, 1:3, 3:7] = 2
FOUND[1, 1:3, 1:3] = 2
FOUND[1, 1:7, 4:7] = 3


def test_the_table_names_who_shares_how_much_with_whom():
    table = measure_overlaps(FOUND, TRUE)
    rows = zip(table.frame, table.found.id[table.found_row], table.true.id[table.true_row], strict=True)
    assert list(rows) == [(0, 2, 4), (1, 2, 4), (1, 3, 4), (1, 3, 9)]
    assert table.n_px.tolist() == [4, 4, 2, 4]
    assert table.iou == pytest.approx([4 / 12, 4 / 8, 2 / 24, 4 / 18])
    assert table.fraction_of_true == pytest.approx([0.5, 0.5, 0.25, 1])
    assert table.fraction_of_found == pytest.approx([0.5, 1, 2 / 18, 4 / 18])
    assert (table.true.y_px[0], table.true.x_px[0]) == (1.5, 2.5)


def test_frames_without_particles_count():
    none = measure_overlaps([np.zeros((3, 3), int)], [np.zeros((3, 3), int)])
    assert (none.n_frames, len(none.found), len(none.boundaries)) == (1, 0, 0)


def test_frames_must_be_as_many():
    with pytest.raises(ValueError, match=r"shorter|longer"):
        measure_overlaps(FOUND, TRUE[:1])
