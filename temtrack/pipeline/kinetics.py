"""From tables to kinetics: what is fitted, on what, and where it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.constants import zero_Celsius

from temtrack.calibration import Calibration, DoseRate
from temtrack.errors import InputError, TemtrackNotice, warn
from temtrack.formats.decoding import refused_as
from temtrack.formats.store.atomic import locked, remove_leftovers
from temtrack.formats.store.run import open_run, sources_of
from temtrack.formats.store.tables import calibration_metadata, read_arrow, write_table
from temtrack.masks import Run
from temtrack.pipeline.analyze import check_tables_folder, log_sources, tables_of, with_temperature
from temtrack.pipeline.options import KineticsOptions
from temtrack.pipeline.request import Request
from temtrack.provenance import Provenance
from temtrack.tables import Tables

if TYPE_CHECKING:
    import pyarrow as pa

    from temtrack.kinetics.estimate import Estimate
    from temtrack.kinetics.observed import ObservedRun

_KINETICS = KineticsOptions()

#: What `kinetics_into` writes.
KINETICS_FILES = ("kinetics.parquet", "kinetics.png", "kinetics.svg")

#: What `activation_of` writes.
ACTIVATION_FILES = ("kinetics.parquet", "arrhenius.png", "arrhenius.svg")

#: What is left out to see how far quantities move: less sure merges, and a tenth of particles and frames.
SURE, SMALLEST_FRACTION = 0.9, 0.1

#: A run whose temperature changes by more is told to the user.
STEADY_WITHIN_K = 20.0


def fit_kinetics(
    tables: Tables,
    seed: int = _KINETICS.seed,
    *,
    min_confidence: float = _KINETICS.min_confidence,
    exclude_frames: str | None = _KINETICS.exclude_frames,
    exclude_ids: str | None = _KINETICS.exclude_ids,
    min_diameter: str | None = _KINETICS.min_diameter,
    min_score: float = _KINETICS.min_score,
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
    min_confidence, exclude_frames, exclude_ids, min_diameter, min_score, material, sensitivity
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
        min_score=min_score,
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
    run = leave_out(observe(tables), *options.excluded, least, options.min_score)
    logged = [
        *_measure_log(run, options),
        *_measure_dose(run, tables.calibration.dose_rate, options),
        *_measure_temperature(run, tables.calibration.frame_celsius, options),
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
    doubted = observe(leave_out_doubtful(tables, SURE))
    sure = leave_out(doubted, *options.excluded, least, options.min_score)
    varied = {
        f"without merges of a confidence below {SURE:g}": sure,
        f"without particles below {small:.3g} px, the smallest tenth": leave_out(run, min_diameter_px=small),
        "without the first tenth of the frames": leave_out(run, frames=first),
    }
    scores = run.particles["score"].dropna() if "score" in run.particles else pd.Series(dtype=float)
    if not scores.empty:
        least = float(scores.quantile(SMALLEST_FRACTION))
        words = f"without particles of a score below {least:.3g}, the lowest tenth"
        varied[words] = leave_out(run, min_score=least)
    others = {
        words: measure_kinetics(one, np.random.default_rng(options.seed)) for words, one in varied.items()
    }
    return run, [*rows, *measure_sensitivity(rows, others)]


def _measure_log(run: ObservedRun, options: KineticsOptions) -> list[Estimate]:
    """Tell rates over each column of a log, read off at the times of the frames."""
    log = options.log
    if log is None:
        return []
    from temtrack.formats.run_log import read_run_log
    from temtrack.kinetics.conditions import measure_conditions

    if run.seconds is None:
        raise InputError(f"{log}: the times of the frames are unknown; give --frame-time 0.5s, say")
    rows: list[Estimate] = []
    rng = np.random.default_rng(options.seed)
    for one in read_run_log(log):
        values = one.at(run.seconds)
        if np.isnan(values).all():
            raise InputError(
                f"{log}: covers {one.seconds[0]:g} to {one.seconds[-1]:g} s, the movie {run.seconds[0]:g} to"
                f" {run.seconds[-1]:g} s; give the log on the clock of the movie, whose first frame is at 0 s"
            )
        rows += measure_conditions(run, one.name, one.unit, values, rng)
        if one.dose is not None:
            dose = one.dose.at(run.seconds)
            rows += measure_conditions(run, one.dose.name, one.dose.unit, dose, rng)
    return rows


def _measure_dose(run: ObservedRun, known: DoseRate | None, options: KineticsOptions) -> list[Estimate]:
    """Tell rates over the dose where the movie's file states its rate and no log says more of it."""
    from temtrack.formats.run_log import read_run_log
    from temtrack.kinetics.conditions import measure_dose

    log = options.log
    if known is None or (log is not None and any(one.dose is not None for one in read_run_log(log))):
        return []
    return measure_dose(run, known, np.random.default_rng(options.seed))


def _measure_temperature(
    run: ObservedRun, celsius: NDArray[np.float64] | None, options: KineticsOptions
) -> list[Estimate]:
    """Tell rates over the temperature of the frames, where it is not steady."""
    from temtrack.kinetics.conditions import measure_conditions

    if (
        celsius is None
        or np.isnan(celsius).all()
        or np.nanmax(celsius) - np.nanmin(celsius) < STEADY_WITHIN_K
    ):
        return []
    return measure_conditions(run, "temperature", "°C", celsius, np.random.default_rng(options.seed))


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
    edges = tables.particles["edge_diameter_px"]
    if run.movie is not None and edges.null_count == len(edges) > 0:
        warn(
            f"{masks}: sizes are those of the outlines; `temtrack analyze {masks} --movie FILE --force` also "
            "measures each particle's own edge, which often wanders less",
            TemtrackNotice,
        )
    return kinetics_into(target, run, tables, options, request.command)


def kinetics_into(
    target: Path, run: Run, tables: Tables, options: KineticsOptions, command: str
) -> float | None:
    """Measure the kinetics of tables and write their table and plots; return the temperature in K."""
    from temtrack.kinetics.estimate import fill_kinetics
    from temtrack.report.plots import write_kinetics_plots

    kelvin = _temperature_k(run.path, tables.calibration, options)
    inputs = sources_of(run) | log_sources(options)
    record = Provenance("kinetics", command, inputs, run.models, options.to_json())
    facts = record.metadata() | calibration_metadata(tables.calibration) | {"seed": str(options.seed)}
    if kelvin is not None:
        facts["temperature_K"] = repr(kelvin)
    with locked(target):
        remove_leftovers(target, *KINETICS_FILES)
        observed, rows = _measure(tables, options)
        facts["diameters"] = "edge_diameter_px" if observed.has_edges else "equivalent_diameter_px"
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
    told = f"{path}: {middle:.4g} °C, from {calibration.temperatures.source}"
    warn(told, TemtrackNotice)
    if high - low > STEADY_WITHIN_K:
        warn(
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
