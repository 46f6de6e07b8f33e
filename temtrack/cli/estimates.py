"""What `kinetics` and `analyze --kinetics` share: a run's files, and how its estimates are shown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from temtrack.cli import output
from temtrack.cli.heating import Heat

if TYPE_CHECKING:
    from temtrack.analysis.folder import MasksFolder
    from temtrack.calibration import Calibration
    from temtrack.kinetics.estimate import Estimate
    from temtrack.kinetics.observed import ObservedRun

#: Of the draws behind the intervals, where nobody says.
DEFAULT_SEED = 0

FILES = ("kinetics.parquet", "kinetics.png", "kinetics.svg")

#: What a person needs on one screen; method and source stand in the table.
_SHOWN = ("quantity", "frame", "event_id", "value", "low", "high", "unit", "n", "reason")


def check_files(target: Path, force: bool) -> None:
    """Refuse to overwrite a run's files, unless ``force``."""
    from temtrack.formats.store.atomic import check_output_file

    for name in FILES:
        check_output_file(target / name, force)


def write_estimates(
    target: Path, folder: MasksFolder, run: ObservedRun, calibration: Calibration, heat: Heat, seed: int
) -> tuple[list[Estimate], float | None]:
    """Measure a run and write its table and plots; return its estimates and its temperature in K."""
    from temtrack.pipeline.workflow import kinetics_into

    kelvin = heat.find_kelvin(str(folder.path), calibration)
    facts = folder.metadata(calibration, output.command_line())
    if kelvin is not None:
        facts["temperature_K"] = repr(kelvin)
    return kinetics_into(target, run, seed, facts), kelvin


def show_estimates(rows: Sequence[Estimate], title: str) -> None:
    """Show what was found, of the first and last frames and the whole run, and why other things were not."""
    frames = [row.frame for row in rows if row.frame is not None]
    ends = (None, min(frames, default=None), max(frames, default=None))
    shown = [row for row in rows if row.value is not None and row.frame in ends]
    output.show_rows(
        [{name: getattr(row, name) for name in _SHOWN} for row in shown], as_json=False, title=title
    )
    refused: dict[str, list[str]] = {}
    for row in rows:
        if row.value is None:
            refused.setdefault(row.reason or "", []).append(row.quantity)
    reasons = [{"refused": list(dict.fromkeys(names)), "reason": why} for why, names in refused.items()]
    output.show_rows(reasons, as_json=False)
