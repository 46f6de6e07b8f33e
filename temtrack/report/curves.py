"""The curves of ``kinetics.parquet``, rows of one quantity over radius, time or distance, with bands."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from temtrack.kinetics.estimate import Estimate

#: Okabe and Ito's colours that stand out on white.
BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"

_COLOURS = (BLUE, RED, GREEN)


@dataclass(frozen=True)
class CurvePlot:
    """Curves on one pair of axes: their quantities, its title and the names of x and y without units."""

    quantities: tuple[str, ...]
    title: str
    x: str
    y: str


CURVES = (
    CurvePlot(("radius_rate",), "Growth rate over size", "radius", "dr/dt"),
    CurvePlot(("volume_rate",), "Volume gain over size", "radius", "dV/dt"),
    CurvePlot(("critical_radius",), "Critical radius", "frame", "r*"),
    CurvePlot(("volume_diffusion_over_radius",), "Fluctuations of volume over size", "radius", "D of V"),
    CurvePlot(("diffusion_over_radius",), "Diffusion over size", "radius", "D"),
    CurvePlot(("velocity_correlation",), "Velocity autocorrelation", "lag", "<v(0) v(t)> / <v²>"),
    CurvePlot(("non_gaussian_parameter",), "Non-Gaussian parameter (0: Brownian)", "lag", "α₂"),
    CurvePlot(("gap_before_merge",), "Gap before a merge, median", "time to the merge", "gap"),
    CurvePlot(
        ("coalescence_rate_over_time", "dissolution_rate_over_time"), "Rates per particle", "time", "rate"
    ),
    CurvePlot(
        ("coalescence_cumulative_hazard", "dissolution_cumulative_hazard"),
        "Cumulative hazard (Nelson-Aalen)",
        "time",
        "hazard",
    ),
    CurvePlot(("nucleation_rate_over_time",), "Nucleation over time", "time", "rate"),
    CurvePlot(("survival",), "Survival (Kaplan-Meier)", "time", "fraction left"),
)


def curves_of(estimates: Sequence[Estimate]) -> list[CurvePlot]:
    """Return the curves to be drawn: those of every run, and rates over each thing that was logged."""
    logged = {row.quantity.partition("_rate_over_")[2] for row in estimates if row.at_unit is not None}
    words = sorted(word for word in logged if word not in ("", "time"))
    return [*CURVES, *(plot for word in words for plot in _over(word, word.replace("_", " ")))]


def _over(word: str, x: str) -> list[CurvePlot]:
    """Return the curves over something that was logged, by its word in the names of quantities."""
    events = (f"coalescence_rate_over_{word}", f"dissolution_rate_over_{word}")
    return [
        CurvePlot(events, f"Rates per particle over {x}", x, "rate"),
        CurvePlot((f"nucleation_rate_over_{word}",), f"Nucleation over {x}", x, "rate"),
        CurvePlot((f"radius_rate_over_{word}",), f"Growth rate over {x}", x, "dr/dt"),
        CurvePlot((f"diffusion_over_{word}",), f"Diffusion over {x}", x, "D"),
    ]


def unit_words(unit: str) -> str:
    """Return a unit as it is printed, ``nm³/s`` for ``nm3/s``."""
    return re.sub(r"(?<=[A-Za-zÅ])\d", lambda power: "⁰¹²³⁴⁵⁶⁷⁸⁹"[int(power[0])], unit)


def points_of(estimates: Sequence[Estimate], quantity: str) -> list[Estimate]:
    """Return the rows of a curve that have a value, in the order of `at`, or of frames."""
    held = [row for row in estimates if row.quantity == quantity and row.value is not None]
    return sorted((row for row in held if _place(row) is not None), key=lambda row: _place(row) or 0.0)


def _place(row: Estimate) -> float | None:
    """Return where on its curve a row stands: radius, time or distance, or its frame."""
    return row.frame if row.at is None else row.at


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
        x = np.array([_place(row) for row in points], dtype=np.float64)
        y, low, high = (
            np.array([getattr(row, end) for row in points], dtype=np.float64)
            for end in ("value", "low", "high")
        )
        axes.plot(x, y, ".-", color=colour, label=name.split("_")[0])
        if x.size > 1:
            axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
        else:
            axes.vlines(x, low, high, color=colour, alpha=0.5)
    first = next(iter(drawn.values()))[0]
    unit = "" if first.unit == "1" else f" ({unit_words(first.unit)})"
    of_x = "" if first.at_unit in (None, "1") else f" ({unit_words(first.at_unit or '')})"
    axes.set(xlabel=f"{plot.x}{of_x}", ylabel=f"{plot.y}{unit}")
    if len(drawn) > 1:
        axes.legend(frameon=False, fontsize=8)
    low_end, high_end = axes.get_ylim()
    if low_end < 0 < high_end:
        axes.axhline(0, color="0.6", linewidth=0.8)


def say_why(axes: Axes, reason: str) -> None:
    """Write a reason in the middle of empty axes."""
    axes.set(xticks=[], yticks=[])
    words = textwrap.fill(reason, 36)
    axes.text(0.5, 0.5, words, ha="center", va="center", transform=axes.transAxes, color="0.4")
