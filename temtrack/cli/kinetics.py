"""`temtrack kinetics`: sintering kinetics from the tables of masks folders."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from temtrack.cli import options, output
from temtrack.cli.estimates import read_kinetics, show_estimates
from temtrack.cli.heating import HeaterColumns, HeaterLogs, HeaterOffsets
from temtrack.cli.inputs import Job, Shard, gather
from temtrack.cli.output import Row
from temtrack.cli.runner import RunOptions, Task, Work, run_each
from temtrack.errors import UsageError
from temtrack.pipeline.options import KineticsOptions

T = TypeVar("T")

_DEFAULT = KineticsOptions()

_KELVIN_AT_0_C = 273.15
_TEMPERATURE = re.compile(r"\s*([-+]?\d+\.?\d*)\s*(?:°\s*)?(C|K|degC)\s*", re.IGNORECASE)


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
    masks: options.MasksFolders,
    temperature_k: Annotated[
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
    heater_columns: HeaterColumns = _DEFAULT.heater_columns,
    heater_offset_s: HeaterOffsets = None,
    out: options.Output = None,
    pixel_size_nm: options.PixelSize = _DEFAULT.pixel_size_nm,
    frame_time_s: options.FrameTime = _DEFAULT.frame_time_s,
    seed: options.Seed = _DEFAULT.seed,
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
    from temtrack.cli.resume import contents_of
    from temtrack.formats.store.run import fingerprint_run
    from temtrack.tables import TABLES

    chosen = gather(masks, shard)
    shared = KineticsOptions(pixel_size_nm=pixel_size_nm, frame_time_s=frame_time_s, seed=seed)
    of_runs = [
        replace(shared, temperature_k=k, heater_log=log, heater_columns=heater_columns, heater_offset_s=s)
        for k, log, s in zip(
            _for_each(temperature_k, chosen.n_given, "--temperature"),
            _for_each(heater_log, chosen.n_given, "--heater-log", or_one=True),
            _for_each(heater_offset_s, chosen.n_given, "--heater-offset", or_one=True),
            strict=True,
        )
    ]
    joint = out if chosen.many else None

    def load() -> Work:
        if joint is not None:
            _check_joint_files(joint, resume or force)
        return lambda job: _measure_one(of_runs[job.index], job)

    task = Task(
        shared,
        load=load,
        target=lambda job: job.source if out is None else out / job.name if chosen.many else out,
        content=lambda job: [fingerprint_run(job.source, TABLES), contents_of(of_runs[job.index])],
        detail=read_kinetics,
        show=_show,
        together=lambda rows: _measure_activation(joint, shard, rows),
    )
    run_each("kinetics", chosen, task, RunOptions(resume, keep_going, force, as_json, dry_run))


def _for_each(
    given: Sequence[T] | None, n_runs: int, option: str, or_one: bool = False
) -> Sequence[T | None]:
    """Return the value of each run, where one was given for each, or one for all."""
    if not given:
        return [None] * n_runs
    if or_one and len(given) == 1:
        return list(given) * n_runs
    if len(given) != n_runs:
        raise UsageError(f"{option}: {len(given)} given for {n_runs} runs; give one for each, in order")
    return given


def _measure_one(how: KineticsOptions, job: Job) -> Row:
    """Measure one run and write its table and plots."""
    from temtrack.pipeline.analyze import kinetics_file

    command, overwrite = output.command_line(), job.may_overwrite
    kelvin = kinetics_file(
        job.source, job.place, how, command, may_overwrite=overwrite, progress=output.with_progress
    )
    return {"temperature_K": kelvin}


def _check_joint_files(out: Path, force: bool) -> None:
    from temtrack.formats.store.atomic import check_output_file
    from temtrack.pipeline.analyze import ACTIVATION_FILES

    for name in ACTIVATION_FILES:
        check_output_file(out / name, force)


def _measure_activation(out: Path | None, shard: Shard | None, rows: Sequence[Row]) -> Row:
    """Fit activation energies over the runs; keep them where there is a folder to."""
    from temtrack.pipeline.analyze import activation_of

    if len(rows) < 2:
        return {}
    if shard is not None:
        output.tell("what all runs tell together is left out; give --resume without --shard in the end")
        return {}
    if out is None:
        output.tell("what the runs tell together is shown only; -o DIR keeps it, with its plot")
    runs = {str(row["input"]): Path(str(row["output"])) for row in rows}
    kelvins = [row["temperature_K"] for row in rows]
    found = activation_of(runs, kelvins, out, output.command_line())
    return {"activation": [asdict(one) for one in found]}


def _show(rows: Sequence[Row], together: Row) -> None:
    """Show what each run tells, and what they tell together."""
    for row in rows:
        show_estimates(row["kinetics"], f"Kinetics of {row['input']}, in {row['output']}")
    if "activation" in together:
        show_estimates(together["activation"], "Activation over all runs")
