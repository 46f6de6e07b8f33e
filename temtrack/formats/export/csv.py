"""The tables as CSV, for spreadsheets: a folder with one file per table, units in the names of the columns.

Lists, as of parents, stand in one field with spaces between; what is missing is empty.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from temtrack.formats.export.content import ExportContent
from temtrack.formats.export.target import FolderTarget, whole_folder
from temtrack.progress import Progress
from temtrack.tables import TABLES

TARGET = FolderTarget(re.compile("|".join(rf"{table.name}\.csv" for table in TABLES)))


def describe_losses(content: ExportContent) -> list[str]:
    """Return nothing: the tables are whole."""
    return []


def write_export(path: Path, content: ExportContent, progress: Progress) -> None:
    """Write ``particles.csv``, ``tracks.csv``, ``frames.csv`` and ``merges.csv`` into a folder.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    with whole_folder(path) as part:
        for table in TABLES:
            rows: pd.DataFrame = getattr(content, table.name)
            rows.map(_join_list).to_csv(part / f"{table.name}.csv", index=False)


def _join_list(value: object) -> object:
    return " ".join(map(str, value)) if isinstance(value, (np.ndarray, list)) else value
