"""Widths and numbers as a user gives them in text, each named by its flag where it is refused."""

from __future__ import annotations

import re

from temtrack.errors import UsageError
from temtrack.formats.units import length_nm, split_quantity


def parse_numbers(text: str | None, flag: str) -> list[int]:
    """Return the numbers of ``0:5,17``: ranges end before their last number."""
    numbers: list[int] = []
    for part in [] if text is None else text.split(","):
        found = re.fullmatch(r"\s*(\d{1,9})(?::(\d{1,9}))?\s*", part)
        if found is None or (found[2] and int(found[2]) <= int(found[1])):
            raise UsageError(f"{flag} {text!r}: not understood; give numbers and ranges, as in 0:5,17")
        numbers += range(int(found[1]), int(found[2] or int(found[1]) + 1))
    return numbers


def parse_width(text: str, flag: str) -> tuple[float, float | None]:
    """Return the number, and nm per unit where the unit is one of length and not px."""
    number, unit = split_quantity(text)
    unit_nm = None if unit == "px" else length_nm(1, unit)
    if not number > 0 or (unit_nm is None and unit != "px"):
        raise UsageError(
            f"{flag} {text!r}: not understood; give the width of a typical particle with its unit, as "
            "8px or 4nm"
        )
    return number, unit_nm


def width_px(text: str, flag: str, pixel_size_nm: float | None, of: str = "") -> float:
    """Return a width in pixels; ``of`` names the movie in an error.

    Raises
    ------
    UsageError
        Where it is given in nm and the pixel size is unknown.
    """
    width, nm_per_unit = parse_width(text, flag)
    if nm_per_unit is None:
        return width
    if pixel_size_nm is None:
        raise UsageError(
            f"{flag} {text}: the pixel size{of} is unknown; give --pixel-size too, or the diameter in px"
        )
    return width * nm_per_unit / pixel_size_nm
