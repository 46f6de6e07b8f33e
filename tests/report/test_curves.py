from matplotlib.figure import Figure

from temtrack.kinetics.estimate import Estimate, Refused
from temtrack.report.curves import CURVES, curves_of, draw_curves, points_of, unit_words

RATE = Estimate("coalescence_rate_over_gas_pressure", "1/s", "m", "s", at=2.0, at_unit="mbar", value=0.1)


def test_units_are_printed_with_their_powers():
    assert unit_words("nm3/s") == "nm³/s"
    assert unit_words("1/nm2/s") == "1/nm²/s"
    assert unit_words("e-/A2") == "e-/A²"
    assert unit_words("1/s") == "1/s"


def test_rates_over_what_was_logged_get_a_panel():
    plot, nucleation, growth, motion = curves_of([RATE])[len(CURVES) :]
    assert plot.title == "Rates per particle over gas pressure"
    assert nucleation.quantities == ("nucleation_rate_over_gas_pressure",)
    assert (growth.quantities, growth.y) == (("radius_rate_over_gas_pressure",), "dr/dt")
    assert (motion.quantities, motion.y) == (("diffusion_over_gas_pressure",), "D")
    axes = Figure().subplots()
    draw_curves(axes, plot, [RATE])
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("gas pressure (mbar)", "rate (1/s)")
    assert curves_of([]) == list(CURVES)


def test_points_of_frames_stand_in_their_order():
    rows = [Estimate("critical_radius", "nm", "m", "s", frame=t, value=1.0) for t in (40, 5)]
    assert [row.frame for row in points_of(rows, "critical_radius")] == [5, 40]


def test_a_long_reason_is_broken_into_lines():
    plot = next(one for one in CURVES if one.quantities == ("critical_radius",))
    row = Estimate("critical_radius", "nm", "m", "s").filled(Refused("small ones shrink, " * 6))
    axes = Figure().subplots()
    draw_curves(axes, plot, [row])
    assert max(map(len, axes.texts[0].get_text().splitlines())) <= 36
    assert not axes.get_xticks().size
