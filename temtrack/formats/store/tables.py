"""Parquet tables: units of columns in the field metadata, facts of the run in the schema metadata."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from temtrack.formats.decoding import refused_as
from temtrack.formats.store.atomic import whole_file


def write_table(path: Path, table: pa.Table, metadata: dict[str, str]) -> None:
    """Write a table, with `metadata` in its schema beside what stands there.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    facts = {**(table.schema.metadata or {}), **metadata}
    with whole_file(path) as part:
        pq.write_table(table.replace_schema_metadata(facts), part)


def read_table(path: Path) -> pd.DataFrame:
    """Read all columns of a Parquet table.

    Raises
    ------
    InputError
        If the file is missing or no Parquet table.
    """
    with refused_as(f"{path}: cannot be read as a Parquet table"):
        frame: pd.DataFrame = pq.read_table(path).to_pandas()
    return frame


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Read a Parquet table row by row; what is missing is ``None``.

    Raises
    ------
    InputError
        If the file is missing or no Parquet table.
    """
    with refused_as(f"{path}: cannot be read as a Parquet table"):
        rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return rows


def read_metadata(path: Path) -> dict[str, str]:
    """Read the facts of the run that stand in the table: version, command, model, input, calibration.

    Raises
    ------
    InputError
        If the file is missing or no Parquet table.
    """
    with refused_as(f"{path}: cannot be read as a Parquet table"):
        stored = pq.read_schema(path).metadata or {}
        return {key.decode(): value.decode() for key, value in stored.items()}


def read_units(path: Path) -> dict[str, str]:
    """Read the unit of each column that has one.

    Raises
    ------
    InputError
        If the file is missing or no Parquet table.
    """
    with refused_as(f"{path}: cannot be read as a Parquet table"):
        fields = list(pq.read_schema(path))
        return {
            f.name: f.metadata[b"unit"].decode() for f in fields if f.metadata and f.metadata.get(b"unit")
        }
