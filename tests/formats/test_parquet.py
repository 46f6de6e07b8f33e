import pandas as pd
import pyarrow as pa
import pytest

from temtrack.errors import InputError
from temtrack.formats.parquet import read_metadata, read_table, read_units, write_table

SCHEMA = pa.schema(
    [
        pa.field("child_id", pa.int64(), metadata={"unit": ""}),
        pa.field("area_nm2", pa.float64(), metadata={"unit": "nm2"}),
        pa.field("parent_ids", pa.list_(pa.int64())),
    ]
)


def test_values_units_and_facts_go_round(tmp_path):
    path = tmp_path / "merges.parquet"
    frame = pd.DataFrame({"parent_ids": [[1, 2], [3, 4, 5]], "area_nm2": [2.5, None], "child_id": [6, 7]})
    write_table(path, frame, SCHEMA, {"model": "effsam-tiny"})
    back = read_table(path)
    assert list(back.columns) == SCHEMA.names
    assert [list(ids) for ids in back["parent_ids"]] == [[1, 2], [3, 4, 5]]
    assert back["area_nm2"].isna().tolist() == [False, True]
    assert read_units(path) == {"area_nm2": "nm2"}
    assert read_metadata(path) == {"model": "effsam-tiny"}


def test_an_empty_table_keeps_its_types(tmp_path):
    path = tmp_path / "merges.parquet"
    write_table(path, pd.DataFrame({name: [] for name in SCHEMA.names}), SCHEMA, {})
    assert read_table(path)["child_id"].dtype == "int64"


def test_what_is_no_table_is_refused(tmp_path):
    (tmp_path / "text.parquet").write_text("no table")
    for name in ("text.parquet", "missing.parquet"):
        with pytest.raises(InputError, match=name):
            read_table(tmp_path / name)
