"""The curves of ``kinetics.parquet``, rows of one quantity over radius, time or distance, with bands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from temtrack.kinetics.estimate import Estimate

_COLOURS = ("#0072B2", "#D55E00", "#009E73")


@dataclass(frozen=True)
class CurvePlot:
    """Curves on one pair of axes: their quantities, its title and the names of x and y without units."""

    quantities: tuple[str, ...]
    title: str
    x: str
    y: str


CURVES = (
    CurvePlot(("radius_rate",), "Growth over size", "radius", "dr/dt"),
    CurvePlot(("volume_rate",), "Gain over size", "radius", "dV/dt"),
    CurvePlot(("gap_before_merge",), "Before a merge", "time to the merge", "gap"),
    CurvePlot(
        ("coalescence_cumulative_hazard", "dissolution_cumulative_hazard"), "Events so far", "time", "hazard"
    ),
    CurvePlot(
        ("coalescence_rate_over_time", "dissolution_rate_over_time"), "Rates over time", "time", "rate"
    ),
    CurvePlot(("diffusion_over_radius",), "Diffusion over size", "radius", "D"),
    CurvePlot(("velocity_correlation",), "Memory of steps", "time between", "correlation"),
    CurvePlot(("non_gaussian_parameter",), "Steps beside Gaussian ones", "time between", "parameter"),
    CurvePlot(("survival",), "Survival of the first frame's", "time", "fraction"),
)


def points_of(estimates: Sequence[Estimate], quantity: str) -> list[Estimate]:
    """Return the rows of a curve that have a value, in the order of `at`."""
    held = (row for row in estimates if row.quantity == quantity and row.at is not None)
    return sorted((row for row in held if row.value is not None), key=lambda row: row.at or 0.0)


def draw_curves(axes: Axes, plot: CurvePlot, estimates: Sequence[Estimate]) -> None:
    """Draw curves with their 95 % bands, or say why there is none."""
    drawn = {name: points_of(estimates, name) for name in plot.quantities}
    drawn = {name: points for name, points in drawn.items() if points}
    axes.set(title=plot.title, xlabel=plot.x, ylabel=plot.y)
    if not drawn:
        reasons = [row.reason for row in estimates if row.quantity in plot.quantities and row.reason]
        say_why(axes, reasons[0] if reasons else "not measured")
        return
    for colour, (name, points) in zip(_COLOURS, drawn.items(), strict=False):
        x, y = (np.array([getattr(row, end) for row in points], dtype=np.float64) for end in ("at", "value"))
        low, high = (
            np.array([getattr(row, end) for row in points], dtype=np.float64) for end in ("low", "high")
        )
        axes.plot(x, y, ".-", color=colour, label=name.split("_")[0])
        axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
    first = next(iter(drawn.values()))[0]
    unit = "" if first.unit == "1" else f" ({first.unit})"
    axes.set(xlabel=f"{plot.x} ({first.at_unit})", ylabel=f"{plot.y}{unit}")
    if len(drawn) > 1:
        axes.legend(frameon=False, fontsize=8)
    low_end, high_end = axes.get_ylim()
    if low_end < 0 < high_end:
        axes.axhline(0, color="0.6", linewidth=0.8)


def say_why(axes: Axes, reason: str) -> None:
    """Write a reason in the middle of empty axes."""
    axes.text(0.5, 0.5, reason, ha="center", va="center", transform=axes.transAxes, color="0.4", wrap=True)
