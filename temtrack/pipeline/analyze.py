"""From masks to tables and kinetics, on arrays or from folder to folder."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.constants import zero_Celsius

from temtrack.analysis.measure import analyze_run
from temtrack.calibration import UNCALIBRATED, Calibration
from temtrack.errors import InputError, TemtrackNotice, TemtrackWarning, UsageError
from temtrack.formats.decoding import refused_as
from temtrack.formats.fingerprint import fingerprint
from temtrack.formats.readers import read_movie
from temtrack.formats.store.atomic import check_output_file, check_output_folder, locked
from temtrack.formats.store.run import movie_source, open_run, sources_of
from temtrack.formats.store.tables import (
    calibration_metadata,
    read_arrow,
    read_tables,
    write_table,
    write_tables,
)
from temtrack.masks import Masks, Run, masks_of_arrays
from temtrack.movie import Movie, movie_of_array
from temtrack.pipeline.options import (
    AnalyzeOptions,
    KineticsOptions,
    MeasureOptions,
    Options,
    TableOptions,
)
from temtrack.pipeline.request import Request
from temtrack.progress import Progress, silent
from temtrack.provenance import Provenance, Source
from temtrack.tables import TABLES, Tables

if TYPE_CHECKING:
    import pyarrow as pa

    from temtrack.kinetics.estimate import Estimate
    from temtrack.kinetics.observed import ObservedRun

_DEFAULT, _KINETICS = AnalyzeOptions(), KineticsOptions()

#: What `kinetics_into` writes.
KINETICS_FILES = ("kinetics.parquet", "kinetics.png", "kinetics.svg")

#: What `activation_of` writes.
ACTIVATION_FILES = ("kinetics.parquet", "arrhenius.png", "arrhenius.svg")

#: What is left out to see how far quantities move: less sure merges, and a tenth of particles and frames.
SURE, SMALLEST_FRACTION = 0.9, 0.1

#: A run whose temperature changes by more is told to the user.
STEADY_WITHIN_K = 20.0


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
        For intensities and optical masses.
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
        _warn(
            f"{run.path}: left out {of}, of less confidence than {options.min_confidence:g}", TemtrackNotice
        )
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
    check_tables_folder(masks, target, [f"{table.name}.parquet" for table in TABLES], request.may_overwrite)
    shown = None if movie is None else run.frames_of(read_movie(movie))
    with locked(target):
        tables = _analyze(run, shown, options, request.progress)
        inputs = sources_of(run) | _log_source(options)
        if known := run.movie if shown is None else movie_source(shown):
            inputs["movie"] = known
        found = {"with_movie": shown is not None}
        record = Provenance("analyze", request.command, inputs, run.models, options.to_json(), found)
        write_tables(target, tables, record)
    if tables.particles.num_rows == 0:
        _warn(
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


def _log_source(options: MeasureOptions) -> dict[str, Source]:
    logs = {"heater_log": options.heater_log, "log": getattr(options, "log", None)}
    return {name: Source(str(log), fingerprint([log])) for name, log in logs.items() if log is not None}


def _warn(message: str, kind: type[TemtrackWarning] = TemtrackWarning) -> None:
    warnings.warn(message, kind, stacklevel=3)


def tables_of(
    run: Run, options: TableOptions, movie: Movie | None = None, progress: Progress = silent
) -> Tables:
    """Return the tables that lie beside a run's masks; measured anew where they are missing or out of date.

    Scale and time are those of the options, the masks and the movie, and what only the tables know.

    Raises
    ------
    InputError
        Where masks or tables cannot be read.
    """
    calibration = calibrate(run, movie, options)
    tables = read_tables(run.path, run.masks)
    if tables is None:
        tables = analyze_run(run, movie, calibration, True, progress)
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


def fit_kinetics(
    tables: Tables,
    seed: int = _KINETICS.seed,
    *,
    min_confidence: float = _KINETICS.min_confidence,
    exclude_frames: str | None = _KINETICS.exclude_frames,
    exclude_ids: str | None = _KINETICS.exclude_ids,
    min_diameter: str | None = _KINETICS.min_diameter,
    material: str | None = _KINETICS.material,
    sensitivity: bool = _KINETICS.sensitivity,
) -> pa.Table:
    """Fit sintering kinetics: sizes, growth, dispersion, mechanisms, motion, each with a 95 % interval.

    Parameters
    ----------
    tables
        From `analyze`.
    seed
        Of the draws behind the intervals.
    min_confidence, exclude_frames, exclude_ids, min_diameter, material, sensitivity
        See `KineticsOptions`.

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
    from temtrack.analysis.doubt import leave_out_doubtful
    from temtrack.kinetics.estimate import fill_kinetics

    options = KineticsOptions(
        seed=seed,
        min_confidence=min_confidence,
        exclude_frames=exclude_frames,
        exclude_ids=exclude_ids,
        min_diameter=min_diameter,
        material=material,
        sensitivity=sensitivity,
    )
    return fill_kinetics(_measure(leave_out_doubtful(tables, min_confidence), options)[1])


