from dataclasses import replace

import pytest

from temtrack.lineage import Merge
from temtrack.tables import MERGES

MERGE = Merge(frame=4, child=3, parents=(2, 1), contact_frame=2, y_px=10.5, x_px=3.25)


def test_a_merge_is_the_same_again_as_a_row():
    assert Merge.from_row(MERGE.as_row()) == MERGE


@pytest.mark.parametrize("null", [None, float("nan")])
def test_a_contact_that_nobody_saw_stays_null(null):
    unseen = replace(MERGE, contact_frame=None)
    assert unseen.as_row()["contact_frame"] is None
    assert Merge.from_row({**MERGE.as_row(), "contact_frame": null}) == unseen


def test_its_row_bears_the_names_of_the_table():
    assert set(MERGE.as_row()) <= {column.name for column in MERGES.columns}
