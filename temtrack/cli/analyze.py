"""`temtrack analyze`: from masks to tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

import typer

from temtrack.cli import output
from temtrack.cli.inputs import Job, gather
from temtrack.cli.kinetics import read_kinetics, show_estimates
from temtrack.cli.options import MASKS, command
from temtrack.cli.output import Row
from temtrack.cli.runner import RunOptions, Task, run_each, show_lines
from temtrack.errors import UsageError
from temtrack.pipeline.options import AnalyzeOptions, KineticsOptions, MeasureOptions

#: What a person needs of a merge on one screen; the rest stands in the table.
_SHOWN = ("frame", "time_s", "contact_frame", "parent_ids", "child_id", "area_ratio", "confidence")


@command(
    masks=MASKS,
    merges=typer.Option(
        "--merges/--no-merges", help="Tell merges and fates; found from the masks if no lineage lies there."
    ),
    kinetics=typer.Option("--kinetics", help="Fit the kinetics too, as `temtrack kinetics` does."),
)
def analyze(
    masks: list[str],
    how: AnalyzeOptions,
    run: RunOptions,
    kinetics: bool = False,
    out: Path | None = None,
    movie: str | None = None,
) -> None:
    """Measure particles, tracks, frames and merges of masks folders; write them as Parquet tables.

    Without -o they lie beside the masks. Of many folders, batch.jsonl beside
    the results tells what has become of each; one that fails does not stop the
    others.
    """
    from temtrack.formats.store.run import fingerprint_run

    chosen = gather(masks, run.shard)
    chosen.refuse_for_many("--movie", movie)
    if how.scale_bar_nm is not None and movie is None:
        raise UsageError("--scale-bar: the bar is drawn in the movie; give it as --movie MOVIE")
    how = replace(how, merges=how.merges or kinetics)
    task = Task(
        how,
        load=lambda: lambda job: _analyze_one(how, kinetics, movie, job),
        target=lambda job: job.source if out is None else out / job.name if chosen.many else out,
        content=lambda job: [kinetics, fingerprint_run(job.source)],
        detail=lambda job: _detail(job, how.merges, kinetics),
        show=show_lines if chosen.many else _show,
    )
    run_each("analyze", chosen, task, run)


def _analyze_one(how: AnalyzeOptions, kinetics: bool, movie: str | None, job: Job) -> Row:
    """Measure one masks folder and write its tables, and its kinetics where they are asked for."""
    from temtrack.pipeline.analyze import analyze_file, check_tables_folder
    from temtrack.pipeline.kinetics import KINETICS_FILES, kinetics_into

    if kinetics:
        check_tables_folder(job.source, job.place, KINETICS_FILES, job.request.may_overwrite)
    run, tables = analyze_file(job.source, job.place, movie, how, job.request)
    if kinetics:
        shared = {field.name: getattr(how, field.name) for field in fields(MeasureOptions)}
        kinetics_into(job.place, run, tables, KineticsOptions(**shared), job.request.command)
    if job.alone:
        output.tell_unknowns(tables.calibration)
    return {
        "n_frames": tables.frames.num_rows,
        "n_masks": tables.particles.num_rows,
        "n_tracks": tables.tracks.num_rows,
        "n_merges": None if tables.merges is None else tables.merges.num_rows,
        **output.count_fates(tables.tracks["fate"].to_pylist()),
    }


def _detail(job: Job, merges: bool, kinetics: bool) -> Row:
    """Return where the tables of a folder lie, its merges, and its kinetics where they are asked for."""
    from temtrack.formats.store.tables import read_arrow
    from temtrack.tables import TABLES

    paths = {table.name: job.place / f"{table.name}.parquet" for table in TABLES}
    there = {name: path for name, path in paths.items() if path.exists()}
    told: Row = {}
    if merges:
        rows = read_arrow(there["merges"]).to_pylist()
        told = {"merges": [row | {"parent_ids": sorted(row["parent_ids"])} for row in rows]}
    return {"tables": there, **told, **(read_kinetics(job) if kinetics else {})}


def _show(rows: Sequence[Row], together: Row) -> None:
    """Show counts, merges and kinetics of the only folder."""
    (row,) = rows
    show_lines(rows, together, title="Tables")
    shown = [{name: merge[name] for name in _SHOWN if name in merge} for merge in row.get("merges", ())]
    output.show_rows(shown, as_json=False, title="Merges")
    if "kinetics" in row:
        show_estimates(row["kinetics"], f"Kinetics, in {row['output']}")
