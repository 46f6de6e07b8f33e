"""Numbers with units, and frames, as the words of a command line."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from temtrack.errors import UsageError
from temtrack.formats.units import duration_s, length_nm, split_quantity

_WHOLE = re.compile(r"[-+]?\d{1,18}")

#: Kelvin at 0 of each unit of temperature.
_KELVIN = {"k": 0.0, "c": 273.15, "degc": 273.15}


def _quantity(
    option: str, convert: Callable[[float, str], float | None], allowed: str
) -> Callable[[str], float]:
    """Return the parser of a number with a unit; ``convert`` gives ``None`` for one that is not allowed."""

    def parse(text: str) -> float:
        converted = convert(*split_quantity(text))
        if converted is None:
            raise UsageError(f"{option} {text!r}: not understood; give {allowed}")
        return converted

    return parse


def _any_duration_s(number: float, unit: str) -> float | None:
    second = duration_s(1, unit)
    return None if second is None else number * second


def _temperature_k(number: float, unit: str) -> float | None:
    kelvin = number + _KELVIN.get(unit.removeprefix("°").strip().lower(), math.nan)
    return kelvin if kelvin > 0 else None


_LENGTH = "a number above 0 with its unit: pm, A, nm, um, mm or m"

#: Nanometres from ``0.21nm``, ``2.1 Å``, ``210pm`` or ``0.00021um``.
parse_pixel_size = _quantity("--pixel-size", length_nm, f"{_LENGTH}, as in 0.21nm")
parse_scale_bar = _quantity("--scale-bar", length_nm, f"{_LENGTH}, as in 50nm")

#: Seconds from ``0.5s``, ``40ms`` or ``2min``.
parse_frame_time = _quantity(
    "--frame-time", duration_s, "a number above 0 with its unit: us, ms, s, min or h, as in 0.5s"
)

#: Seconds as of the frame time.
parse_idle = _quantity(
    "--idle", duration_s, "a number above 0 with its unit: us, ms, s, min or h, as in 10min"
)

#: Seconds from a duration of either sign, as ``12.5s`` or ``-3 min``.
parse_heater_offset = _quantity(
    "--heater-offset", _any_duration_s, "a number with its unit, us, ms, s, min or h, as in 12.5s"
)

#: Kelvin from ``800C``, ``800 °C`` or ``1073K``.
parse_temperature = _quantity(
    "--temperature", _temperature_k, "a temperature with its unit, C or K, as in 800C"
)


def parse_frames(text: str) -> slice:
    """Return the frames that ``0:20``, ``100:``, ``-50:`` or ``::5`` stand for, as in Python.

    Raises
    ------
    UsageError
        If the text is no such slice, or would not go forward in time.
    """
    parts = [part.strip() for part in text.split(":")]
    is_slice = 2 <= len(parts) <= 3 and all(_WHOLE.fullmatch(part) for part in parts if part)
    numbers = [int(part) if part else None for part in parts] if is_slice else [None, None, 0]
    if len(numbers) == 3 and numbers[2] is not None and numbers[2] < 1:
        raise UsageError(
            f"--frames {text!r}: not understood; give FIRST:BEFORE or FIRST:BEFORE:STEP, each a whole number "
            "or left out, STEP above 0: 0:20, 100:, ::5"
        )
    return slice(*numbers)
