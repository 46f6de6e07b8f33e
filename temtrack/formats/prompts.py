"""Points and boxes that tell a model which particles are meant, from CSV files with a header."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from temtrack.errors import InputError


def read_points(path: Path) -> NDArray[np.float64]:
    """Read columns ``x,y``, or ``y_px,x_px``, in pixels as (N, 2) in the order y, x.

    Raises
    ------
    InputError
        If the file is missing, lacks a column, or holds no points.
    """
    return _read_columns(path, {"y_px,x_px": ("y_px", "x_px"), "x,y": ("y", "x")})


def read_boxes(path: Path) -> NDArray[np.float64]:
    """Read columns ``x0,y0,x1,y1`` in pixels as (N, 4) in the order y0, x0, y1, x1.

    Raises
    ------
    InputError
        If the file is missing, lacks a column, holds no boxes, or a box without an area.
    """
    boxes = _read_columns(path, {"x0,y0,x1,y1": ("y0", "x0", "y1", "x1")})
    _check_boxes(path, boxes)
    return boxes


def read_prompts(path: Path) -> NDArray[np.float64]:
    """Read points (N, 3) or boxes (N, 5) in a movie.

    Columns are ``frame,y_px,x_px``, or ``frame,x,y``; of boxes ``frame,y0,x0,y1,x1``.

    Raises
    ------
    InputError
        If the file is missing, lacks a column, holds no places, or a box without an area.
    """
    points, boxes = ("frame", "y_px", "x_px"), ("frame", "y0", "x0", "y1", "x1")
    either = f"{','.join(points)} of points, or {','.join(boxes)} of boxes"
    choices = {",".join(points): points, "frame,x,y": ("frame", "y", "x"), either: boxes}
    prompts = _read_columns(path, choices)
    if prompts.shape[1] == len(boxes):
        _check_boxes(path, prompts[:, 1:])
    return prompts


def _check_boxes(path: Path, boxes: NDArray[np.float64]) -> None:
    empty = np.flatnonzero((boxes[:, 2:] <= boxes[:, :2]).any(axis=1))
    if empty.size:
        raise InputError(f"{path}: box {empty[0] + 1} has no area; x1 must be above x0 and y1 above y0")


def _read_columns(path: Path, choices: Mapping[str, tuple[str, ...]]) -> NDArray[np.float64]:
    """Read the columns of the first choice that are there; each goes with the header that it is told by."""
    header, names = list(choices.items())[-1]
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file, skipinitialspace=True)
            found = table.fieldnames or []
            there = (each for each in choices.items() if set(each[1]) <= set(found))
            header, names = next(there, (header, names))
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
