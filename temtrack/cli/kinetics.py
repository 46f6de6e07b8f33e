"""`temtrack kinetics`: sintering kinetics from the tables of masks folders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TypeVar

import typer

from temtrack.cli import output
from temtrack.cli.command_line import command_line
from temtrack.cli.inputs import Job, gather
from temtrack.cli.options import MASKS, OPTIONS, command
from temtrack.cli.output import Row
from temtrack.cli.quantities import parse_temperature
from temtrack.cli.runner import RunOptions, Task, Work, run_each
from temtrack.errors import UsageError
from temtrack.pipeline.options import KineticsOptions

T = TypeVar("T")

#: What a person needs of an estimate on one screen; method and source stand in the table.
_SHOWN = ("quantity", "frame", "event_id", "value", "low", "high", "unit", "n", "reason")


@command(
    masks=MASKS,
    temperature_k=typer.Option(
        "--temperature",
        parser=parse_temperature,
        metavar="T",
        help="Temperature of each run in their order, as 800C or 1073K, for the activation energy.",
    ),
    **{name: OPTIONS[name] for name in ("heater_log", "heater_columns", "heater_offset_s")},
)
def kinetics(
    masks: list[str],
    how: KineticsOptions,
    run: RunOptions,
    temperature_k: list[float] | None = None,
    heater_log: list[Path] | None = None,
    heater_columns: str | None = None,
    heater_offset_s: list[float] | None = None,
    out: Path | None = None,
) -> None:
    """Fit sintering kinetics: sizes, growth, dispersion, mechanisms, motion, each with a 95 % interval.

    Several runs at temperatures also give activation energies; of shards, the
    last step is the same command with --resume and without --shard.
    """
    from temtrack.cli.resume import contents_of
    from temtrack.formats.store.run import fingerprint_run
    from temtrack.tables import TABLES

    chosen = gather(masks, run.shard)
    of_runs = [
        replace(how, temperature_k=k, heater_log=log, heater_columns=heater_columns, heater_offset_s=s)
        for k, log, s in zip(
            _for_each(temperature_k, chosen.n_given, "--temperature"),
            _for_each(heater_log, chosen.n_given, "--heater-log", or_one=True),
            _for_each(heater_offset_s, chosen.n_given, "--heater-offset", or_one=True),
            strict=True,
        )
    ]
    joint = out if chosen.many else None

    def load() -> Work:
        from temtrack.formats.store.atomic import check_output_file
        from temtrack.pipeline.kinetics import ACTIVATION_FILES, kinetics_file

        if joint is not None:
            for name in ACTIVATION_FILES:
                check_output_file(joint / name, run.resume or run.force)
        return lambda job: {
            "temperature_K": kinetics_file(job.source, job.place, of_runs[job.index], job.request)
        }

    task = Task(
        how,
        load=load,
        target=lambda job: job.source if out is None else out / job.name if chosen.many else out,
        content=lambda job: [fingerprint_run(job.source, TABLES), contents_of(of_runs[job.index])],
        detail=read_kinetics,
        show=_show,
        together=lambda rows: _measure_activation(joint, run.shard, rows),
    )
    run_each("kinetics", chosen, task, run)


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


def _measure_activation(out: Path | None, shard: slice | None, rows: Sequence[Row]) -> Row:
    """Fit activation energies over the runs; keep them where there is a folder to."""
    from temtrack.pipeline.kinetics import activation_of

    if len(rows) < 2:
        return {}
    if shard is not None:
        output.tell("what all runs tell together is left out; give --resume without --shard in the end")
        return {}
    if out is None:
        output.tell("what the runs tell together is shown only; -o DIR keeps it, with its plot")
    runs = {str(row["input"]): Path(str(row["output"])) for row in rows}
    found = activation_of(runs, [row["temperature_K"] for row in rows], out, command_line())
    return {"activation": [asdict(one) for one in found]}


def read_kinetics(job: Job) -> Row:
    """Return the estimates of a run that was measured."""
    from temtrack.pipeline.kinetics import KINETICS_FILES, read_estimates

    return {"kinetics": [asdict(one) for one in read_estimates(job.place / KINETICS_FILES[0])]}


def _show(rows: Sequence[Row], together: Row) -> None:
    """Show what each run tells, and what they tell together."""
    for row in rows:
        show_estimates(row["kinetics"], f"Kinetics of {row['input']}, in {row['output']}")
    if "activation" in together:
        show_estimates(together["activation"], "Activation over all runs")


def show_estimates(rows: Sequence[Row], title: str) -> None:
    """Show what was found, of the first and last frames and the whole run, and why other things were not.

    Curves stand in the table and the plots.
    """
    frames = [row["frame"] for row in rows if row["frame"] is not None]
    ends = (None, min(frames, default=None), max(frames, default=None))
    told = [row for row in rows if row["value"] is not None or row["high"] is not None]  # or a bound
    shown = [row for row in told if row["frame"] in ends and row["at"] is None]
    output.show_rows([{name: row[name] for name in _SHOWN} for row in shown], as_json=False, title=title)
    refused: dict[str, list[str]] = {}
    for row in rows:
        if row["value"] is None and row["high"] is None:
            refused.setdefault(row["reason"] or "", []).append(row["quantity"])
    for why, names in refused.items():
        output.show_text(f"refused, {why}: {', '.join(dict.fromkeys(names))}")
