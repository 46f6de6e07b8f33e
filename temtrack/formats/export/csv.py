"""The tables as CSV, for spreadsheets: a folder with one file per table, units in the names of the columns.

Lists, as of parents, stand in one field with spaces between; what is missing is empty.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from temtrack.formats.export import Exporter
from temtrack.formats.export.content import ExportContent
from temtrack.formats.store.atomic import whole_folder
from temtrack.tables import TABLES

#: Keeps whole numbers whole beside what is missing.
_WHOLE = {pa.int64(): pd.Int64Dtype()}


def _write(path: Path, content: ExportContent) -> None:
    """Write ``particles.csv``, ``tracks.csv``, ``frames.csv`` and ``merges.csv`` into a folder."""
    with whole_folder(path) as part:
        for name, table in content.tables.items():
            rows = content.particles if name == "particles" else table.to_pandas(types_mapper=_WHOLE.get)
            plain = rows.map(lambda v: " ".join(map(str, v)) if isinstance(v, (np.ndarray, list)) else v)
            plain.to_csv(part / f"{name}.csv", index=False)


EXPORTER = Exporter(_write, contents="|".join(rf"{table.name}\.csv" for table in TABLES))
