"""From masks to tables and kinetics, on arrays or from folder to folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from temtrack.analysis.measure import analyze_run
from temtrack.calibration import UNCALIBRATED, Calibration
from temtrack.formats.store.lock import locked
from temtrack.formats.store.run import open_run, sources_of
from temtrack.formats.store.tables import calibration_metadata, read_tables, write_table, write_tables
from temtrack.masks import masks_of_arrays
from temtrack.movie import Movie, movie_of_array
from temtrack.pipeline.options import AnalyzeOptions, KineticsOptions
from temtrack.pipeline.provenance import movie_source, record_run
from temtrack.progress import Progress, silent
from temtrack.provenance import Source
from temtrack.run import Run
from temtrack.tables import Tables

if TYPE_CHECKING:
    import pyarrow as pa

    from temtrack.kinetics.estimate import Estimate

_DEFAULT = AnalyzeOptions()


def analyze(
    masks: Run | Path | str | NDArray[np.integer] | Sequence[NDArray[np.integer]],
    movie: Movie | NDArray[Any] | None = None,
    *,
    merges: bool = _DEFAULT.merges,
    pixel_size_nm: float | None = _DEFAULT.pixel_size_nm,
    frame_time_s: float | None = _DEFAULT.frame_time_s,
    scale_bar_nm: float | None = _DEFAULT.scale_bar_nm,
    progress: Progress = silent,
) -> Tables:
    """Measure particles, tracks, frames and merges.

    Parameters
    ----------
    masks
        What `track` gave, a folder of masks of any program, or ids (T, Y, X) or (Y, X), 0 background; where
        no family tree lies beside them merges are found from the masks alone.
    movie
        For intensities and optical masses.
    merges, pixel_size_nm, frame_time_s, scale_bar_nm
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
    options = AnalyzeOptions(
        merges=merges, pixel_size_nm=pixel_size_nm, frame_time_s=frame_time_s, scale_bar_nm=scale_bar_nm
    )
    run = _as_run(masks)
    if isinstance(movie, np.ndarray):
        movie = movie_of_array(movie)
    movie = None if movie is None else run.frames_of(movie)
    return analyze_run(run, movie, calibrate(run, movie, options), options.merges, progress)


def _as_run(masks: Run | Path | str | NDArray[Any] | Sequence[NDArray[Any]]) -> Run:
    if isinstance(masks, Run):
        return masks
    return open_run(masks) if isinstance(masks, Path | str) else Run(masks_of_arrays(masks))


def calibrate(run: Run, movie: Movie | None, options: AnalyzeOptions | KineticsOptions) -> Calibration:
    """Return scale and time by the first who knows: user, scale bar in the movie, tracker, movie."""
    given = run.given_calibration(options.pixel_size_nm, options.frame_time_s)
    stated = UNCALIBRATED if movie is None else movie.calibration
    if movie is not None and isinstance(options, AnalyzeOptions) and options.scale_bar_nm is not None:
        from temtrack.imaging.scale_bar import calibrate_by_scale_bar

        bar = calibrate_by_scale_bar(movie, options.scale_bar_nm).pixel_size
        given = given.or_else(Calibration(bar))
    return given.or_else(run.calibration).or_else(stated)


def analyze_into(
    target: Path,
    run: Run,
    movie: Movie | None,
    calibration: Calibration,
    options: AnalyzeOptions,
    command: str,
    progress: Progress = silent,
) -> Tables:
    """Measure the masks of a folder and write their tables into ``target``.

    ``movie`` is that of the masks, or the whole one that they are a piece of.
    """
    with locked(target):
        tables = analyze_run(run, movie, calibration, options.merges, progress)
        inputs = sources_of(run)
        if movie is not None:
            inputs["movie"] = movie_source(movie)
        elif run.movie is not None:
            inputs["movie"] = run.movie
        write_tables(target, tables, record_run("analyze", command, inputs, options, run.models))
    return tables


def tables_of(
    run: Run, calibration: Calibration, movie: Movie | None = None, progress: Progress = silent
) -> Tables:
    """Return the tables that lie beside a run's masks; measured anew where they are missing or out of date.

    Scale and time are those of ``calibration``, and what only the tables know.

    Raises
    ------
    InputError
        Where masks or tables cannot be read.
    """
    tables = read_tables(run.path, run.masks)
    if tables is None:
        return analyze_run(run, movie, calibration, True, progress)
    return tables.recalibrated(calibration.or_else(tables.calibration))


def fit_kinetics(tables: Tables, seed: int = 0) -> pa.Table:
    """Fit sintering kinetics: sizes, growth, dispersion, mechanisms, motion, each with a 95 % interval.

    Parameters
    ----------
    tables
        From `analyze`.
    seed
        Of the draws behind the intervals.

    Returns
    -------
    One row per quantity, as ``kinetics.parquet`` holds it: value, interval, unit, method and source, or the
    reason why there is none.

    Examples
    --------
    >>> import numpy as np
    >>> import temtrack
    >>> ids = np.kron(np.arange(1, 26).reshape(5, 5), np.pad(np.ones((9, 9), int), 4))  # 25 squares
    >>> rows = temtrack.fit_kinetics(temtrack.analyze(ids, pixel_size_nm=0.5)).to_pylist()
    >>> [round(row["value"], 2) for row in rows if row["quantity"] == "mean_diameter"]
    [5.08]
    """
    from temtrack.kinetics.estimate import fill_kinetics
    from temtrack.kinetics.measure import measure_kinetics
    from temtrack.kinetics.observed import observe

    return fill_kinetics(measure_kinetics(observe(tables), np.random.default_rng(seed)))


def kinetics_into(
    target: Path,
    run: Run,
    tables: Tables,
    options: KineticsOptions,
    command: str,
    inputs: Mapping[str, Source],
    kelvin: float | None = None,
) -> list[Estimate]:
    """Measure the kinetics of a run and write their table and plots.

    ``inputs`` beside the masks, as a heater's log; ``kelvin`` is the run's temperature.
    """
    from temtrack.kinetics.estimate import fill_kinetics
    from temtrack.kinetics.measure import measure_kinetics
    from temtrack.kinetics.observed import observe
    from temtrack.report.kinetics_plots import write_kinetics_plots

    observed = observe(tables)
    record = record_run("kinetics", command, {**sources_of(run), **inputs}, options, run.models)
    facts = record.metadata() | calibration_metadata(tables.calibration) | {"seed": str(options.seed)}
    if kelvin is not None:
        facts["temperature_K"] = repr(kelvin)
    with locked(target):
        rows = measure_kinetics(observed, np.random.default_rng(options.seed))
        write_table(target / "kinetics.parquet", fill_kinetics(rows), facts)
        write_kinetics_plots(target, observed, rows)
    return rows
