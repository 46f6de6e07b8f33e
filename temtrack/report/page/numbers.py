"""What the figures of a page show by frame: sizes, their distributions, drift, as plain numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from temtrack.kinetics.estimate import CONFIDENCE
from temtrack.kinetics.observed import ObservedRun

Reals = NDArray[np.float64]

#: Distributions beside each other, evenly spread over the movie, and points of each curve.
N_RIDGES, N_RIDGE_POINTS = 9, 160

#: A curve of a distribution needs so many particles; fewer are shown as single lines.
MIN_RIDGE_PARTICLES = 8


@dataclass(frozen=True)
class SizeSeries:
    """Equivalent diameters of whole particles by frame, each (T,), NaN where there are too few.

    ``low`` and ``high`` bound the mean (Student's t, 95 %), ``q25`` and ``q75`` half the particles.
    """

    n: NDArray[np.integer]
    mean: Reals
    low: Reals
    high: Reals
    q25: Reals
    q75: Reals


def measure_sizes(run: ObservedRun) -> SizeSeries:
    """Measure mean and quartiles of the diameter in every frame."""
    by_frame = run.whole.groupby("frame")["diameter"]
    frames = pd.RangeIndex(run.n_frames)
    n = by_frame.size().reindex(frames, fill_value=0).to_numpy(dtype=np.int64)
    mean, deviation = (by_frame.agg(how).reindex(frames).to_numpy() for how in ("mean", "std"))
    q25, q75 = (by_frame.quantile(share).reindex(frames).to_numpy() for share in (0.25, 0.75))
    reach = stats.t.ppf(0.5 + CONFIDENCE / 2, np.maximum(n - 1, 1)) * deviation / np.sqrt(np.maximum(n, 1))
    return SizeSeries(n, mean, mean - reach, mean + reach, q25, q75)


def measure_ridges(run: ObservedRun) -> dict[str, Any]:
    """Return size distributions over the movie: a grid of diameters, and a density for each of a few frames.

    Densities are Gaussian kernel estimates of Scott's width over the whole particles of one frame, per unit
    of diameter; ``None`` below `MIN_RIDGE_PARTICLES`.
    """
    rows = run.whole
    top = 1.15 * float(rows["diameter"].max()) if len(rows) else 1.0
    grid = np.linspace(0, top, N_RIDGE_POINTS)
    ridges = []
    for frame in np.unique(np.linspace(0, run.n_frames - 1, N_RIDGES).astype(int)).tolist():
        found = np.sort(rows.loc[rows["frame"] == frame, "diameter"].to_numpy())
        is_curve = found.size >= MIN_RIDGE_PARTICLES and np.ptp(found) > 0
        density = plain(stats.gaussian_kde(found)(grid)) if is_curve else None
        ridges.append({"frame": frame, "diameters": plain(found), "density": density})
    return {"grid": plain(grid), "rows": ridges}


def measure_drift(run: ObservedRun) -> pd.DataFrame:
    """Return the common motion of the particles, summed up from the first frame: frame, y_px, x_px.

    A step is the mean over all particles that are whole in both frames, 0 where there are none.
    """
    rows = run.whole.sort_values(["particle_id", "frame"])
    steps = rows.groupby("particle_id")[["frame", "y_px", "x_px"]].diff()
    steps = steps[steps["frame"] == 1].drop(columns="frame")
    mean = steps.groupby(rows["frame"].loc[steps.index]).mean()
    drift = mean.reindex(pd.RangeIndex(run.n_frames), fill_value=0.0).cumsum()
    return pd.DataFrame({"frame": drift.index, "y_px": drift["y_px"], "x_px": drift["x_px"]})


def rounded(value: object, digits: int = 5) -> float | None:
    """Return a number with so many significant digits, ``None`` where it is missing."""
    number = float(cast(Any, value)) if value is not None else np.nan
    return float(f"{number:.{digits}g}") if np.isfinite(number) else None


def plain(values: Iterable[Any], digits: int = 5) -> list[float | None]:
    """Return numbers as `rounded` ones."""
    return [rounded(value, digits) for value in values]
