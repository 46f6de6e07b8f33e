"""`temtrack report`: a run on one page that opens in any browser, offline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from temtrack.cli import options, output
from temtrack.cli.inputs import Job, gather
from temtrack.cli.output import Row
from temtrack.cli.runner import RunOptions, Task, run_each, show_lines
from temtrack.errors import InputError, TemtrackError, UsageError

if TYPE_CHECKING:
    import pandas as pd

    from temtrack.analysis.folder import MasksFolder
    from temtrack.analysis.masks import Watch
    from temtrack.movie import Movie
    from temtrack.report.page.build import PageSource

_SUFFIXES = (".html", ".htm")
_DEFAULT_PAGE = Path("report.html")


def report(
    ctx: typer.Context,
    masks: Annotated[
        list[str],
        typer.Argument(
            metavar="MASKS...",
            help="Masks folders, of this program or another, or TIFF stacks; - for a list on stdin.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE|DIR",
            help="The page, report.html where none is named; of many, the folder for the pages, which else "
            "lie beside the masks folders as NAME.html.",
            show_default=False,
        ),
    ] = None,
    image: Annotated[
        str | None,
        typer.Option(
            "--image",
            metavar="MOVIE",
            help="The movie to show; without it the one that the masks were made from, where it still lies.",
            show_default=False,
        ),
    ] = None,
    pixel_size: options.PixelSize = None,
    frame_time: options.FrameTime = None,
    resume: options.Resume = False,
    shard: options.ShardOf = None,
    keep_going: options.KeepGoing = True,
    force: options.Force = False,
    dry_run: options.DryRun = False,
    as_json: options.JsonOfInputs = False,
) -> None:
    """Put a run on one page: movie with outlines, merges, sizes, fates, tables.

    Everything is in the one file, which opens in any browser, offline. Tables
    beside the masks are used, and measured anew where they are missing. Of
    many runs each gets its page, and batch.jsonl beside them tells what has
    become of each.
    """
    chosen = gather(masks, shard, beside=out is None)
    chosen.refuse_for_many("--image", image)
    if out is not None:
        chosen.refuse_file_for_many(out, _SUFFIXES)

    def place(job: Job) -> Path:
        if chosen.many:
            return (out or job.source.parent) / f"{job.name}.html"
        return out or _DEFAULT_PAGE

    settings = _Settings(image, pixel_size, frame_time)
    task = Task(
        load=lambda: settings.write,
        target=place,
        content=_content,
        show=show_lines if chosen.many else _show,
    )
    run_each(ctx, chosen, task, RunOptions(resume, keep_going, force, as_json, dry_run))


def _show(rows: Sequence[Row], together: Row) -> None:
    (row,) = rows
    output.show_text(f"report: {row['output']} ({row['megabytes']} MB)")


@dataclass(frozen=True)
class _Settings:
    """What all pages share."""

    image: str | None
    pixel_size_nm: float | None
    frame_time_s: float | None

    def write(self, job: Job) -> Row:
        """Write the page of a run; return what is shown of it."""
        from temtrack.analysis.folder import open_masks_folder
        from temtrack.report.page.build import write_page

        page = job.place
        _check_target(page, job.may_overwrite)
        folder = open_masks_folder(job.source)
        movie = _find_movie(folder, self.image)
        n_frames = len(folder.masks)
        watch = partial(output.with_progress, description="measuring", total=n_frames)
        source = _gather(folder, movie, self.pixel_size_nm, self.frame_time_s, watch)
        watch = partial(output.with_progress, description="drawing", total=n_frames, unit="frames")
        write_page(page, source, watch)
        return {"n_frames": n_frames, "megabytes": round(page.stat().st_size / 1e6, 1)}


def _content(job: Job) -> object:
    """Return what decides on the page: masks, and every table and record beside them."""
    from temtrack.analysis.folder import fingerprint_with_tables
    from temtrack.tables import DRIFT, KINETICS, TABLES

    return fingerprint_with_tables(job.source, (*TABLES, DRIFT, KINETICS))


def _check_target(out: Path, force: bool) -> None:
    """Refuse, before any work, a page that could not be written in the end."""
    from temtrack.formats.store.atomic import check_output_file, check_output_folder

    if out.suffix.lower() not in _SUFFIXES:
        raise UsageError(f"-o {out}: the report is a web page; give a name that ends in .html")
    check_output_folder(out.parent, force=True)  # the page may stand beside other files
    check_output_file(out, force)


def _find_movie(folder: MasksFolder, image: str | None) -> Movie | None:
    """Open the movie that was given, else the one of the tracker's run, where it still lies unchanged.

    Raises
    ------
    InputError
        Where the movie that was given cannot be read, or is not that of the masks.
    """
    named = folder.facts.get("movie")
    if image is None and named is None:
        output.tell(
            "which movie the masks were made from is unknown: they are shown alone; give --image MOVIE"
        )
        return None
    try:
        return _open_movie(folder, image or str(named), is_given=image is not None)
    except TemtrackError as error:
        if image is not None:
            raise
        output.warn(f"{error}; the masks are shown alone")
        return None


def _open_movie(folder: MasksFolder, name: str, is_given: bool) -> Movie:
    """Open a movie and take the frames of it that the masks are of."""
    from temtrack.formats.readers import read_movie
    from temtrack.formats.store.fingerprint import fingerprint

    movie = folder.piece_of(read_movie(name))
    _check_fit(movie, folder)
    if not is_given and fingerprint(movie.origins) != folder.facts.get("movie_sha256"):
        raise InputError(f"{name}: is not what it was when the masks were made; give it with --image")
    return movie


def _check_fit(movie: Movie, folder: MasksFolder) -> None:
    masks = folder.masks
    sizes = (movie.n_frames, movie.height, movie.width), (masks.n_frames, masks.height, masks.width)
    if sizes[0] != sizes[1]:
        shown, wanted = ("{} frames of {}x{} px".format(*size) for size in sizes)
        raise InputError(
            f"{movie.path}: holds {shown}, the masks are {wanted}; give --image with their movie"
        )


def _gather(
    folder: MasksFolder,
    movie: Movie | None,
    pixel_size_nm: float | None,
    frame_time_s: float | None,
    watch: Watch,
) -> PageSource:
    """Read or measure all that the page shows."""
    from temtrack.analysis.masks import find_family
    from temtrack.kinetics.reading import read_run_tables
    from temtrack.report.page.build import PageSource

    tables = read_run_tables(folder, pixel_size_nm, frame_time_s, movie, watch)
    return PageSource(
        title=folder.path.resolve().name if movie is None else movie.path.name,
        masks=find_family(folder.masks)[0] if tables.has_own_ids else folder.masks,
        movie=movie,
        run=tables.observed(folder.masks),
        frames=tables.frames,
        kinetics=_read_beside(folder, "kinetics", "input_sha256"),
        drift=_read_beside(folder, "drift", "movie_sha256"),
        facts=folder.metadata(tables.calibration, output.command_line()),
    )


def _read_beside(folder: MasksFolder, name: str, made_from: str) -> pd.DataFrame | None:
    """Read a further table of the folder; none where it is not there or was made from something else.

    Parameters
    ----------
    folder
        The masks.
    name
        Name of the table.
    made_from
        The fact in the table's metadata that tells: ``input_sha256`` of the masks, ``movie_sha256``.
    """
    from temtrack.formats.store.fingerprint import fingerprint
    from temtrack.formats.store.masks import list_masks
    from temtrack.formats.store.tables import read_metadata, read_table

    path = folder.path / f"{name}.parquet"
    if not path.is_file():
        return None
    known = {"input_sha256": fingerprint(list_masks(folder.path)), **folder.facts}
    if read_metadata(path).get(made_from) != known.get(made_from):
        output.warn(f"{path}: tells of another run than the masks in the folder; it is left out")
        return None
    return read_table(path)
