"""What the figures of a page show by frame: sizes, their distributions, drift, as plain numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from temtrack.kinetics.estimate import CONFIDENCE
from temtrack.kinetics.observed import ObservedRun
from temtrack.report.page.encoding import plain

#: Distributions beside each other, evenly spread over the movie, and points of each curve.
N_RIDGES, N_RIDGE_POINTS = 9, 160

#: A curve of a distribution needs so many particles; fewer are shown as single lines.
MIN_RIDGE_PARTICLES = 8


def measure_sizes(run: ObservedRun) -> pd.DataFrame:
    """Measure the equivalent diameters of whole particles in every frame, NaN where there are too few.

    ``n`` particles have the ``mean``; ``low`` and ``high`` bound it (Student's t, 95 %), ``q25`` and ``q75``
    half the particles.
    """
    by_frame = run.whole.groupby("frame")["diameter"]
    sizes = by_frame.agg(n="size", mean="mean", deviation="std").reindex(pd.RangeIndex(run.n_frames))
    n = sizes["n"].fillna(0)
    reach = stats.t.ppf(0.5 + CONFIDENCE / 2, np.maximum(n - 1, 1)) * sizes["deviation"] / np.sqrt(n.clip(1))
    quartiles = {name: by_frame.quantile(level) for name, level in (("q25", 0.25), ("q75", 0.75))}
    ends = {"low": sizes["mean"] - reach, "high": sizes["mean"] + reach}
    return pd.DataFrame({"n": n, "mean": sizes["mean"], **ends, **quartiles}, index=sizes.index)


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
