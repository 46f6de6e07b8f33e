"""`temtrack analyze`: from masks to tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from temtrack.cli import options, output
from temtrack.cli.batch import Batch, Manner
from temtrack.cli.estimates import DEFAULT_SEED, check_files, show_estimates, write_estimates
from temtrack.cli.heating import Heat, HeaterColumns, HeaterLog, HeaterOffset
from temtrack.cli.inputs import Job, gather
from temtrack.errors import UsageError

if TYPE_CHECKING:
    from temtrack.analysis.folder import MasksFolder
    from temtrack.analysis.masks import Tables
    from temtrack.calibration import Calibration
    from temtrack.kinetics.estimate import Estimate

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
    as_json: options.Json = False,
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
    work = _Work(
        merges or kinetics, kinetics, image, pixel_size, scale_bar, frame_time, heat, out is None, force
    )
    if chosen.many:
        manner = Manner(resume, keep_going, force, as_json)
        batch = Batch(ctx, chosen, chosen.jobs_inside(out), _content, manner)
        batch.run(lambda: work.one_of_many)
        batch.show()
        batch.finish()
        return
    source = chosen.only()
    target = source if out is None else out
    tables, estimates = work.measure(source, target, force)
    _show(target, tables, estimates, as_json)
    _tell_unknowns(tables.calibration)
    if tables.has_own_ids:
        output.tell("the masks are renumbered from frame to frame: the tables' ids were found by linking")


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
    force: bool

    def one_of_many(self, job: Job) -> output.Row:
        """Analyse one folder of many; return its counts."""
        tables, _ = self.measure(job.source, job.place, self.force or job.begun)
        return {"input": str(job.source), "output": str(job.place), **_summary(tables)}

    def measure(self, masks: Path, target: Path, force: bool) -> tuple[Tables, list[Estimate]]:
        """Measure a masks folder and write its tables, and its kinetics where they are asked for."""
        from temtrack.analysis.folder import open_masks_folder
        from temtrack.formats.readers import read_movie
        from temtrack.pipeline.workflow import analyze_into

        folder = open_masks_folder(masks)
        _prepare_target(masks, target, self.inside, force)
        if self.kinetics:
            check_files(target, force)
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
        tables = analyze_into(target, folder, movie, calibration, self.merges, output.command_line(), watch)
        return tables, self._fit(target, folder, tables) if self.kinetics else []

    def _fit(self, target: Path, folder: MasksFolder, tables: Tables) -> list[Estimate]:
        from temtrack.kinetics.observed import observe

        run = observe(tables)
        return write_estimates(target, folder, run, tables.calibration, self.heat, DEFAULT_SEED)[0]


def _content(job: Job) -> object:
    """Return what decides on the tables: masks, and what their tracker left beside them."""
    from temtrack.analysis.folder import fingerprint_with_tables

    return fingerprint_with_tables(job.source, ())


def _prepare_target(masks: Path, target: Path, inside: bool, force: bool) -> None:
    """Make the folder for the tables and refuse to overwrite any, unless ``force``."""
    from temtrack.formats.store.atomic import check_output_file, check_output_folder
    from temtrack.tables import TABLES

    if inside and not masks.is_dir():
        raise UsageError(f"{masks} is a file: give a folder for the tables with -o DIR")
    check_output_folder(target, force=True)  # masks and tables lie together, so it need not be empty
    for table in TABLES:
        check_output_file(target / f"{table.name}.parquet", force)


def _tell_unknowns(calibration: Calibration) -> None:
    if calibration.pixel_size_nm is None:
        output.tell("pixel size unknown: the tables are in pixels only; give --pixel-size 0.21nm, say")
    if calibration.frame_seconds is None:
        output.tell("frame times unknown: the tables count frames only; give --frame-time 0.5s, say")
    if calibration.frame_celsius is not None:
        output.tell(f"temperature from {calibration.temperature_source}")


def _show(target: Path, tables: Tables, estimates: Sequence[Estimate], as_json: bool) -> None:
    summary = _summary(tables)
    merges = None if tables.merges is None else tables.merges.to_pylist()
    if tables.particles.num_rows == 0:
        output.warn("the masks hold no particle in any frame; the tables of particles and tracks are empty")
    if as_json:
        paths = {name: str(target / f"{name}.parquet") for name, _ in tables.items()}
        fitted = {"kinetics": [asdict(row) for row in estimates]} if estimates else {}
        output.show_json({"summary": summary, "merges": merges, "tables": paths, **fitted})
        return
    output.show_rows([summary], as_json=False, title=f"Tables in {target}")
    if merges:
        shown = [{name: merge[name] for name in _SHOWN if name in merge} for merge in merges]
        output.show_rows(shown, as_json=False, title="Merges")
    if estimates:
        show_estimates(estimates, f"Kinetics, in {target}")


def _summary(tables: Tables) -> dict[str, object]:
    """Count frames, particles, tracks, merges and, where they are known, fates."""
    fates = Counter(fate for fate in tables.tracks["fate"].to_pylist() if fate is not None)
    return {
        "frames": tables.frames.num_rows,
        "masks": tables.particles.num_rows,
        "tracks": tables.tracks.num_rows,
        "merges": None if tables.merges is None else tables.merges.num_rows,
        **dict(sorted(fates.items())),
    }
