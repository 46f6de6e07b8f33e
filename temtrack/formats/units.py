"""Units of length and time as microscopes, ImageJ, OME and people write them."""

from __future__ import annotations

import math
import re
import unicodedata

# Inch and centimetre are left out on purpose: in image files they come from print resolutions
# (72, 96 or 300 dpi), never from a microscope's calibration.
_LENGTHS_NM = {
    "m": 1e9, "meter": 1e9, "metre": 1e9,
    "mm": 1e6, "millimeter": 1e6, "millimetre": 1e6,
    "um": 1e3, "μm": 1e3, "micron": 1e3, "micrometer": 1e3, "micrometre": 1e3,
    "nm": 1.0, "nanometer": 1.0, "nanometre": 1.0,
    "a": 0.1, "å": 0.1, "angstrom": 0.1, "ångström": 0.1,
    "pm": 1e-3, "picometer": 1e-3, "picometre": 1e-3,
}  # fmt: skip

_TIMES_S = {
    "ns": 1e-9, "us": 1e-6, "μs": 1e-6,
    "ms": 1e-3, "msec": 1e-3, "millisecond": 1e-3,
    "s": 1.0, "sec": 1.0, "second": 1.0,
    "min": 60.0, "minute": 60.0, "h": 3600.0, "hour": 3600.0,
}  # fmt: skip

_QUANTITY = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)\s*(\D*?)\s*", re.IGNORECASE)


def split_quantity(text: str) -> tuple[float, str]:
    """Return number and unit of a text such as ``0.21 nm``; where it is none, NaN without a unit."""
    match = _QUANTITY.fullmatch(text)
    return (float(match[1]), match[2]) if match else (math.nan, "")


def length_nm(value: float, unit: str) -> float | None:
    """Return a length in nanometres; ``None`` for a unit not of length or a value not positive."""
    return _convert(value, unit, _LENGTHS_NM)


def duration_s(value: float, unit: str) -> float | None:
    """Return a duration in seconds; ``None`` for a unit not of time or a value not positive."""
    return _convert(value, unit, _TIMES_S)


def _convert(value: float, unit: str, factors: dict[str, float]) -> float | None:
    name = _plain(unit)
    factor = factors.get(name) or factors.get(name.removesuffix("s"))
    if factor is None or not math.isfinite(value) or value <= 0:
        return None
    return value * factor


def _plain(unit: str) -> str:
    r"""Fold case, both micro signs and both angstrom signs, and ImageJ's escaped ``\u00B5m``."""
    unescaped = unit.strip().strip("\0").replace("\\u00B5", "µ").replace("\\u00b5", "µ")
    return unicodedata.normalize("NFKC", unescaped).casefold()
