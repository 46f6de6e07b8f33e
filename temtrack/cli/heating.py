"""Options about the log of a heating holder, of one run or of several."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from temtrack.errors import UsageError

_OFFSET = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+))\s*([^\W\d]+)\s*")


def parse_heater_offset(text: str) -> float:
    """Return seconds from a duration such as ``12.5s`` or ``-3 min``.

    Raises
    ------
    UsageError
        If the text is no duration with a unit.
    """
    from temtrack.formats.units import duration_s

    match = _OFFSET.fullmatch(text)
    second = duration_s(1, match[2]) if match else None
    if match is None or second is None:
        raise UsageError(
            f"--heater-offset {text!r}: not understood; give a number with its unit, us, ms, s, min "
            "or h, as in 12.5s"
        )
    return float(match[1]) * second


_LOG = typer.Option(
    "--heater-log",
    metavar="FILE",
    help="Log of the heater (DENSsolutions, Protochips, others by --heater-columns); of several runs one for "
    "each, or one for all.",
    show_default=False,
)
_OFFSET_TO_LOG = typer.Option(
    "--heater-offset",
    parser=parse_heater_offset,
    metavar="DURATION",
    help="Time of the log at the movie's 0 s, as 12.5s or -3s, beyond what their clocks tell.",
    show_default=False,
)

HeaterLog = Annotated[Path | None, _LOG]
HeaterLogs = Annotated[list[Path] | None, _LOG]
HeaterOffset = Annotated[float | None, _OFFSET_TO_LOG]
HeaterOffsets = Annotated[list[float] | None, _OFFSET_TO_LOG]
HeaterColumns = Annotated[
    str | None,
    typer.Option(
        "--heater-columns",
        metavar="TIME,TEMPERATURE",
        help="Columns of another program's log, as 'Elapsed [s],Temp [C]' or 'Date,Time,Temp [C]'.",
        show_default=False,
    ),
]
