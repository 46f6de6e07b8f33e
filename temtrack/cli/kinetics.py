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
from temtrack.cli.estimates import (
    DEFAULT_SEED,
    FILES,
    check_files,
    read_kinetics,
    show_estimates,
    write_estimates,
)
from temtrack.cli.heating import Heat, HeaterColumns, HeaterLogs, HeaterOffsets, heat_of_runs
from temtrack.cli.inputs import Job, Shard, gather
from temtrack.cli.output import Row
from temtrack.cli.runner import RunOptions, Task, Work, run_each
from temtrack.errors import UsageError

if TYPE_CHECKING:
    from temtrack.kinetics.estimate import Estimate

_KELVIN_AT_0_C = 273.15
_TEMPERATURE = re.compile(r"\s*([-+]?\d+\.?\d*)\s*(?:°\s*)?(C|K|degC)\s*", re.IGNORECASE)

_JOINT_FILES = ("kinetics.parquet", "arrhenius.png", "arrhenius.svg")


@dataclass(frozen=True)
class _Settings:
    """What all runs share, and what was said of the temperature of each, in the order given."""

    pixel_size_nm: float | None
    frame_time_s: float | None
    seed: int
    heat: list[Heat]


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
    ctx: typer.Context,
    masks: Annotated[
        list[str],
        typer.Argument(
            metavar="MASKS...",
            help="Masks folders, one for each run, or TIFF stacks of ids; - for a list on stdin.",
        ),
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
    heater_log: HeaterLogs = None,
    heater_columns: HeaterColumns = None,
    heater_offset: HeaterOffsets = None,
    out: options.Output = None,
    pixel_size: options.PixelSize = None,
    frame_time: options.FrameTime = None,
    seed: options.Seed = DEFAULT_SEED,
    resume: options.Resume = False,
    shard: options.ShardOf = None,
    keep_going: options.KeepGoing = True,
    force: options.Force = False,
    dry_run: options.DryRun = False,
    as_json: options.JsonOfInputs = False,
) -> None:
    """Fit sintering kinetics: sizes, growth, dispersion, mechanisms, motion, each with a 95 % interval.

    Several runs at temperatures also give activation energies; of shards, the
    last step is the same command with --resume and without --shard.
    """
    chosen = gather(masks, shard)
    heat = heat_of_runs(temperature, heater_log, heater_offset, heater_columns, chosen.n_given)
    settings = _Settings(pixel_size, frame_time, seed, heat)
    joint = out if chosen.many else None

    def load() -> Work:
        _check_joint_files(joint, resume or force)
        return partial(_measure, settings)

    task = Task(
        load=load,
        target=lambda job: job.source if out is None else out / job.name if chosen.many else out,
        content=partial(_content, settings),
        detail=read_kinetics,
        show=_show,
        together=partial(_measure_activation, joint, shard),
    )
    run_each(ctx, chosen, task, RunOptions(resume, keep_going, force, as_json, dry_run))


def _check_joint_files(out: Path | None, force: bool) -> None:
    from temtrack.formats.store.atomic import check_output_file

    for name in _JOINT_FILES if out is not None else ():
        check_output_file((out or Path()) / name, force)


def _check_target(job: Job) -> None:
    """Make the folder of a run's results; refuse to overwrite any that may not be."""
    from temtrack.formats.store.atomic import check_output_folder

    target, inside = job.place, job.place == job.source
    if inside and target.is_file():
        raise UsageError(f"{target} is a file: give a folder for the results with -o DIR")
    if inside and not target.is_dir():
        raise UsageError(f"{target}: no such folder; give a masks folder")
    check_output_folder(target, force=True)  # masks and tables lie together, so it need not be empty
    check_files(target, job.may_overwrite)


def _measure(settings: _Settings, job: Job) -> Row:
    """Measure a run and write its table and plots."""
    from temtrack.analysis.folder import open_masks_folder
    from temtrack.kinetics.reading import read_observed_run

    folder = open_masks_folder(job.source)
    _check_target(job)
    heat = settings.heat[job.index]
    watch = partial(output.with_progress, description="measuring", total=len(folder.masks))
    observed, calibration = read_observed_run(folder, settings.pixel_size_nm, settings.frame_time_s, watch)
    calibration = heat.calibrate(calibration, folder.started)
    kelvin = write_estimates(job.place, folder, observed, calibration, heat, settings.seed)
    return {"temperature_K": kelvin}


def _content(settings: _Settings, job: Job) -> object:
    """Return what decides on the kinetics of a run: masks, what lies beside them, temperature."""
    from temtrack.analysis.folder import fingerprint_with_tables
    from temtrack.formats.store.fingerprint import fingerprint
    from temtrack.tables import TABLES

    heat = settings.heat[job.index]
    log = None if heat.log is None else fingerprint([heat.log])
    return [fingerprint_with_tables(job.source, TABLES), heat.kelvin, log, heat.offset_s, heat.columns]


def _measure_activation(out: Path | None, shard: Shard | None, rows: Sequence[Row]) -> Row:
    """Fit activation energies over the runs; keep them where there is a folder to."""
    from temtrack.kinetics.arrhenius import measure_activation, refuse_activation
    from temtrack.kinetics.reading import read_estimates

    if len(rows) < 2:
        return {}
    if shard is not None:
        output.tell("what all runs tell together is left out; give --resume without --shard in the end")
        return {}
    kelvin = [row["temperature_K"] for row in rows if row["temperature_K"] is not None]
    if len(kelvin) < len(rows):
        found = refuse_activation(
            "temperatures unknown: give --temperature 800C, say, or --heater-log FILE, once for each run"
        )
        return {"activation": [asdict(one) for one in found]}
    estimates = [read_estimates(Path(row["output"]) / FILES[0]) for row in rows]
    found = measure_activation(estimates, kelvin)
    if out is None:
        output.tell("what the runs tell together is shown only; -o DIR keeps it, with its plot")
    else:
        _write_activation(out, found, estimates, kelvin, [row["input"] for row in rows])
    return {"activation": [asdict(one) for one in found]}


def _write_activation(
    out: Path,
    found: list[Estimate],
    estimates: Sequence[list[Estimate]],
    kelvin: Sequence[float],
    runs: Sequence[str],
) -> None:
    from temtrack.formats.store.tables import write_table
    from temtrack.kinetics.estimate import fill_kinetics
    from temtrack.report.plots import write_arrhenius_plot

    facts = {"command": output.command_line(), "runs": ", ".join(runs)}
    write_table(out / "kinetics.parquet", fill_kinetics(found), facts)
    write_arrhenius_plot(out, estimates, kelvin)


def _show(rows: Sequence[Row], together: Row) -> None:
    """Show what each run tells, and what they tell together."""
    for row in rows:
        show_estimates(row["kinetics"], f"Kinetics of {row['input']}, in {row['output']}")
    if "activation" in together:
        show_estimates(together["activation"], "Activation over all runs")
