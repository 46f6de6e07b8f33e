"""The kinetics of a run on one sheet, and rates over temperature, as PNG and SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats
from scipy.special import gamma

from temtrack.formats.store.atomic import whole_file
from temtrack.kinetics.arrhenius import RATES
from temtrack.kinetics.bootstrap import PowerSums, gather_power_sums, moment_ratio
from temtrack.kinetics.diffusion import displacement_sums, fit_line
from temtrack.kinetics.distributions import lsw_density, smoluchowski_density, wagner_density
from temtrack.kinetics.estimate import Estimate
from temtrack.kinetics.mechanisms import MECHANISMS
from temtrack.kinetics.observed import ObservedRun
from temtrack.report import panels
from temtrack.report.curves import (
    BLUE,
    GREEN,
    ORANGE,
    RED,
    curves_of,
    draw_curves,
    points_of,
    say_why,
    unit_words,
)

Values = dict[str, float]


def write_kinetics_plots(folder: Path, run: ObservedRun, estimates: Sequence[Estimate]) -> None:
    """Write ``kinetics.png`` and ``kinetics.svg``: sizes, dispersion, mechanisms, motion, and all curves.

    Raises
    ------
    OutputError
        Where the files cannot be written.
    """
    curves = curves_of(estimates)
    has_sensitivity = any(row.quantity.startswith("sensitivity_of_") for row in estimates)
    n_rows = 2 + -(-(3 + has_sensitivity + len(curves)) // 3)
    figure = Figure(figsize=(12, 3.5 * n_rows), layout="constrained")
    figure.suptitle("Bands and bars: 95 % intervals; D10 to D90 in the first panel", fontsize=9, color="0.4")
    size, law, number, loss, fractions, motion, neighbours, necks, conserved, *others = figure.subplots(
        n_rows, 3
    ).ravel()
    found = {row.quantity: row.value for row in estimates if row.value is not None and row.frame is None}
    sums = gather_power_sums(run)
    _draw_sizes(size, run, sums, found)
    _draw_distribution(law, run, estimates)
    _draw_numbers(number, run, estimates)
    _draw_dispersion(loss, sums, found)
    _draw_fractions(fractions, estimates)
    _draw_motion(motion, run, found)
    panels.draw_neighbours(neighbours, run, estimates)
    panels.draw_necks(necks, run, estimates)
    panels.draw_conserved(conserved, estimates)
    if has_sensitivity:
        panels.draw_sensitivity(others.pop(len(curves)), estimates)
    for axes, curve in zip(others, curves, strict=False):
        draw_curves(axes, curve, estimates)
    for axes in others[len(curves) :]:
        axes.remove()
    _write(folder, "kinetics", figure)


def write_arrhenius_plot(folder: Path, runs: Sequence[Sequence[Estimate]], kelvin: Sequence[float]) -> None:
    """Write ``arrhenius.png`` and ``arrhenius.svg``: every rate over the inverse temperature.

    Raises
    ------
    OutputError
        Where the files cannot be written.
    """
    figure = Figure(figsize=(6, 4.5), layout="constrained")
    axes = figure.subplots()
    for number, name in enumerate(RATES):
        rows = [(t, row) for t, run in zip(kelvin, runs, strict=True) for row in run if row.quantity == name]
        points = [(1000 / t, r.value, r.low, r.high) for t, r in rows if r.value and r.low and r.high]
        if points:
            x, value, low, high = np.array(points).T
            error = np.abs([value - low, high - value])
            axes.errorbar(x, value, error, fmt="osD^vsphX"[number], capsize=3, label=name.replace("_", " "))
    axes.set(yscale="log", xlabel="1000 / T (1/K)", ylabel="rate, in the units of the table")
    if axes.has_data():
        axes.legend(frameon=False, fontsize=7)
    _write(folder, "arrhenius", figure)


def write_comparison_plot(folder: Path, runs: Mapping[str, Sequence[Estimate]]) -> None:
    """Write ``compare.png`` and ``compare.svg``: rates of runs, with their intervals, and how particles live.

    Raises
    ------
    OutputError
        Where the files cannot be written.
    """
    found = {name: {row.quantity: row for row in rows if row.at is None} for name, rows in runs.items()}
    told = [
        name
        for name in RATES
        if sum(name in one and one[name].value is not None for one in found.values()) > 1
    ]
    figure = Figure(figsize=(12, 3.5 * -(-(len(told) + 1) // 3)), layout="constrained")
    panels = np.atleast_1d(figure.subplots(-(-(len(told) + 1) // 3), 3)).ravel()
    for axes, name in zip(panels[1:], told, strict=False):
        points = [one.get(name) for one in found.values()]
        ends = [[getattr(row, end, None) for row in points] for end in ("value", "low", "high")]
        value, low, high = np.array(ends, dtype=np.float64)
        axes.errorbar(range(len(points)), value, [value - low, high - value], fmt="o", capsize=4, color=BLUE)
        unit = next(row.unit for row in points if row is not None)
        axes.set(title=name.replace("_", " "), ylabel=unit_words(unit), xlim=(-0.5, len(points) - 0.5))
        axes.set_xticks(range(len(points)), list(found), rotation=20)
    for name, rows in runs.items():
        curve = points_of(rows, "survival")
        panels[0].plot([row.at for row in curve], [row.value for row in curve], label=name)
    panels[0].set(title="Survival of the first frame", xlabel="time (s)", ylabel="fraction left")
    panels[0].legend(frameon=False, fontsize=8)
    for axes in panels[len(told) + 1 :]:
        axes.remove()
    _write(folder, "compare", figure)


def _write(folder: Path, stem: str, figure: Figure) -> None:
    for kind in ("png", "svg"):
        with whole_file(folder / f"{stem}.{kind}") as path:
            facts = {"Date": None} if kind == "svg" else None  # the same numbers give the same bytes
            with rc_context({"svg.hashsalt": "temtrack"}):
                figure.savefig(path, dpi=130, format=kind, metadata=facts)


def _draw_sizes(axes: Axes, run: ObservedRun, sums: PowerSums | None, found: Values) -> None:
    by_frame = run.whole.groupby("frame")["diameter"]
    low, mean, high = by_frame.quantile(0.1), by_frame.mean(), by_frame.quantile(0.9)
    time = _time(axes, run, mean.index.to_numpy(dtype=np.intp))
    axes.fill_between(time, low, high, color=BLUE, alpha=0.15, linewidth=0, label="D10 to D90")
    axes.plot(time, mean, color=BLUE, label="mean")
    axes.set(ylabel=f"diameter ({run.length_unit})", title="Size")
    if sums is not None and "growth_exponent" in found and run.seconds is not None:
        n, total = found["growth_exponent"], sums.total()[:, 0]
        y = total[1] / total[0]
        line = np.polynomial.Polynomial.fit(sums.seconds, (y / y.mean()) ** n, 1)(sums.seconds)
        label = f"growth law, n = {n:.2g}"
        fitted = y.mean() * np.maximum(line, 0) ** (1 / n)
        axes.plot(sums.seconds + run.seconds[0], fitted, "--", color=RED, label=label)
    axes.legend(frameon=False, fontsize=8)


def _draw_distribution(axes: Axes, run: ObservedRun, estimates: Sequence[Estimate]) -> None:
    """Draw the last frame whose law was told, as the fraction of particles per unit of d / <d>."""
    axes.set(xlabel="d / <d>", ylabel="density", title="Size distribution")
    told = [row for row in estimates if row.quantity == "lognormal_sigma" and row.value is not None]
    if not told or told[-1].value is None:
        say_why(axes, "too few particles in the frames told")
        return
    frame, sigma = told[-1].frame, told[-1].value
    d = run.whole.loc[run.whole["frame"] == frame, "diameter"].to_numpy()
    u = np.linspace(0.01, 2.5, 400)
    axes.hist(d / d.mean(), bins="auto", density=True, color=BLUE, alpha=0.25, label=f"frame {frame}")
    lognormal = stats.lognorm.pdf(u, sigma, scale=np.exp(-(sigma**2) / 2))
    axes.plot(u, lognormal, color=BLUE, label="log-normal")
    axes.plot(u, lsw_density(u), color=RED, label="LSW")
    axes.plot(u, 8 / 9 * wagner_density(8 / 9 * u), "--", color=GREEN, label="Wagner")  # <r> = 8/9 r_c
    mean = gamma(4 / 3)  # of the self-similar law of coalescence
    axes.plot(u, mean * smoluchowski_density(mean * u), ":", color=ORANGE, label="coalescence")
    axes.legend(frameon=False, fontsize=8)


def _draw_numbers(axes: Axes, run: ObservedRun, estimates: Sequence[Estimate]) -> None:
    count = np.bincount(run.particles["frame"].to_numpy(dtype=np.intp), minlength=run.n_frames)
    axes.step(_time(axes, run, np.arange(run.n_frames)), count, where="post", color=BLUE, label="seen")
    axes.set(ylabel="particles", title="Number")
    if forecast := points_of(estimates, "forecast_number"):
        x, y, low, high = (
            np.array([getattr(row, end) for row in forecast], dtype=np.float64)
            for end in ("at", "value", "low", "high")
        )
        axes.plot(x, y, "--", color=RED, label="forecast by the first half")
        axes.fill_between(x, low, high, color=RED, alpha=0.15, linewidth=0)
        axes.legend(frameon=False, fontsize=8)
    axes.set_ylim(bottom=0)


def _draw_dispersion(axes: Axes, sums: PowerSums | None, found: Values) -> None:
    axes.set(xlabel="time (s)", ylabel="D / D0", title="Dispersion")
    if sums is None or not sums.seconds.size:
        say_why(axes, "frame times unknown")
        return
    series = moment_ratio(sums.total(), 2, 3)[0]
    first = series[: max(1, series.size // 10)].mean()
    axes.plot(sums.seconds, series / first, ".", color=BLUE)
    for order, style in ((1, "--"), (2, "-")):
        k, final = found.get(f"gple_rate_n{order}"), found.get(f"gple_final_dispersion_n{order}")
        if k is None or final is None:
            continue
        fall = np.exp(-k * sums.seconds) if order == 1 else 1 / (1 + k * (1 - final) * sums.seconds)
        y = final + (1 - final) * fall
        scale = (series @ y) / (y @ y) / first
        axes.plot(sums.seconds, scale * y, style, color=RED, label=f"GPLE, order {order}")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=8)


def _draw_fractions(axes: Axes, estimates: Sequence[Estimate]) -> None:
    axes.set(title="How particles vanish", ylabel="fraction", ylim=(0, 1))
    rows = [row for name in MECHANISMS for row in estimates if row.quantity == f"{name}_fraction"]
    if any(row.value is None for row in rows):
        say_why(axes, rows[0].reason or "")
        return
    value, low, high = (np.array([getattr(r, end) for r in rows], float) for end in ("value", "low", "high"))
    axes.bar(MECHANISMS, value, color=[BLUE, ORANGE, GREEN], alpha=0.6)
    error = np.maximum([value - low, high - value], 0)
    axes.errorbar(MECHANISMS, value, error, fmt="none", ecolor="0.2", capsize=4)


def _draw_motion(axes: Axes, run: ObservedRun, found: Values) -> None:
    axes.set(xlabel="lag (frames)", ylabel=f"MSD ({run.length_unit}²)", title="Motion")
    squares, n_steps = displacement_sums(run)
    if not n_steps.sum():
        say_why(axes, "no particle is followed long enough")
        return
    lags = np.arange(1, squares.shape[1] + 1)
    axes.plot(lags, squares.sum(axis=0) / np.maximum(n_steps.sum(axis=0), 1), "o", color=BLUE)
    if "diffusion_coefficient" in found and run.seconds is not None:
        step_s = float(np.mean(np.diff(run.seconds)))
        (slope,), (offset,) = fit_line(squares.sum(axis=0)[None], n_steps.sum(axis=0)[None], step_s)
        axes.plot(lags, 4 * (slope * lags * step_s + offset), color=RED, label=f"D = {slope:.3g} nm²/s")
        axes.legend(frameon=False, fontsize=8)
    axes.set_ylim(bottom=0)


def _time(axes: Axes, run: ObservedRun, frames: np.ndarray) -> np.ndarray:
    axes.set_xlabel("frame" if run.seconds is None else "time (s)")
    return frames if run.seconds is None else run.seconds[frames]
