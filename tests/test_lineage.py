from temtrack.lineage import Merge
from temtrack.tables import MERGES

MERGE = Merge(frame=4, child=3, parents=(2, 1), contact_frame=2, y_px=10.5, x_px=3.25)


def test_a_merge_is_the_same_again_as_a_row():
    assert Merge.from_row(MERGE.as_row()) == MERGE


def test_its_row_bears_the_names_of_the_table():
    assert set(MERGE.as_row()) <= {column.name for column in MERGES.columns}
