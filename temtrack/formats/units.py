"""Lengths, durations, dates and clock times as microscopes, heaters, ImageJ, OME and people write them."""

from __future__ import annotations

import math
import re
import unicodedata
from contextlib import suppress
from datetime import date, datetime, time, timedelta

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


#: ``2021-08-06``, ``16/04/'15``, ``06-08-2021``, ``31.12.2023``; not a version such as 3.1.20
_DATE = re.compile(
    r"(?<![\d.])(?:\d{4}([-/.])\d{1,2}\1\d{1,2}|\d{1,2}([-/])\d{1,2}\2'?(?:\d{4}|\d{2})|\d{1,2}\.\d{1,2}\.\d{4})"
    r"(?![\d.]*\d)"
)
_TIME = re.compile(
    r"(?<![\d:])(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?(?:\s*([AP])\.?M\b)?", re.IGNORECASE
)
_ZONE = re.compile(r"(?:Z|UTC|GMT|[+-]\d{2}:?\d{2})\s*$", re.IGNORECASE)


def length_nm(value: float, unit: str) -> float | None:
    """Return a length in nanometres; ``None`` for a unit not of length or a value not positive."""
    return _convert(value, unit, _LENGTHS_NM)


def duration_s(value: float, unit: str) -> float | None:
    """Return a duration in seconds; ``None`` for a unit not of time or a value not positive."""
    return _convert(value, unit, _TIMES_S)


def _convert(value: float, unit: str, factors: dict[str, float]) -> float | None:
    # both micro signs, both angstrom signs, and ImageJ's escaped ``\u00B5m``
    unescaped = unit.strip().strip("\0").replace("\\u00B5", "µ").replace("\\u00b5", "µ")
    name = unicodedata.normalize("NFKC", unescaped).casefold()
    factor = factors.get(name) or factors.get(name.removesuffix("s"))
    if factor is None or not math.isfinite(value) or value <= 0:
        return None
    return value * factor


def read_clock(text: str, day: date | None = None) -> datetime | None:
    """Return the clock time that a text such as ``8/29/2017 1:58:43 PM`` tells, in its laboratory's own zone.

    Where it has no date, ``day`` stands for it. So it does beside a time that names its zone: that cannot be
    held against clocks that name none. ``None`` where the text tells no time of day, or there is no date.
    """
    found = _TIME.search(text)
    if found is None:
        return None
    hour, minute, second = (int(part or 0) for part in found.group(1, 2, 3))
    half = (found[5] or "").upper()
    if half:
        hour = hour % 12 + (12 if half == "P" else 0)
    if hour > 23 or minute > 59 or second > 59:
        return None
    if _ZONE.search(text, found.end()) is None:
        day = read_date(text[: found.start()], month_first=bool(half)) or day
    of_day = timedelta(hours=hour, minutes=minute, seconds=second + float(f"0.{found[4] or 0}"))
    return None if day is None else datetime.combine(day, time()) + of_day


def read_date(text: str, month_first: bool = False) -> date | None:
    """Return the first date in a text, ``None`` where there is none.

    The day stands before the month, unless the year comes first, there is no such month, or `month_first`
    says otherwise, as it does beside a time with AM or PM.
    """
    found = _DATE.search(text)
    numbers = re.sub(r"\D+", "-", found[0]) if found else ""
    orders = ["%d-%m-%Y", "%d-%m-%y", "%m-%d-%Y", "%m-%d-%y"]
    for order in ("%Y-%m-%d", *(orders[2:] + orders[:2] if month_first else orders)):
        with suppress(ValueError):
            return datetime.strptime(numbers, order).date()
    return None
