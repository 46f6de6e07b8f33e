"""How a page holds what is not text: numbers as JSON, arrays and tables compressed, all in base64."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def in_text(content: bytes) -> str:
    """Return bytes as base64."""
    return base64.b64encode(content).decode("ascii")


def compressed(content: bytes | NDArray[Any]) -> str:
    """Return bytes, or those of an array, as gzip in base64; the same content gives the same text."""
    plain_bytes = content if isinstance(content, bytes) else np.ascontiguousarray(content).tobytes()
    return in_text(gzip.compress(plain_bytes, mtime=0))


def in_json(value: object) -> str:
    """Return JSON that no text in it can end early."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def rounded(value: object, digits: int = 5) -> float | None:
    """Return a number with so many significant digits, ``None`` where it is missing."""
    number = float(cast(Any, value)) if value is not None else np.nan
    return float(f"{number:.{digits}g}") if np.isfinite(number) else None


def plain(values: Iterable[Any], digits: int = 5) -> list[float | None]:
    """Return numbers as `rounded` ones."""
    return [rounded(value, digits) for value in values]


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table by column: fractions `rounded`, ``None`` where a value is missing."""
    return [
        {str(name): rounded(value) if isinstance(value, float) else value for name, value in row.items()}
        for row in table.astype(object).where(table.notna(), None).to_dict("records")
    ]
