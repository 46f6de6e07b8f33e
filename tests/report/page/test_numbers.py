import numpy as np
import page_scene
import pandas as pd
import pytest

from temtrack.kinetics.observed import ObservedRun
from temtrack.report.page.encoding import plain
from temtrack.report.page.numbers import measure_drift, measure_ridges, measure_sizes


def run_of(rows, n_frames):
    """Particles told as (frame, id, y, x, diameter), in pixels."""
    table = pd.DataFrame(
        rows, columns=["frame", "particle_id", "y_px", "x_px", "equivalent_diameter_px"], dtype=float
    )
    table = table.astype({"frame": int, "particle_id": int})
    table["touches_border"] = False
    return ObservedRun(table, pd.DataFrame(), None, (100, 100), n_frames)


def test_mean_its_interval_and_quartiles_by_hand():
    run = run_of([(0, one, 0, 0, d) for one, d in enumerate((2.0, 4.0, 6.0))] + [(1, 0, 0, 0, 5.0)], 3)
    sizes = measure_sizes(run)
    assert sizes["n"].tolist() == [3, 1, 0]
    assert (sizes["mean"][0], sizes["q25"][0], sizes["q75"][0]) == (4, 3, 5)
    reach = 4.302653 * 2 / np.sqrt(3)  # Student's t of 2 degrees of freedom, deviation 2
    assert sizes["high"][0] - 4 == pytest.approx(reach, rel=1e-5)
    assert 4 - sizes["low"][0] == pytest.approx(reach, rel=1e-5)
    assert np.isnan(sizes["low"][1])  # one particle has no spread
    assert np.isnan(sizes["mean"][2])


def test_a_common_drift_is_found_and_a_newcomer_does_not_jerk_it():
    rows = [(t, one, 10 * one + 1.5 * t, 50 - 2.0 * t, 5) for t in range(4) for one in range(3)]
    rows += [(2, 9, 90, 90, 5), (3, 9, 91.5, 88, 5)]
    drift = measure_drift(run_of(rows, 4))
    assert drift["y_px"].tolist() == pytest.approx([0, 1.5, 3, 4.5])
    assert drift["x_px"].tolist() == pytest.approx([0, -2, -4, -6])


def test_a_frame_without_particles_adds_no_drift():
    rows = [(t, 1, 1.0 * t, 0, 5) for t in (0, 1, 3, 4)]
    assert measure_drift(run_of(rows, 5))["y_px"].tolist() == pytest.approx([0, 1, 1, 1, 2])


def test_a_density_covers_its_particles():
    ridges = measure_ridges(page_scene.make_source().run)
    first = ridges["rows"][0]
    step = ridges["grid"][1] - ridges["grid"][0]
    assert sum(first["density"]) * step == pytest.approx(1, abs=0.05)
    assert first["frame"] == 0
    assert ridges["rows"][-1]["frame"] == 11
    assert len(first["diameters"]) == 11


def test_few_particles_have_no_density():
    ridges = measure_ridges(run_of([(0, one, 0, 0, 3.0 + one) for one in range(3)], 1))
    assert ridges["rows"] == [{"frame": 0, "diameters": [3, 4, 5], "density": None}]


def test_a_run_without_particles_gives_empty_figures():
    run = run_of([], 2)
    assert measure_sizes(run).n.tolist() == [0, 0]
    assert measure_drift(run)["y_px"].tolist() == [0, 0]
    assert [row["density"] for row in measure_ridges(run)["rows"]] == [None, None]


def test_numbers_keep_five_digits_and_what_is_missing_is_null():
    assert plain([1 / 3, np.nan, np.inf, None, 12]) == [0.33333, None, None, None, 12]
