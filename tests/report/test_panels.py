import numpy as np
import pytest
from kinetic_laws import coalescing, exchanging
from matplotlib.figure import Figure

from temtrack.kinetics.estimate import Estimate, Refused
from temtrack.kinetics.necks import measure_necks
from temtrack.kinetics.neighbours import measure_neighbours
from temtrack.report import panels


@pytest.fixture
def axes():
    return Figure().subplots()


def rows_of(**values):
    return [Estimate(name, "1", "m", "s", value=v, low=v - 0.1, high=v + 0.1) for name, v in values.items()]


def test_each_particle_is_a_point_over_its_neighbours_loss(axes):
    run = exchanging(np.random.default_rng(0), 20.0)
    told = measure_neighbours(run, np.random.default_rng(0))
    panels.draw_neighbours(axes, run, told)
    points, line = axes.lines
    assert points.get_xdata().size > 100
    assert np.ptp(line.get_ydata()) == pytest.approx(told[0].value * np.ptp(line.get_xdata()))


def test_necks_are_drawn_with_their_law(axes):
    run = coalescing(np.random.default_rng(0), n_merges=8)
    told = measure_necks(run)
    panels.draw_necks(axes, run, told)
    assert len(axes.lines) == len(run.merges) + 1
    pooled = next(row for row in told if row.quantity == "neck_exponent_pooled")
    assert axes.get_legend().get_texts()[0].get_text().endswith(f"n = {pooled.value:.2g}")


def test_ratios_of_merges_have_their_intervals_or_the_reason(axes):
    panels.draw_conserved(axes, rows_of(merge_area_ratio=0.9, merge_volume_ratio=1.2))
    assert [label.get_text() for label in axes.get_xticklabels()] == ["area", "volume"]
    other = Figure().subplots()
    panels.draw_conserved(other, [Estimate("merge_area_ratio", "1", "m", "s").filled(Refused("no merge"))])
    assert other.texts[0].get_text() == "no merge"


def test_what_moves_most_beside_its_interval_stands_on_top(axes):
    moves = [
        Estimate(f"sensitivity_of_{name}", "1", "change of the value without x, y", "s", value=change)
        for name, change in (("a", 0.3), ("b", -0.05))
    ]
    panels.draw_sensitivity(axes, [*rows_of(a=1.0, b=2.0), *moves])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["b", "a"]
    (line,) = axes.lines
    assert line.get_label() == "without x"
    np.testing.assert_allclose(line.get_xdata(), [-0.5, 3.0])
