import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from temtrack.errors import InputError
from temtrack.formats.store.tables import read_metadata, read_table, write_table

AREA = {"unit": "nm2", "description": "projected area"}
SCHEMA = pa.schema(
    [
        pa.field("child_id", pa.int64(), metadata={"unit": "", "description": "the child"}),
        pa.field("area_nm2", pa.float64(), metadata=AREA),
        pa.field("parent_ids", pa.list_(pa.int64())),
        pa.field("fate", pa.string()),
    ]
)


def test_values_units_and_facts_go_round(tmp_path):
    path = tmp_path / "merges.parquet"
    columns = [[6, 7], [2.5, None], [[1, 2], [3, 4, 5]], ["merged", None]]
    write_table(path, pa.table(columns, schema=SCHEMA), {"model": "effsam-tiny"})
    back = read_table(path)
    assert list(back.columns) == SCHEMA.names
    assert [list(ids) for ids in back["parent_ids"]] == [[1, 2], [3, 4, 5]]
    assert back["area_nm2"].isna().tolist() == [False, True]
    units = {field.name: (field.metadata or {}).get(b"unit") for field in pq.read_schema(path)}
    assert {name: unit for name, unit in units.items() if unit} == {"area_nm2": b"nm2"}
    assert read_metadata(path) == {"model": "effsam-tiny"}


def test_the_file_keeps_plain_types_and_what_is_said_of_columns(tmp_path):
    path = tmp_path / "merges.parquet"
    write_table(path, SCHEMA.empty_table(), {})
    dtypes = read_table(path).dtypes
    assert (dtypes["child_id"], dtypes["area_nm2"], dtypes["parent_ids"]) == ("int64", "float64", "object")
    assert not isinstance(dtypes["fate"], pd.ArrowDtype)
    assert read_metadata(path) == {}
    stored = pq.read_schema(path).field("area_nm2").metadata
    assert {key: stored[key.encode()].decode() for key in AREA} == AREA


def test_what_is_no_table_is_refused(tmp_path):
    (tmp_path / "text.parquet").write_text("no table")
    for name in ("text.parquet", "missing.parquet"):
        with pytest.raises(InputError, match=name):
            read_table(tmp_path / name)
