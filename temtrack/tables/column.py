"""A table's columns: their types, units and meanings, and how each is filled.

A column is filled in one of four ways, and the column itself says which:

- measured, from the masks, in frames and pixels;
- a *twin* of a measured column in nanometres, only where the pixel size is known;
- the *time* of a frame column in seconds, only where the frame times are known;
- the *temperature* of a frame column, only where a heater's log was given.

What nobody gave is absent: a table without a scale has no ``_nm`` column. What could not be measured is
null, never 0.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from temtrack.calibration import Calibration

FRAME, COUNT, ID = pa.int64(), pa.int64(), pa.int64()
REAL, FLAG, TEXT = pa.float64(), pa.bool_(), pa.string()
IDS, REALS = pa.list_(ID), pa.list_(REAL)


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Parameters
    ----------
    name, type, unit, meaning
        As they stand in the file; unit ``1`` is a pure number, an empty unit a label.
    length_power
        Power of the pixel size that turns the value into nm: 1 for lengths, 2 for areas, -2 for
        densities; 0 where there is no twin.
    time_of, since
        The frame column whose time this column holds, counted from the time of another where one is named.
    temperature_of
        The frame column whose temperature it holds.
    """

    name: str
    type: pa.DataType
    unit: str
    meaning: str
    length_power: int = 0
    time_of: str = ""
    temperature_of: str = ""
    since: str = ""

    @property
    def is_measured(self) -> bool:
        """Whether it comes from the masks, and not from what is known of a frame."""
        return not (self.time_of or self.temperature_of)

    def of_frames(self, calibration: Calibration) -> NDArray[np.float64] | None:
        """Return what is known of each frame, (T,), for a column that holds such; ``None`` if nothing is."""
        return calibration.frame_seconds if self.time_of else calibration.frame_celsius

    def read(self, known: NDArray[np.float64], measured: Mapping[str, object]) -> NDArray[np.float64]:
        """Return what is known of each frame (T,) at the frames of measured columns, NaN where null."""
        values = _at(known, measured[self.time_of or self.temperature_of])
        return values - _at(known, measured[self.since]) if self.since else values

    @property
    def twin(self) -> Column | None:
        """The same quantity in nanometres: ``area_px`` has ``area_nm2``; ``None`` for a pure number."""
        if not self.length_power:
            return None
        per = self.length_power < 0
        unit = {1: "nm", 2: "nm2", -2: "nm2"}[self.length_power]
        stem = self.name.removesuffix("_px2" if per else "_px")
        return replace(
            self, name=f"{stem}_{unit}", type=REAL, unit=f"1/{unit}" if per else unit, length_power=0
        )

    def field(self) -> pa.Field:
        """Return the Arrow field, with unit and description in its metadata."""
        return pa.field(self.name, self.type, metadata={"unit": self.unit, "description": self.meaning})


@dataclass(frozen=True)
class Table:
    """A table's name, meaning and columns, without the twins, which follow from the columns."""

    name: str
    meaning: str
    columns: tuple[Column, ...]

    def schema(self, calibration: Calibration) -> pa.Schema:
        """Return the Arrow schema: ``_nm`` and ``_s`` columns only where scale and time are known."""
        columns = [c for c in self.columns if c.is_measured or c.of_frames(calibration) is not None]
        if calibration.pixel_size_nm is not None:
            columns += [column.twin for column in self.columns if column.twin]
        return pa.schema([column.field() for column in columns])

    def fill(self, measured: Mapping[str, object], calibration: Calibration) -> pa.Table:
        """Turn measured columns into the table, with their twins and times.

        Parameters
        ----------
        measured
            One array or list per measured column, all of one length; NaN and ``None`` become null.
        calibration
            Scale and time, as far as they are known.

        Raises
        ------
        ValueError
            Where the measured columns are not exactly those of the table.
        """
        wanted = {column.name for column in self.columns if column.is_measured}
        if wanted != set(measured):
            raise ValueError(f"{self.name}: columns differ in {sorted(wanted ^ set(measured))}")
        arrays = {}
        for column in self.columns:
            if column.is_measured:
                arrays[column.name] = _arrow(measured[column.name], column.type)
            elif (known := column.of_frames(calibration)) is not None:
                arrays[column.name] = _arrow(column.read(known, measured), column.type)
            if column.twin and calibration.pixel_size_nm is not None:
                values = arrays[column.name].cast(REAL).to_numpy(zero_copy_only=False)
                factor = calibration.pixel_size_nm**column.length_power
                arrays[column.twin.name] = _arrow(values * factor, REAL)
        schema = self.schema(calibration)
        return pa.table([arrays[name] for name in schema.names], schema=schema)

    def is_held_by(self, schema: pa.Schema) -> bool:
        """Whether a table of this schema has all measured columns."""
        return {column.name for column in self.columns if column.is_measured} <= set(schema.names)

    def part(self, table: pa.Table, names: Sequence[str]) -> pa.Table:
        """Return some columns of a filled table, in half as many bytes where their values allow it.

        Reals have 24 bits then. A part is no `fill`-ed table: it has no twins, and does not come to have any.
        """
        return pa.table({name: _in_less(table[name]) for name in names})

    def recalibrated(self, table: pa.Table, calibration: Calibration) -> pa.Table:
        """Return a filled table with the twins and times of another calibration; columns of others stay."""
        filled = self.fill({c.name: table[c.name] for c in self.columns if c.is_measured}, calibration)
        own = {name for c in self.columns for name in (c.name, c.twin and c.twin.name)}
        for field in table.schema:
            if field.name not in own:
                filled = filled.append_column(field, table[field.name])
        return filled

    def describe(self) -> str:
        """Return the columns as a Markdown table, for the README."""
        lines = ["| column | type | unit | meaning |", "|---|---|---|---|"]
        for column in self.columns:
            names = f"`{column.name}`" + (f", `{column.twin.name}`" if column.twin else "")
            units = column.unit + (f", {column.twin.unit}" if column.twin else "")
            dtype = re.sub(r"list<\w+: (\w+)>", r"list of \1", str(column.type)).replace("double", "float64")
            lines.append(f"| {names} | {dtype} | {units or '-'} | {column.meaning} |")
        return "\n".join(lines)


def _in_less(column: pa.ChunkedArray) -> pa.ChunkedArray:
    narrow = {pa.int64(): pa.int32(), pa.float64(): pa.float32()}.get(column.type, column.type)
    with suppress(pa.ArrowInvalid):  # an id may be larger
        column = column.cast(narrow)
    return pa.chunked_array([column.combine_chunks()])


def _arrow(values: object, dtype: pa.DataType) -> pa.Array:
    if isinstance(values, pa.ChunkedArray):
        return values.combine_chunks()
    return pa.array(values, type=dtype, from_pandas=True)


def _at(known: NDArray[np.float64], frames: object) -> NDArray[np.float64]:
    frame = np.asarray(frames, dtype=np.float64)
    is_told = np.isfinite(frame)
    return np.where(is_told, known[np.where(is_told, frame, 0).astype(np.intp)], np.nan)


def px(name: str, meaning: str) -> Column:
    """Return a measured column of lengths, which has a twin in nm."""
    return Column(name, REAL, "px", meaning, length_power=1)
