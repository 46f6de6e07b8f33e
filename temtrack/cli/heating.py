"""What a user says of the temperature of runs: by number, or by the logs of the heater."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from temtrack.cli import options, output
from temtrack.errors import UsageError

if TYPE_CHECKING:
    from datetime import datetime

    from temtrack.calibration import Calibration

T = TypeVar("T")

_KELVIN_AT_0_C = 273.15

#: A run whose temperature changes by more is told to the user.
_STEADY_WITHIN_K = 20.0

HeaterLogs = Annotated[
    list[Path] | None,
    typer.Option(
        "--heater-log",
        metavar="FILE",
        help="Log of the heater, for each run in their order or one for all, in place of --temperature.",
        show_default=False,
    ),
]
HeaterOffsets = Annotated[
    list[float] | None,
    typer.Option(
        "--heater-offset",
        parser=options.parse_heater_offset,
        metavar="DURATION",
        help="Time of the log at the movie's 0 s, as 12.5s, beyond what their clocks tell; one or each.",
        show_default=False,
    ),
]


@dataclass(frozen=True)
class Heat:
    """What the user said of a run's temperature: its number in K, or a log and how its clock is aligned."""

    kelvin: float | None = None
    log: Path | None = None
    offset_s: float | None = None

    def __post_init__(self) -> None:
        if self.kelvin is not None and self.log is not None:
            raise UsageError("--temperature and --heater-log both tell the temperature; give one of them")
        if self.offset_s is not None and self.log is None:
            raise UsageError("--heater-offset is for a heater's log; give it with --heater-log FILE")

    def calibrate(self, calibration: Calibration, started: datetime | None) -> Calibration:
        """Return the calibration with the temperature of each frame, where there is a log.

        ``started`` is the microscope's clock at the movie's 0 s.
        """
        from temtrack.analysis.temperature import add_temperature
        from temtrack.formats.heater import read_heater_log

        if self.log is None:
            return calibration
        return add_temperature(calibration, read_heater_log(self.log), started, self.offset_s)

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
    kelvin: list[float] | None, logs: list[Path] | None, offsets_s: list[float] | None, n_runs: int
) -> list[Heat]:
    """Return what was said of each run.

    Raises
    ------
    UsageError
        Where there are not as many values as runs.
    """
    columns = (
        _for_each(kelvin, n_runs, "--temperature"),
        _for_each(logs, n_runs, "--heater-log", or_one=True),
        _for_each(offsets_s, n_runs, "--heater-offset", or_one=True),
    )
    return [Heat(*one) for one in zip(*columns, strict=True)]


def _for_each(given: list[T] | None, n_runs: int, option: str, or_one: bool = False) -> Sequence[T | None]:
    """Return the value of each run, where one was given for each, or one for all."""
    if not given:
        return [None] * n_runs
    if or_one and len(given) == 1:
        return given * n_runs
    if len(given) != n_runs:
        raise UsageError(f"{option}: {len(given)} given for {n_runs} runs; give one for each, in order")
    return given
