"""Tables as they stand in a page: CSV, compressed, with the meaning of each column."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from typing import Any

import numpy as np
import pandas as pd

from temtrack.columns import Column
from temtrack.tables import ALL_TABLES

#: Larger tables (rows times columns) stay beside the masks, and the page says so.
MAX_CELLS = 2_500_000

#: Significant digits of a measured number: an outline is not known more exactly.
_DIGITS = 6


@dataclass(frozen=True)
class PageTable:
    """A table of a page: name, what each column means, rows, and CSV; none where it is too large."""

    name: str
    columns: tuple[dict[str, str], ...]
    n_rows: int
    csv_gz: bytes | None

    @classmethod
    def of(cls, name: str, table: pd.DataFrame) -> PageTable:
        """Take a table over."""
        known = _columns_of(name)
        columns = tuple(_describe(column, known) for column in table.columns)
        content = None if table.size > MAX_CELLS else gzip.compress(write_csv(table).encode(), mtime=0)
        return cls(name, columns, len(table), content)

    def describe(self) -> dict[str, object]:
        """Return what a reader sees of the table."""
        return {
            "name": self.name,
            "columns": self.columns,
            "n_rows": self.n_rows,
            "has_csv": self.csv_gz is not None,
        }


def write_csv(table: pd.DataFrame) -> str:
    """Return a table as CSV: six significant digits, lists with blanks between, nothing where it is null."""
    text = StringIO(newline="")
    plain = table.copy(deep=False)
    for name in plain:
        if pd.api.types.is_object_dtype(plain[name]):
            plain[name] = [_cell(value) for value in plain[name]]
    plain.to_csv(
        text, index=False, float_format=f"%.{_DIGITS}g", lineterminator="\r\n", quoting=csv.QUOTE_MINIMAL
    )
    return text.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, (list, tuple, np.ndarray)):
        return " ".join(f"{one:.{_DIGITS}g}" if isinstance(one, float) else str(one) for one in value)
    return value


def _columns_of(name: str) -> Mapping[str, Column]:
    columns = next((table.columns for table in ALL_TABLES if table.name == name), ())
    twins = {column.twin.name: column.twin for column in columns if column.twin}
    return {column.name: column for column in columns} | twins


def _describe(name: str, known: Mapping[str, Column]) -> dict[str, str]:
    column = known.get(name)
    return {
        "name": name,
        "unit": column.unit if column else "",
        "meaning": column.meaning if column else "",
    }
