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
from temtrack.cli.batch import Batch, Manner
from temtrack.cli.estimates import DEFAULT_SEED, check_files, show_estimates, write_estimates
from temtrack.cli.heating import Heat, HeaterColumns, HeaterLogs, HeaterOffsets, heat_of_runs
from temtrack.cli.inputs import Job, gather
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
    force: bool


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
    as_json: options.Json = False,
) -> None:
    """Fit sintering kinetics: sizes, growth, dispersion, mechanisms, motion, each with a 95 % interval.

    Several runs at temperatures also give activation energies; of shards, the
    last step is the same command with --resume and without --shard.
    """
    chosen = gather(masks, shard)
    heat = heat_of_runs(temperature, heater_log, heater_offset, heater_columns, chosen.n_given)
    settings = _Settings(pixel_size, frame_time, seed, heat, force)
    manner = Manner(resume, keep_going, force, as_json)
    if chosen.many:
        jobs = chosen.jobs_inside(out)
        batch = Batch(ctx, chosen, jobs, partial(_content, settings), manner, detail=_detail)
        _check_joint_files(out, resume or force)
        batch.run(lambda: partial(_measure, settings))
        _show_many(batch, out, shard is None, as_json)
        batch.finish()
        return
    source = chosen.only()
    job = Job(chosen.each[0], out or source)
    row = _measure(settings, job)
    if as_json:
        output.show_json({"masks": str(source), **row, **_detail(job)})
    else:
        show_estimates(_estimates(job), f"Kinetics of {source}, in {job.place}")


def _check_joint_files(out: Path | None, force: bool) -> None:
    from temtrack.formats.store.atomic import check_output_file

    for name in _JOINT_FILES if out is not None else ():
        check_output_file((out or Path()) / name, force)


def _check_target(job: Job, force: bool) -> None:
    """Make the folder of a run's results; refuse to overwrite any, unless ``force``."""
    from temtrack.formats.store.atomic import check_output_folder

    target, inside = job.place, job.place == job.source
    if inside and target.is_file():
        raise UsageError(f"{target} is a file: give a folder for the results with -o DIR")
    if inside and not target.is_dir():
        raise UsageError(f"{target}: no such folder; give a masks folder")
    check_output_folder(target, force=True)  # masks and tables lie together, so it need not be empty
    check_files(target, force)


def _measure(settings: _Settings, job: Job) -> output.Row:
    """Measure a run and write its table and plots."""
    from temtrack.analysis.folder import open_masks_folder
    from temtrack.kinetics.reading import read_observed_run

    folder = open_masks_folder(job.source)
    _check_target(job, settings.force or job.begun)
    heat = settings.heat[job.input.index]
    watch = partial(output.with_progress, description="measuring", total=len(folder.masks))
    observed, calibration = read_observed_run(folder, settings.pixel_size_nm, settings.frame_time_s, watch)
    calibration = heat.calibrate(calibration, folder.started)
    _, kelvin = write_estimates(job.place, folder, observed, calibration, heat, settings.seed)
    return {"output": str(job.place), "temperature_K": kelvin}


def _content(settings: _Settings, job: Job) -> object:
    """Return what decides on the kinetics of a run: masks, what lies beside them, temperature."""
    from temtrack.analysis.folder import fingerprint_with_tables
    from temtrack.formats.store.fingerprint import fingerprint
    from temtrack.tables import TABLES

    heat = settings.heat[job.input.index]
    log = None if heat.log is None else fingerprint([heat.log])
    return [fingerprint_with_tables(job.source, TABLES), heat.kelvin, log, heat.offset_s, heat.columns]


def _estimates(job: Job) -> list[Estimate]:
    from temtrack.kinetics.reading import read_estimates

    return read_estimates(job.place / "kinetics.parquet")


def _detail(job: Job) -> output.Row:
    return {"kinetics": [asdict(row) for row in _estimates(job)]}


def _measure_activation(
    estimates: Sequence[list[Estimate]], kelvins: Sequence[object], runs: Sequence[Job], out: Path | None
) -> list[Estimate]:
    """Fit activation energies over the runs; keep them where there is a folder to."""
    from temtrack.formats.store.tables import write_table
    from temtrack.kinetics.arrhenius import measure_activation, refuse_activation
    from temtrack.kinetics.estimate import fill_kinetics
    from temtrack.report.kinetics_plots import write_arrhenius_plot

    kelvin = [one for one in kelvins if isinstance(one, float)]
    if len(kelvin) < len(runs):
        return refuse_activation(
            "temperatures unknown: give --temperature 800C, say, or --heater-log FILE, once for each run"
        )
    rows = measure_activation(estimates, kelvin)
    if out is not None:
        facts = {"command": output.command_line(), "runs": ", ".join(str(run.source) for run in runs)}
        write_table(out / "kinetics.parquet", fill_kinetics(rows), facts)
        write_arrhenius_plot(out, estimates, kelvin)
    return rows


def _show_many(batch: Batch, out: Path | None, all_runs: bool, as_json: bool) -> None:
    """Show each run, which ``--json`` showed at once, and what they tell together."""
    done = [job for job in batch.jobs if job.input in batch.done]
    estimates = [_estimates(job) for job in done]
    for job, rows in zip(done, estimates, strict=True):
        if not as_json:
            show_estimates(rows, f"Kinetics of {job.source}, in {job.place}")
    if len(done) < 2:
        return
    if not all_runs:
        output.tell("what all runs tell together is left out; give --resume without --shard in the end")
        return
    kelvins = [batch.done[job.input]["temperature_K"] for job in done]
    activation = _measure_activation(estimates, kelvins, done, out)
    if as_json:
        output.show_json_line({"activation": [asdict(row) for row in activation]})
    else:
        show_estimates(activation, "Activation over all runs")
    if out is None:
        output.tell("what the runs tell together is shown only; -o DIR keeps it, with its plot")
