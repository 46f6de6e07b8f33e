"""The page of the tables: every column with its type, unit and meaning, from ``temtrack/tables``."""

from __future__ import annotations

from temtrack.tables import ALL_TABLES


def write() -> str:
    """Return a section for each table."""
    sections = [f"## {table.name}.parquet\n\n{table.meaning}\n\n{table.describe()}" for table in ALL_TABLES]
    return "\n\n".join(sections)
