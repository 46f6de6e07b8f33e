"""Tables as they stand in a page: CSV, compressed, with the meaning of each column."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from io import StringIO
from typing import Any

import numpy as np
import pandas as pd

from temtrack.tables import ALL_TABLES, Column

#: Larger tables (rows times columns) stay beside the masks, and the page says so.
MAX_CELLS = 2_500_000

#: Significant digits of a measured number: a contour is not known more exactly.
_DIGITS = 6


def describe_table(name: str, table: pd.DataFrame) -> dict[str, object]:
    """Return what a reader sees of a table: what each column means, and how many rows there are."""
    columns = next((known.columns for known in ALL_TABLES if known.name == name), ())
    known = {one.name: one for column in columns for one in (column, column.twin) if one}
    return {
        "name": name,
        "columns": [_describe(str(column), known) for column in table.columns],
        "n_rows": len(table),
        "has_csv": has_csv(table),
    }


def has_csv(table: pd.DataFrame) -> bool:
    """Tell whether a table is small enough for a page."""
    return bool(table.size <= MAX_CELLS)


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


def _describe(name: str, known: Mapping[str, Column]) -> dict[str, str]:
    column = known.get(name)
    return {
        "name": name,
        "unit": column.unit if column else "",
        "meaning": column.meaning if column else "",
    }
