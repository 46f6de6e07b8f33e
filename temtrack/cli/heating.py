"""What a user says of the temperature of runs: by number, or by the logs of the heater."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from temtrack.cli import output
from temtrack.errors import UsageError

if TYPE_CHECKING:
    from datetime import datetime

    from temtrack.calibration import Calibration

T = TypeVar("T")

_KELVIN_AT_0_C = 273.15

#: A run whose temperature changes by more is told to the user.
_STEADY_WITHIN_K = 20.0

#: Two names, or three where date and time are two.
_TWO_NAMES = re.compile(r"\s*[^,\s][^,]*(,\s*[^,\s][^,]*){1,2}")

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


@dataclass(frozen=True)
class Heat:
    """What the user said of a run's temperature: its number in K, or a log and how to read and align it."""

    kelvin: float | None = None
    log: Path | None = None
    offset_s: float | None = None
    columns: str | None = None

    def __post_init__(self) -> None:
        if self.kelvin is not None and self.log is not None:
            raise UsageError("--temperature and --heater-log both tell the temperature; give one of them")
        for option, given in (("--heater-offset", self.offset_s), ("--heater-columns", self.columns)):
            if given is not None and self.log is None:
                raise UsageError(f"{option} is for a heater's log; give it with --heater-log FILE")
        if self.columns is not None and not _TWO_NAMES.fullmatch(self.columns):
            raise UsageError(
                f"--heater-columns {self.columns!r}: not understood; give the names of the columns of time "
                "and temperature, with units where the header has none, as in 'Elapsed [s],Temp [C]'"
            )

    def calibrate(self, calibration: Calibration, started: datetime | None) -> Calibration:
        """Return the calibration with the temperature of each frame, where there is a log.

        ``started`` is the microscope's clock at the movie's 0 s.
        """
        from temtrack.analysis.temperature import add_temperature
        from temtrack.formats.heater import read_heater_log

        if self.log is None:
            return calibration
        log = read_heater_log(self.log, self.columns and self.columns.split(","))
        return add_temperature(calibration, log, started, self.offset_s)

    def find_kelvin(self, run: str, calibration: Calibration) -> float | None:
        """Return the run's temperature, by the log where no number was given; tell if it is not steady."""
        from temtrack.analysis.temperature import find_run_temperature

        found = find_run_temperature(calibration)
        if self.kelvin is not None or found is None:
            return self.kelvin
        middle, low, high = (k - _KELVIN_AT_0_C for k in (found.median, found.lowest, found.highest))
        output.tell(f"{run}: {middle:.4g} °C, from {calibration.temperature_source}")
        if high - low > _STEADY_WITHIN_K:
            output.warn(
                f"{run}: goes from {low:.4g} to {high:.4g} °C, and the median stands for all of it; "
                "`temtrack track --frames` takes the part at one temperature"
            )
        return found.median


def heat_of_runs(
    kelvin: list[float] | None,
    logs: list[Path] | None,
    offsets_s: list[float] | None,
    columns: str | None,
    n_runs: int,
) -> list[Heat]:
    """Return what was said of each run.

    Raises
    ------
    UsageError
        Where there are not as many values as runs.
    """
    given = (
        _for_each(kelvin, n_runs, "--temperature"),
        _for_each(logs, n_runs, "--heater-log", or_one=True),
        _for_each(offsets_s, n_runs, "--heater-offset", or_one=True),
    )
    return [Heat(*one, columns) for one in zip(*given, strict=True)]


def _for_each(given: list[T] | None, n_runs: int, option: str, or_one: bool = False) -> Sequence[T | None]:
    """Return the value of each run, where one was given for each, or one for all."""
    if not given:
        return [None] * n_runs
    if or_one and len(given) == 1:
        return given * n_runs
    if len(given) != n_runs:
        raise UsageError(f"{option}: {len(given)} given for {n_runs} runs; give one for each, in order")
    return given
