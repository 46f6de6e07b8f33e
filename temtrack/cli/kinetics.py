"""`temtrack kinetics`: sintering kinetics from the tables of masks folders."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from temtrack.cli import options, output
from temtrack.cli.batch import Batch
from temtrack.errors import UsageError

if TYPE_CHECKING:
    from temtrack.analysis.kinetics.estimate import Estimate

_KELVIN_AT_0_C = 273.15
_TEMPERATURE = re.compile(r"\s*([-+]?\d+\.?\d*)\s*(?:°\s*)?(C|K|degC)\s*", re.IGNORECASE)

#: What a person needs on one screen; method and source stand in the table.
_SHOWN = ("quantity", "frame", "event_id", "value", "low", "high", "unit", "n", "reason")

_FILES = ("kinetics.parquet", "kinetics.png", "kinetics.svg")
_JOINT_FILES = ("kinetics.parquet", "arrhenius.png", "arrhenius.svg")


@dataclass(frozen=True)
class _Run:
    """A masks folder, where its results go, and its temperature."""

    masks: Path
    target: Path
    kelvin: float | None

    def __str__(self) -> str:
        return str(self.masks)


@dataclass(frozen=True)
class _Settings:
    """What all runs share."""

    pixel_size_nm: float | None
    frame_time_s: float | None
    seed: int


def parse_temperature(text: str) -> float:
    """Return kelvin from a temperature such as ``800C``, ``800 °C`` or ``1073K``.

    Raises
    ------
    UsageError
        If the text is no temperature above absolute zero with a unit.
    """
    match = _TEMPERATURE.fullmatch(text)
    kelvin = 0.0
    if match is not None:
        kelvin = float(match[1]) + (0.0 if match[2].upper() == "K" else _KELVIN_AT_0_C)
    if kelvin <= 0:
        raise UsageError(
            f"--temperature {text!r}: not understood; give a temperature with its unit, C or K, as in 800C"
        )
    return kelvin


def kinetics(
    masks: Annotated[
        list[Path],
        typer.Argument(metavar="MASKS...", help="Masks folders, one for each run, or TIFF stacks of ids."),
    ],
    temperature: Annotated[
        list[float] | None,
        typer.Option(
            "--temperature",
            parser=parse_temperature,
            metavar="T",
            help="Temperature of each run in their order, as 800C or 1073K, for the activation energy.",
            show_default=False,
        ),
    ] = None,
    out: options.Output = None,
    pixel_size: options.PixelSize = None,
    frame_time: options.FrameTime = None,
    seed: options.Seed = 0,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Fit sintering kinetics: sizes, growth, dispersion, mechanisms, motion, each with a 95 % interval."""
    runs = _plan(masks, temperature, out, force)
    settings = _Settings(pixel_size, frame_time, seed)
    batch = Batch()
    done = [(run, rows) for run, rows in batch.each(runs, partial(_measure, settings=settings))]
    activation = _measure_activation(done, out) if len(done) > 1 else []
    _show(done, activation, as_json)
    if activation and out is None:
        output.tell("what the runs tell together is shown only; -o DIR keeps it, with its plot")
    batch.finish(len(done))


def _plan(masks: list[Path], temperature: list[float] | None, out: Path | None, force: bool) -> list[_Run]:
    """Say where each run's results go; refuse to overwrite any, unless ``force``."""
    from temtrack.formats.atomic import check_output_file, check_output_folder

    if temperature and len(temperature) != len(masks):
        raise UsageError(
            f"--temperature: {len(temperature)} given for {len(masks)} runs; give one for each, in order"
        )
    targets = _targets(masks, out)
    for target in targets:
        check_output_folder(target, force=True)  # masks and tables lie together, so it need not be empty
        for name in _FILES:
            check_output_file(target / name, force)
    if out is not None and len(masks) > 1:
        for name in _JOINT_FILES:
            check_output_file(out / name, force)
    kelvin: Sequence[float | None] = temperature or [None] * len(masks)
    return [_Run(*one) for one in zip(masks, targets, kelvin, strict=True)]


def _targets(masks: list[Path], out: Path | None) -> list[Path]:
    if out is None:
        for path in masks:
            if path.is_file():
                raise UsageError(f"{path} is a file: give a folder for the results with -o DIR")
            if not path.is_dir():
                raise UsageError(f"{path}: no such folder; give a masks folder")
        return masks
    if len(masks) == 1:
        return [out]
    names = [path.resolve().name for path in masks]
    if len(set(names)) < len(names):
        raise UsageError(f"{', '.join(map(str, masks))}: end in the same name, and so would their results")
    return [out / Path(name).stem for name in names]


def _measure(run: _Run, settings: _Settings) -> tuple[_Run, list[Estimate]]:
    """Measure a run and write its table and plots."""
    import numpy as np

    from temtrack.analysis.folder import open_masks_folder
    from temtrack.analysis.kinetics.estimate import fill_kinetics
    from temtrack.analysis.kinetics.measure import measure_kinetics
    from temtrack.analysis.kinetics.reading import read_observed_run
    from temtrack.formats.parquet import write_table
    from temtrack.report.kinetics_plots import write_kinetics_plots

    folder = open_masks_folder(run.masks)
    watch = partial(output.with_progress, description="measuring", total=len(folder.masks))
    observed, calibration = read_observed_run(folder, settings.pixel_size_nm, settings.frame_time_s, watch)
    rows = measure_kinetics(observed, np.random.default_rng(settings.seed))
    facts = {**folder.metadata(calibration, output.command_line()), "seed": str(settings.seed)}
    if run.kelvin is not None:
        facts["temperature_K"] = repr(run.kelvin)
    write_table(run.target / "kinetics.parquet", fill_kinetics(rows), facts)
    write_kinetics_plots(run.target, observed, rows)
    return run, rows


def _measure_activation(done: Sequence[tuple[_Run, list[Estimate]]], out: Path | None) -> list[Estimate]:
    """Fit activation energies over the runs; keep them where there is a folder to."""
    from temtrack.analysis.kinetics.arrhenius import measure_activation, refuse_activation
    from temtrack.analysis.kinetics.estimate import fill_kinetics
    from temtrack.formats.parquet import write_table
    from temtrack.report.kinetics_plots import write_arrhenius_plot

    kelvin = [run.kelvin for run, _ in done if run.kelvin is not None]
    if len(kelvin) < len(done):
        return refuse_activation("temperatures unknown: give --temperature 800C, say, once for each run")
    estimates = [rows for _, rows in done]
    rows = measure_activation(estimates, kelvin)
    if out is not None:
        facts = {"command": output.command_line(), "runs": ", ".join(str(run) for run, _ in done)}
        write_table(out / "kinetics.parquet", fill_kinetics(rows), facts)
        write_arrhenius_plot(out, estimates, kelvin)
    return rows


def _show(done: Sequence[tuple[_Run, list[Estimate]]], activation: Sequence[Estimate], as_json: bool) -> None:
    if as_json:
        runs = [
            {
                "masks": str(run.masks),
                "temperature_K": run.kelvin,
                "table": str(run.target / "kinetics.parquet"),
                "kinetics": [asdict(row) for row in rows],
            }
            for run, rows in done
        ]
        output.show_json({"runs": runs, "activation": [asdict(row) for row in activation]})
        return
    for run, rows in done:
        _show_rows(rows, f"Kinetics of {run.masks}, in {run.target}")
    _show_rows(activation, "Activation over all runs")


def _show_rows(rows: Sequence[Estimate], title: str) -> None:
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