def _measure(tables: Tables, options: KineticsOptions) -> tuple[ObservedRun, list[Estimate]]:
    """Return what was measured on, and all estimates."""
    from temtrack.analysis.doubt import leave_out_doubtful
    from temtrack.kinetics.material import check_material, measure_material
    from temtrack.kinetics.measure import measure_kinetics, sampled_frames
    from temtrack.kinetics.observed import observe
    from temtrack.kinetics.selection import leave_out, measure_sensitivity

    check_material(options.material)
    least = options.min_diameter_px(tables.calibration.pixel_size_nm)
    run = leave_out(observe(tables), *options.excluded, least)
    logged = [
        *_measure_log(run, options.log),
        *_measure_temperature(run, tables.calibration.frame_celsius),
    ]
    rows = [*measure_kinetics(run, np.random.default_rng(options.seed)), *logged]
    if options.material is not None:
        rng = np.random.default_rng(options.seed)
        for frame in sampled_frames(run.good_frames):
            rows += measure_material(run, frame, options.material, rng)
    if not options.sensitivity:
        return run, rows
    small = float(run.particles["equivalent_diameter_px"].quantile(SMALLEST_FRACTION))
    first = range(max(1, round(SMALLEST_FRACTION * run.n_frames)))
    sure = leave_out(observe(leave_out_doubtful(tables, SURE)), *options.excluded, least)
    varied = {
        f"without merges of a confidence below {SURE:g}": sure,
        f"without particles below {small:.3g} px, the smallest tenth": leave_out(run, min_diameter_px=small),
        "without the first tenth of the frames": leave_out(run, frames=first),
    }
    others = {
        words: measure_kinetics(one, np.random.default_rng(options.seed)) for words, one in varied.items()
    }
    return run, [*rows, *measure_sensitivity(rows, others)]


def _measure_log(run: ObservedRun, log: Path | None) -> list[Estimate]:
    """Tell rates over each column of a log, read off at the times of the frames."""
    if log is None:
        return []
    from temtrack.formats.run_log import read_run_log
    from temtrack.kinetics.conditions import measure_conditions

    if run.seconds is None:
        raise InputError(f"{log}: the times of the frames are unknown; give --frame-time 0.5s, say")
    rows: list[Estimate] = []
    for one in read_run_log(log):
        values = one.at(run.seconds)
        if np.isnan(values).all():
            raise InputError(
                f"{log}: covers {one.seconds[0]:g} to {one.seconds[-1]:g} s, the movie {run.seconds[0]:g} to"
                f" {run.seconds[-1]:g} s; give the log on the clock of the movie, whose first frame is at 0 s"
            )
        rows += measure_conditions(run, one.name, one.unit, values)
        if one.dose is not None:
            rows += measure_conditions(run, one.dose.name, one.dose.unit, one.dose.at(run.seconds))
    return rows


def _measure_temperature(run: ObservedRun, celsius: NDArray[np.float64] | None) -> list[Estimate]:
    """Tell rates over the temperature of the frames, where it is not steady."""
    from temtrack.kinetics.conditions import measure_conditions

    if (
        celsius is None
        or np.isnan(celsius).all()
        or np.nanmax(celsius) - np.nanmin(celsius) < STEADY_WITHIN_K
    ):
        return []
    return measure_conditions(run, "temperature", "°C", celsius)


