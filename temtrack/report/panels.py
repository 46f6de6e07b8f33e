"""What is no curve over size or time, drawn: neighbours, necks, what merges conserve, sensitivity."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from temtrack.kinetics.estimate import Estimate, Refused
from temtrack.kinetics.necks import LARGEST_NECK, read_neck
from temtrack.kinetics.neighbours import gather_gains
from temtrack.kinetics.observed import ObservedRun
from temtrack.kinetics.rates import gather_rates
from temtrack.report.curves import BLUE, RED, say_why

_RATIOS = ("area", "volume", "mass")

#: Quantities that move most beside their interval are drawn, so many of them.
N_SENSITIVE = 8


def draw_neighbours(axes: Axes, run: ObservedRun, estimates: Sequence[Estimate]) -> None:
    """Draw what each particle gains beside its trend with size over what its neighbours lose."""
    axes.set(title="Neighbours", xlabel="loss of neighbours (sd)", ylabel="gain beside the trend (sd)")
    try:
        gains = gather_gains(gather_rates(run), run.field[0] * run.field[1])
    except Refused as refused:
        say_why(axes, refused.reason)
        return
    axes.plot(gains.loss, gains.gain, ".", color=BLUE, alpha=0.4, markersize=4)
    told = next(row for row in estimates if row.quantity == "neighbour_correlation")
    if told.value is None or told.low is None or told.high is None:
        return
    x = np.array([gains.loss.min(), gains.loss.max()])
    words = f"correlation {told.value:.2f}, {told.low:.2f} to {told.high:.2f}"
    axes.plot(x, told.value * x, color=RED, label=words)
    axes.fill_between(x, told.low * x, told.high * x, color=RED, alpha=0.15, linewidth=0)
    axes.legend(frameon=False, fontsize=8)


def draw_necks(axes: Axes, run: ObservedRun, estimates: Sequence[Estimate]) -> None:
    """Draw the neck of each merge over time since its first frame, and the law that all of them tell."""
    axes.set(title="Necks of merges", xlabel="time since the merge frame (s)", ylabel="x / R")
    necks = []
    for _, merge in [] if run.merges is None else run.merges.iterrows():
        try:
            necks.append(read_neck(run, merge))
        except Refused:
            continue
    necks = [neck for neck in necks if neck.ratios.size > 1]
    pooled = next(row for row in estimates if row.quantity == "neck_exponent_pooled")
    if not necks:
        say_why(axes, pooled.reason or "no neck was measured")
        return
    for neck in necks:
        axes.plot(neck.seconds - neck.seconds[0], neck.ratios, color=BLUE, alpha=0.4, linewidth=0.8)
    if pooled.value is not None:
        longest = max(float(np.ptp(neck.seconds)) for neck in necks)
        t = np.linspace(0, longest, 100)
        ends = [float(np.median(neck.ratios[-3:])) for neck in necks]
        law = np.median(ends) * (t / longest) ** (1 / pooled.value)
        axes.plot(t, law, "--", color=RED, label=f"x/R ~ t^(1/n), n = {pooled.value:.2g}")
        axes.legend(frameon=False, fontsize=8)
    axes.set_ylim(0, LARGEST_NECK)


def draw_conserved(axes: Axes, estimates: Sequence[Estimate]) -> None:
    """Draw the child's area, volume and optical mass over those of its parents."""
    axes.set(title="What merges conserve", ylabel="child / parents")
    rows = [row for name in _RATIOS for row in estimates if row.quantity == f"merge_{name}_ratio"]
    told = [row for row in rows if row.value is not None]
    if not told:
        say_why(axes, next((row.reason for row in rows if row.reason), "not measured"))
        return
    names = [row.quantity.split("_")[1] for row in told]
    value, low, high = (np.array([getattr(r, end) for r in told], float) for end in ("value", "low", "high"))
    axes.errorbar(names, value, np.abs([value - low, high - value]), fmt="o", color=BLUE, capsize=4)
    axes.axhline(1, color="0.6", linewidth=0.8)
    axes.margins(x=0.3)


def draw_sensitivity(axes: Axes, estimates: Sequence[Estimate]) -> None:
    """Draw the quantities that move most where something is left out, in units of half their interval."""
    axes.set(title="Sensitivity", xlabel="change / half of the interval")
    reach = {
        row.quantity: (row.high - row.low) / 2
        for row in estimates
        if row.is_of_run and row.low is not None and row.high is not None and row.high > row.low
    }
    moves: dict[str, dict[str, float]] = {}
    for row in estimates:
        quantity = row.quantity.removeprefix("sensitivity_of_")
        if quantity != row.quantity and row.value is not None and quantity in reach:
            varied = row.method.removeprefix("change of the value ").split(",")[0]
            moves.setdefault(varied, {})[quantity] = row.value / reach[quantity]
    largest = {name: max(abs(of.get(name, 0.0)) for of in moves.values()) for name in reach}
    shown = sorted(largest, key=lambda name: largest[name])[-N_SENSITIVE:]
    for number, (varied, of) in enumerate(moves.items()):
        places = np.arange(len(shown)) + 0.2 * (number - (len(moves) - 1) / 2)
        axes.plot([of.get(name, np.nan) for name in shown], places, "osD^v"[number % 5], label=varied, ms=4)
    axes.set_yticks(range(len(shown)), [name.replace("_", " ") for name in shown], fontsize=7)
    axes.axvspan(-1, 1, color="0.9", zorder=0)
    axes.legend(frameon=False, fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.2))
