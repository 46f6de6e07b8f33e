"""`temtrack analyze`: from masks to tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from temtrack.cli import options, output
from temtrack.cli.estimates import read_kinetics, show_estimates
from temtrack.cli.heating import HeaterColumns, HeaterLog, HeaterOffset
from temtrack.cli.inputs import Job, gather
from temtrack.cli.output import Row
from temtrack.cli.runner import RunOptions, Task, run_each, show_lines
from temtrack.errors import UsageError
from temtrack.pipeline.options import AnalyzeOptions, KineticsOptions

if TYPE_CHECKING:
    from temtrack.tables import Tables

_DEFAULT = AnalyzeOptions()

#: What a person needs of a merge on one screen; the rest stands in the table.
_SHOWN = ("frame", "time_s", "contact_frame", "parent_ids", "child_id", "area_ratio", "confidence")


def analyze(
    masks: options.MasksFolders,
    merges: Annotated[
        bool,
        typer.Option(
            "--merges/--no-merges",
            help="Tell merges and fates; found from the masks if no lineage lies there.",
        ),
    ] = _DEFAULT.merges,
    kinetics: Annotated[
        bool, typer.Option("--kinetics", help="Fit the kinetics too, as `temtrack kinetics` does.")
    ] = False,
    out: options.Output = None,
    movie: options.MovieOfMasks = None,
    pixel_size_nm: options.PixelSize = _DEFAULT.pixel_size_nm,
    scale_bar_nm: options.ScaleBar = _DEFAULT.scale_bar_nm,
    frame_time_s: options.FrameTime = _DEFAULT.frame_time_s,
    heater_log: HeaterLog = _DEFAULT.heater_log,
    heater_columns: HeaterColumns = _DEFAULT.heater_columns,
    heater_offset_s: HeaterOffset = _DEFAULT.heater_offset_s,
    resume: options.Resume = False,
    shard: options.ShardOf = None,
    keep_going: options.KeepGoing = True,
    force: options.Force = False,
    dry_run: options.DryRun = False,
    as_json: options.JsonOfInputs = False,
) -> None:
    """Measure particles, tracks, frames and merges of masks folders; write them as Parquet tables.

    Without -o they lie beside the masks. Of many folders, batch.jsonl beside
    the results tells what has become of each; one that fails does not stop the
    others.
    """
    from temtrack.formats.store.run import fingerprint_run

    chosen = gather(masks, shard)
    chosen.refuse_for_many("--movie", movie)
    if scale_bar_nm is not None and movie is None:
        raise UsageError("--scale-bar: the bar is drawn in the movie; give it as --movie MOVIE")
    how = AnalyzeOptions(
        merges=merges or kinetics,
        pixel_size_nm=pixel_size_nm,
        scale_bar_nm=scale_bar_nm,
        frame_time_s=frame_time_s,
        heater_log=heater_log,
        heater_columns=heater_columns,
        heater_offset_s=heater_offset_s,
    )
    task = Task(
        how,
        load=lambda: lambda job: _analyze_one(how, kinetics, movie, job),
        target=lambda job: job.source if out is None else out / job.name if chosen.many else out,
        content=lambda job: [kinetics, fingerprint_run(job.source)],
        detail=lambda job: _detail(job, how.merges, kinetics),
        show=show_lines if chosen.many else _show,
    )
    run_each("analyze", chosen, task, RunOptions(resume, keep_going, force, as_json, dry_run))


def _analyze_one(how: AnalyzeOptions, kinetics: bool, movie: str | None, job: Job) -> Row:
    """Measure one masks folder and write its tables, and its kinetics where they are asked for."""
    from temtrack.pipeline.analyze import KINETICS_FILES, analyze_file, check_tables_folder, kinetics_into

    if kinetics:
        check_tables_folder(job.source, job.place, KINETICS_FILES, job.may_overwrite)
    command, overwrite = output.command_line(), job.may_overwrite
    run, tables = analyze_file(
        job.source, job.place, movie, how, command, may_overwrite=overwrite, progress=output.with_progress
    )
    if kinetics:
        of_kinetics = KineticsOptions(
            pixel_size_nm=how.pixel_size_nm,
            frame_time_s=how.frame_time_s,
            heater_log=how.heater_log,
            heater_columns=how.heater_columns,
            heater_offset_s=how.heater_offset_s,
        )
        kinetics_into(job.place, run, tables, of_kinetics, command)
    if job.alone:
        output.tell_unknowns(tables.calibration)
    return _counts(tables)


def _detail(job: Job, merges: bool, kinetics: bool) -> Row:
    """Return where the tables of a folder lie, its merges, and its kinetics where they are asked for."""
    from temtrack.formats.store.tables import read_arrow
    from temtrack.tables import TABLES

    paths = {table.name: job.place / f"{table.name}.parquet" for table in TABLES}
    there = {name: path for name, path in paths.items() if path.exists()}
    told = {"merges": read_arrow(there["merges"]).to_pylist()} if merges else {}
    return {"tables": there, **told, **(read_kinetics(job) if kinetics else {})}


def _counts(tables: Tables) -> Row:
    """Count frames, particles, tracks, merges and, where they are known, fates."""
    fates = Counter(fate for fate in tables.tracks["fate"].to_pylist() if fate is not None)
    return {
        "n_frames": tables.frames.num_rows,
        "n_masks": tables.particles.num_rows,
        "n_tracks": tables.tracks.num_rows,
        "n_merges": None if tables.merges is None else tables.merges.num_rows,
        **dict(sorted(fates.items())),
    }


def _show(rows: Sequence[Row], together: Row) -> None:
    """Show counts, merges and kinetics of the only folder."""
    (row,) = rows
    show_lines(rows, together, title="Tables")
    shown = [{name: merge[name] for name in _SHOWN if name in merge} for merge in row.get("merges", ())]
    output.show_rows(shown, as_json=False, title="Merges")
    if "kinetics" in row:
        show_estimates(row["kinetics"], f"Kinetics, in {row['output']}")
