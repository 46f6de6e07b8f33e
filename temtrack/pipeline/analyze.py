"""From masks to tables, on arrays or from folder to folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from temtrack.analysis.measure import analyze_run
from temtrack.calibration import UNCALIBRATED, Calibration
from temtrack.errors import TemtrackNotice, UsageError, warn
from temtrack.formats.fingerprint import fingerprint
from temtrack.formats.readers import read_movie
from temtrack.formats.store.atomic import check_output_file, check_output_folder, locked, remove_leftovers
from temtrack.formats.store.run import movie_source, open_run, sources_of
from temtrack.formats.store.tables import read_tables, write_tables
from temtrack.masks import Masks, Run, masks_of_arrays
from temtrack.movie import Movie, movie_of_array
from temtrack.pipeline.options import AnalyzeOptions, MeasureOptions, TableOptions
from temtrack.pipeline.recorded import Options
from temtrack.pipeline.request import Request
from temtrack.progress import Progress, silent
from temtrack.provenance import Provenance, Source
from temtrack.tables import PARTICLES, TABLES, Tables

_DEFAULT = AnalyzeOptions()


def analyze(
    masks: Run | Path | str | NDArray[np.integer] | Sequence[NDArray[np.integer]],
    movie: Movie | NDArray[Any] | None = None,
    *,
    merges: bool = _DEFAULT.merges,
    pixel_size_nm: float | None = _DEFAULT.pixel_size_nm,
    frame_time_s: float | None = _DEFAULT.frame_time_s,
    scale_bar_nm: float | None = _DEFAULT.scale_bar_nm,
    min_confidence: float = _DEFAULT.min_confidence,
    heater_log: Path | None = _DEFAULT.heater_log,
    heater_columns: str | None = _DEFAULT.heater_columns,
    heater_offset_s: float | None = _DEFAULT.heater_offset_s,
    progress: Progress = silent,
) -> Tables:
    """Measure particles, tracks, frames and merges.

    Parameters
    ----------
    masks
        What `track` gave, a folder of masks of any program, or ids (T, Y, X) or (Y, X), 0 background; where
        no family tree lies beside them merges are found from the masks alone.
    movie
        For intensities, optical masses and edges, by which kinetics know sizes better than by masks.
    merges, pixel_size_nm, frame_time_s, scale_bar_nm, min_confidence
        See `AnalyzeOptions`.
    heater_log, heater_columns, heater_offset_s
        See `AnalyzeOptions`.
    progress
        Shows how far it is; ``tqdm`` does.

    Returns
    -------
    ``particles``, ``tracks``, ``frames`` and ``merges`` as Arrow tables, with units in the metadata of their
    columns; ``.to_pandas()`` makes data frames of them.

    Raises
    ------
    InputError
        Where the masks are no integer images of one size, or do not fit the movie.

    Examples
    --------
    >>> import numpy as np
    >>> import temtrack
    >>> y, x = np.mgrid[:64, :128]
    >>> ids = (np.hypot(y - 32, x - 64) < 12).astype(int)
    >>> tables = temtrack.analyze(ids, pixel_size_nm=0.5)
    >>> round(tables.particles["equivalent_diameter_nm"][0].as_py(), 1)
    11.8
    """
    options = AnalyzeOptions.among(locals())
    run = _as_run(masks)
    if isinstance(movie, np.ndarray):
        movie = movie_of_array(movie)
    movie = None if movie is None else run.frames_of(movie)
    return _analyze(run, movie, options, progress)


def _as_run(masks: Run | Path | str | NDArray[Any] | Sequence[NDArray[Any]]) -> Run:
    if isinstance(masks, Run):
        return masks
    return open_run(masks) if isinstance(masks, Path | str) else Run(masks_of_arrays(masks))


def calibrate(
    run: Run, movie: Movie | None, options: TableOptions, scale_bar_nm: float | None = None
) -> Calibration:
    """Return scale and time by the first who knows: user, scale bar in the movie, tracker, movie.

    Raises
    ------
    InputError
        Where no scale bar is found in the movie.
    """
    given = run.given_calibration(options.pixel_size_nm, options.frame_time_s)
    if movie is not None and scale_bar_nm is not None:
        from temtrack.imaging.scale_bar import calibrate_by_scale_bar

        given = given.or_else(Calibration(calibrate_by_scale_bar(movie, scale_bar_nm).pixel_size))
    stated = UNCALIBRATED if movie is None else movie.calibration
    return given.or_else(run.calibration).or_else(stated)


def with_temperature(calibration: Calibration, options: MeasureOptions) -> Calibration:
    """Return the calibration with the temperature of each frame, where there is a heater's log.

    Raises
    ------
    InputError
        Where the log does not fit the times.
    """
    if options.heater_log is None:
        return calibration
    from temtrack.analysis.temperature import add_temperature
    from temtrack.formats.heater import read_heater_log

    columns = options.heater_columns and options.heater_columns.split(",")
    log = read_heater_log(options.heater_log, columns or None)
    return add_temperature(calibration, log, options.heater_offset_s)


def _analyze(run: Run, movie: Movie | None, options: AnalyzeOptions, progress: Progress) -> Tables:
    known = with_temperature(calibrate(run, movie, options, options.scale_bar_nm), options)
    return _sure(run, analyze_run(run, movie, known, options.merges, progress), options)


def _sure(run: Run, tables: Tables, options: TableOptions) -> Tables:
    """Return the tables without the merges that are not sure enough, and tell how many those are."""
    if options.min_confidence == 0 or tables.merges is None:
        return tables
    from temtrack.analysis.doubt import leave_out_doubtful

    n_told = tables.merges.num_rows
    tables = leave_out_doubtful(tables, options.min_confidence)
    assert tables.merges is not None
    if n_left_out := n_told - tables.merges.num_rows:
        of = f"{n_left_out} of {n_told} merges"
        warn(f"{run.path}: left out {of}, of less confidence than {options.min_confidence:g}", TemtrackNotice)
    return tables


def analyze_file(
    masks: Path, target: Path, movie: str | None, options: AnalyzeOptions, request: Request
) -> tuple[Run, Tables]:
    """Measure a masks folder or stack and write its tables into a folder.

    Parameters
    ----------
    masks, target
        What is measured, and where the tables go: for a masks folder it may be the same.
    movie
        The movie of the masks, or the whole one that they are a piece of.
    options, request
        What is measured, and how it is asked for.

    Raises
    ------
    TemtrackError
        Where masks or movie cannot be read or do not fit, or the tables cannot be written.
    """
    run = open_run(masks)
    names = [f"{table.name}.parquet" for table in TABLES]
    check_tables_folder(masks, target, names, request.may_overwrite)
    shown = None if movie is None else run.frames_of(read_movie(movie))
    with locked(target):
        remove_leftovers(target, *names)
        tables = _analyze(run, shown, options, request.progress)
        inputs = sources_of(run) | log_sources(options)
        if known := run.movie if shown is None else movie_source(shown):
            inputs["movie"] = known
        found = {"with_movie": shown is not None}
        record = Provenance("analyze", request.command, inputs, run.models, options.to_json(), found)
        write_tables(target, tables, record)
    if tables.particles.num_rows == 0:
        warn(
            f"{run.path}: the masks hold no particle in any frame; the tables of particles and tracks are"
            " empty"
        )
    return run, tables


def check_tables_folder(masks: Path, target: Path, names: Sequence[str], may_overwrite: bool) -> None:
    """Make the folder of a run's tables, often that of its masks; refuse to overwrite any of ``names``.

    Raises
    ------
    OutputError
        Where one is there and may not be overwritten, or the folder cannot be written to.
    UsageError
        Where the masks are a file, which can hold no tables.
    """
    if target == masks and target.is_file():
        raise UsageError(f"{masks} is a file: give a folder for the tables with -o DIR")
    check_output_folder(target, force=True)  # masks and tables lie together, so it need not be empty
    for name in names:
        check_output_file(target / name, may_overwrite)


def log_sources(options: MeasureOptions) -> dict[str, Source]:
    """Return by name the logs that options name."""
    logs = {"heater_log": options.heater_log, "log": getattr(options, "log", None)}
    return {name: Source(str(log), fingerprint([log])) for name, log in logs.items() if log is not None}


def tables_of(
    run: Run,
    options: TableOptions,
    movie: Movie | None = None,
    progress: Progress = silent,
    of_particles: Sequence[str] | None = None,
) -> Tables:
    """Return the tables that lie beside a run's masks; measured anew where they are missing or out of date.

    Scale and time are those of the options, the masks and the movie, and what only the tables know. Of the
    particles there are the columns that are named, see `Table.part`, or all.

    Raises
    ------
    InputError
        Where masks or tables cannot be read.
    """
    calibration = calibrate(run, movie, options)
    tables = read_tables(run.path, run.masks, of_particles)
    if tables is None:
        tables = analyze_run(run, movie, calibration, True, progress)
        if of_particles is not None:
            tables = replace(tables, particles=PARTICLES.part(tables.particles, of_particles))
    else:
        tables = tables.recalibrated(calibration.or_else(tables.calibration))
    return _sure(run, tables, options)


def ids_of(run: Run, tables: Tables) -> Masks:
    """Return masks in the ids of their tables, which found new ones where those of the masks do not last."""
    if not tables.is_relinked:
        return run.masks
    from temtrack.analysis.relinking import relinked

    return relinked(run.masks)


def facts_of(run: Run, action: str, options: Options, command: str) -> dict[str, str]:
    """Return by name what a page or a file of another program tells of how it was made from a run."""
    record = Provenance(action, command, sources_of(run), run.models, options.to_json())
    return {name: value for name, value in record.metadata().items() if name != "provenance"}