def kinetics_file(masks: Path, target: Path, options: KineticsOptions, request: Request) -> float | None:
    """Measure the kinetics of a masks folder into a folder; return the run's temperature in K.

    Tables beside the masks are used, and measured where they are missing.

    Raises
    ------
    TemtrackError
        Where masks or tables cannot be read, or the results cannot be written.
    """
    run = open_run(masks)
    check_tables_folder(masks, target, KINETICS_FILES, request.may_overwrite)
    tables = tables_of(run, options, None, request.progress)
    tables = tables.recalibrated(with_temperature(tables.calibration, options))
    return kinetics_into(target, run, tables, options, request.command)


def kinetics_into(
    target: Path, run: Run, tables: Tables, options: KineticsOptions, command: str
) -> float | None:
    """Measure the kinetics of tables and write their table and plots; return the temperature in K."""
    from temtrack.kinetics.estimate import fill_kinetics
    from temtrack.report.plots import write_kinetics_plots

    kelvin = _temperature_k(run.path, tables.calibration, options)
    inputs = sources_of(run) | _log_source(options)
    record = Provenance("kinetics", command, inputs, run.models, options.to_json())
    facts = record.metadata() | calibration_metadata(tables.calibration) | {"seed": str(options.seed)}
    if kelvin is not None:
        facts["temperature_K"] = repr(kelvin)
    with locked(target):
        observed, rows = _measure(tables, options)
        write_table(target / KINETICS_FILES[0], fill_kinetics(rows), facts)
        write_kinetics_plots(target, observed, rows)
    return kelvin


def _temperature_k(path: Path, calibration: Calibration, options: KineticsOptions) -> float | None:
    """Return a run's temperature, by the heater's log where no number was given; tell if it is not steady."""
    from temtrack.analysis.temperature import find_run_temperature

    found = find_run_temperature(calibration)
    if options.temperature_k is not None or found is None or calibration.temperatures is None:
        return options.temperature_k
    middle, low, high = (k - zero_Celsius for k in (found.median, found.lowest, found.highest))
    _warn(f"{path}: {middle:.4g} °C, from {calibration.temperatures.source}", TemtrackNotice)
    if high - low > STEADY_WITHIN_K:
        _warn(
            f"{path}: goes from {low:.4g} to {high:.4g} °C, and the median stands for all of it; "
            "`temtrack track --frames` takes the part at one temperature"
        )
    return found.median


def read_estimates(path: Path) -> list[Estimate]:
    """Read the estimates of a ``kinetics.parquet`` back.

    Raises
    ------
    InputError
        If the file is missing or another table.
    """
    from temtrack.kinetics.estimate import Estimate

    rows = read_arrow(path).to_pylist()
    with refused_as(f"{path}: is no table of kinetics"):
        return [Estimate(**row) for row in rows]


def activation_of(
    runs: Mapping[str, Path], kelvins: Sequence[float | None], out: Path | None, command: str
) -> list[Estimate]:
    """Fit activation energies over runs whose kinetics lie in folders, and write table and plot into ``out``.

    Parameters
    ----------
    runs
        By the masks of each run, the folder of its kinetics.
    kelvins
        Temperature of each run in K, where it is known.
    out
        Where table and plot go; nowhere where ``None``.
    command
        For the record.
    """
    from temtrack.kinetics.arrhenius import measure_activation, refuse_activation
    from temtrack.kinetics.estimate import fill_kinetics
    from temtrack.report.plots import write_arrhenius_plot

    known = [kelvin for kelvin in kelvins if kelvin is not None]
    if len(known) < len(runs):
        return refuse_activation(
            "temperatures unknown: give --temperature 800C, say, or --heater-log FILE, once for each run"
        )
    estimates = [read_estimates(folder / KINETICS_FILES[0]) for folder in runs.values()]
    found = measure_activation(estimates, known)
    if out is not None:
        facts = {"command": command, "runs": ", ".join(runs)}
        write_table(out / KINETICS_FILES[0], fill_kinetics(found), facts)
        write_arrhenius_plot(out, estimates, known)
    return found
