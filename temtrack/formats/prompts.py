"""Points and boxes that tell a model which particles are meant, from CSV files with a header."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from temtrack.errors import InputError


def read_points(path: Path) -> NDArray[np.float64]:
    """Read columns ``x,y`` in pixels as (N, 2) in the order y, x.

    Raises
    ------
    InputError
        If the file is missing, lacks a column, or holds no points.
    """
    return _read_columns(path, ("y", "x"), header="x,y")


def read_boxes(path: Path) -> NDArray[np.float64]:
    """Read columns ``x0,y0,x1,y1`` in pixels as (N, 4) in the order y0, x0, y1, x1.

    Raises
    ------
    InputError
        If the file is missing, lacks a column, holds no boxes, or a box without an area.
    """
    boxes = _read_columns(path, ("y0", "x0", "y1", "x1"), header="x0,y0,x1,y1")
    _check_boxes(path, boxes)
    return boxes


def read_prompts(path: Path) -> NDArray[np.float64]:
    """Read points (N, 3), columns ``frame,y_px,x_px``, or boxes (N, 5), ``frame,y0,x0,y1,x1``, in a movie.

    Raises
    ------
    InputError
        If the file is missing, lacks a column, holds no places, or a box without an area.
    """
    try:
        return _read_columns(path, ("frame", "y_px", "x_px"), header="frame,y_px,x_px")
    except InputError as error:
        if "needed is the header" not in str(error):
            raise
    header = "frame,y_px,x_px of points, or frame,y0,x0,y1,x1 of boxes"
    boxes = _read_columns(path, ("frame", "y0", "x0", "y1", "x1"), header)
    _check_boxes(path, boxes[:, 1:])
    return boxes


def _check_boxes(path: Path, boxes: NDArray[np.float64]) -> None:
    empty = np.flatnonzero((boxes[:, 2:] <= boxes[:, :2]).any(axis=1))
    if empty.size:
        raise InputError(f"{path}: box {empty[0] + 1} has no area; x1 must be above x0 and y1 above y0")


def _read_columns(path: Path, names: tuple[str, ...], header: str) -> NDArray[np.float64]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file, skipinitialspace=True)
            found = table.fieldnames or []
            if not set(names) <= set(found):
                told = " ".join(",".join(found).split())[:80] or "none"
                raise InputError(f"{path}: has the columns {told}; needed is the header {header}")
            rows = [[float(row[name]) for name in names] for row in table]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}: line {table.line_num} holds no numbers for {header}") from error
    values = np.array(rows, dtype=np.float64).reshape(-1, len(names))
    if not len(values) or not np.isfinite(values).all():
        raise InputError(f"{path}: holds no finite numbers under {header}")
    return values
