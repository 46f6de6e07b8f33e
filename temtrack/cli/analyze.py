"""`temtrack analyze`: from masks to tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from temtrack.cli import options, output
from temtrack.cli.estimates import DEFAULT_SEED, check_files, read_kinetics, show_estimates, write_estimates
from temtrack.cli.heating import Heat, HeaterColumns, HeaterLog, HeaterOffset
from temtrack.cli.inputs import Job, gather
from temtrack.cli.output import Row
from temtrack.cli.runner import RunOptions, Task, run_each, show_lines
from temtrack.errors import UsageError

if TYPE_CHECKING:
    from temtrack.analysis.folder import MasksFolder
    from temtrack.analysis.masks import Tables
    from temtrack.tables import Calibration

#: What a person needs of a merge on one screen; the rest stands in the table.
_SHOWN = ("frame", "time_s", "contact_frame", "parent_ids", "child_id", "area_ratio", "confidence")


def analyze(
    ctx: typer.Context,
    masks: Annotated[
        list[str],
        typer.Argument(
            metavar="MASKS...",
            help="Masks folders, of this program or another, or TIFF stacks; - for a list on stdin.",
        ),
    ],
    merges: Annotated[
        bool,
        typer.Option("--merges", help="Write the merges too; found from the masks if no lineage lies there."),
    ] = False,
    kinetics: Annotated[
        bool,
        typer.Option("--kinetics", help="Fit the kinetics too, as `temtrack kinetics` does; with --merges."),
    ] = False,
    out: options.Output = None,
    image: Annotated[
        str | None,
        typer.Option(
            "--image",
            metavar="MOVIE",
            help="The movie, for intensities, optical masses and the scale bar.",
            show_default=False,
        ),
    ] = None,
    pixel_size: options.PixelSize = None,
    scale_bar: options.ScaleBar = None,
    frame_time: options.FrameTime = None,
    heater_log: HeaterLog = None,
    heater_columns: HeaterColumns = None,
    heater_offset: HeaterOffset = None,
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
    chosen = gather(masks, shard)
    chosen.refuse_for_many("--image", image)
    if scale_bar is not None and image is None:
        raise UsageError("--scale-bar: the bar is drawn in the image; give the movie as --image MOVIE")
    heat = Heat(None, heater_log, heater_offset, heater_columns)
    work = _Work(merges or kinetics, kinetics, image, pixel_size, scale_bar, frame_time, heat, out is None)
    task = Task(
        load=lambda: work,
        target=lambda job: job.source if out is None else out / job.name if chosen.many else out,
        content=_content,
        detail=work.detail,
        show=show_lines if chosen.many else _show,
    )
    run_each(ctx, chosen, task, RunOptions(resume, keep_going, force, as_json, dry_run))


@dataclass(frozen=True)
class _Work:
    """What all masks folders of a run share."""

    merges: bool
    kinetics: bool
    image: str | None
    pixel_size_nm: float | None
    scale_bar_nm: float | None
    frame_time_s: float | None
    heat: Heat
    inside: bool

    def __call__(self, job: Job) -> Row:
        """Measure a masks folder and write its tables, and its kinetics where they are asked for."""
        from temtrack.analysis.folder import open_masks_folder
        from temtrack.formats.readers import read_movie
        from temtrack.pipeline.workflow import analyze_into

        folder = open_masks_folder(job.source)
        _prepare_target(job, self.inside)
        if self.kinetics:
            check_files(job.place, job.may_overwrite)
        movie = None
        if self.image is not None:
            movie = folder.piece_of(read_movie(self.image, scale_bar_nm=self.scale_bar_nm))
        calibration = folder.calibrated(self.pixel_size_nm, self.frame_time_s, movie)
        bar = movie.pixel_size if movie is not None and self.scale_bar_nm is not None else None
        if bar is not None and self.pixel_size_nm is None:
            calibration = replace(calibration, pixel_size_nm=bar.nm, pixel_size_source=bar.source)
        started = folder.started or (movie.started if movie else None)
        calibration = self.heat.calibrate(calibration, started)
        watch = partial(output.with_progress, description="analysing", total=len(folder.masks))
        command = output.command_line()
        tables = analyze_into(job.place, folder, movie, calibration, self.merges, command, watch)
        if self.kinetics:
            self._fit(job.place, folder, tables)
        _tell(job, tables)
        return _counts(tables)

    def _fit(self, target: Path, folder: MasksFolder, tables: Tables) -> None:
        from temtrack.kinetics.observed import observe

        run = observe(tables)
        write_estimates(target, folder, run, tables.calibration, self.heat, DEFAULT_SEED)

    def detail(self, job: Job) -> Row:
        """Return where the tables of a folder lie, its merges, and its kinetics where they are asked for."""
        from temtrack.formats.store.tables import read_rows
        from temtrack.tables import TABLES

        paths = {table.name: job.place / f"{table.name}.parquet" for table in TABLES}
        there = {name: path for name, path in paths.items() if path.exists()}
        merges = {"merges": read_rows(there["merges"])} if self.merges else {}
        return {"tables": there, **merges, **(read_kinetics(job) if self.kinetics else {})}


def _content(job: Job) -> object:
    """Return what decides on the tables: masks, and what their tracker left beside them."""
    from temtrack.analysis.folder import fingerprint_with_tables

    return fingerprint_with_tables(job.source, ())


def _prepare_target(job: Job, inside: bool) -> None:
    """Make the folder for the tables and refuse to overwrite any that may not be."""
    from temtrack.formats.store.atomic import check_output_file, check_output_folder
    from temtrack.tables import TABLES

    if inside and not job.source.is_dir():
        raise UsageError(f"{job.source} is a file: give a folder for the tables with -o DIR")
    check_output_folder(job.place, force=True)  # masks and tables lie together, so it need not be empty
    for table in TABLES:
        check_output_file(job.place / f"{table.name}.parquet", job.may_overwrite)


def _tell(job: Job, tables: Tables) -> None:
    """Say what may not be as the user expects, and of the only folder what its tables lack."""
    if tables.particles.num_rows == 0:
        output.warn(
            f"{job.prefix}the masks hold no particle in any frame; "
            "the tables of particles and tracks are empty"
        )
    if job.alone:
        _tell_unknowns(tables.calibration)
        if tables.has_own_ids:
            output.tell("the masks are renumbered from frame to frame: the tables' ids were found by linking")


def _tell_unknowns(calibration: Calibration) -> None:
    if calibration.pixel_size_nm is None:
        output.tell("pixel size unknown: the tables are in pixels only; give --pixel-size 0.21nm, say")
    if calibration.frame_seconds is None:
        output.tell("frame times unknown: the tables count frames only; give --frame-time 0.5s, say")
    if calibration.frame_celsius is not None:
        output.tell(f"temperature from {calibration.temperature_source}")


def _show(rows: Sequence[Row], together: Row) -> None:
    """Show counts, merges and kinetics of the only folder."""
    (row,) = rows
    show_lines(rows, together, title="Tables")
    shown = [{name: merge[name] for name in _SHOWN if name in merge} for merge in row.get("merges", ())]
    output.show_rows(shown, as_json=False, title="Merges")
    if "kinetics" in row:
        show_estimates(row["kinetics"], f"Kinetics, in {row['output']}")


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
