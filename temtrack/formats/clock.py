"""Dates and clock times as microscopes and heaters write them, each in the laboratory's own time zone."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import date, datetime, time, timedelta

#: ``2021-08-06``, ``16/04/'15``, ``06-08-2021``, ``31.12.2023``; not a version such as 3.1.20
_DATE = re.compile(
    r"(?<![\d.])(?:\d{4}([-/.])\d{1,2}\1\d{1,2}|\d{1,2}([-/])\d{1,2}\2'?(?:\d{4}|\d{2})|\d{1,2}\.\d{1,2}\.\d{4})"
    r"(?![\d.]*\d)"
)
_TIME = re.compile(
    r"(?<![\d:])(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?(?:\s*([AP])\.?M\b)?", re.IGNORECASE
)
_ZONE = re.compile(r"(?:Z|UTC|GMT|[+-]\d{2}:?\d{2})\s*$", re.IGNORECASE)


def read_clock(text: str, day: date | None = None) -> datetime | None:
    """Return what a text such as ``8/29/2017 1:58:43 PM`` or ``2021-08-06T13:40:19`` tells.

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
