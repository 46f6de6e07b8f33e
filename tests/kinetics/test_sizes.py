import numpy as np
import pytest
from kinetic_laws import World, growing

from temtrack.kinetics.distributions import compare_distributions, lsw_density, ripening_law, wagner_density
from temtrack.kinetics.sizes import edge_weights, measure_sizes, measure_spacing, poisson_interval

rng = np.random.default_rng


def by_name(rows):
    return {row.quantity: row for row in rows}


def test_mean_and_median_lie_in_their_intervals_in_most_seeds():
    world = World(size_noise_nm=0.0, flicker=0.0)
    rows = [by_name(measure_sizes(growing(rng(seed), world=world), 0, rng(0))) for seed in range(20)]
    assert sum(one["mean_diameter"].low <= 10 <= one["mean_diameter"].high for one in rows) >= 17
    median = 10 * np.exp(-(0.25**2) / 2)
    assert sum(one["d50"].low <= median <= one["d50"].high for one in rows) >= 17


def test_the_large_count_for_more_as_the_border_cuts_them_more_often():
    weights = edge_weights(np.array([0.0, 50.0]), (100.0, 200.0))
    assert weights.tolist() == pytest.approx([1, 100 * 200 / (50 * 150)])


def test_density_has_the_interval_of_poisson():
    assert poisson_interval(0) == pytest.approx((0, 3.689), abs=1e-3)
    assert poisson_interval(10) == pytest.approx((4.795, 18.390), abs=1e-3)
    row = by_name(measure_sizes(growing(rng(0)), 0, rng(0)))["number_density"]
    assert row.unit == "1/nm2"
    assert row.low < 120 / 600**2 < row.high


def test_few_particles_have_a_density_but_no_diameter():
    rows = by_name(measure_sizes(growing(rng(0), world=World(n_particles=3)), 0, rng(0)))
    assert "too few whole particles in the frame: 3" in rows["mean_diameter"].reason
    assert rows["number_density"].value > 0


@pytest.mark.parametrize(("density", "end", "mean"), [(lsw_density, 1.5, 1.0), (wagner_density, 2.0, 8 / 9)])
def test_the_laws_of_ripening_are_densities_with_the_known_mean(density, end, mean):
    u = np.linspace(0, end, 200_001)[:-1]
    assert np.trapezoid(density(u), u) == pytest.approx(1, abs=1e-3)
    assert np.trapezoid(u * density(u), u) == pytest.approx(mean, abs=1e-3)
    assert density(np.array([-1.0, end, end + 1])).tolist() == [0, 0, 0]


@pytest.mark.parametrize("law", ["lsw", "wagner", "smoluchowski", "lognormal"])
def test_the_true_law_is_kept_and_another_ruled_out(law):
    world = World(n_particles=300, spread=0.5, size_noise_nm=0.0, flicker=0.0)
    run = growing(rng(3), world=world)
    if law != "lognormal":
        drawn = 20 * ripening_law(law).draw((300,), rng(3))
        first = (run.particles["frame"] == 0).to_numpy()
        run.particles.loc[first, "equivalent_diameter_px"] = drawn
    rows = by_name(compare_distributions(run, 0, rng(0)))
    assert rows[f"{law}_p_value"].value > 0.05
    other = "lsw" if law == "lognormal" else "lognormal"
    ruled_out = rows[f"{other}_p_value"]
    assert ruled_out.value is None or ruled_out.value < 0.05
    if ruled_out.value is None:
        assert (ruled_out.low, ruled_out.high) == (0, pytest.approx(1 / 401))
        assert "below 0.0025" in ruled_out.reason
    if law == "lognormal":
        assert rows["lognormal_sigma"].low <= 0.5 <= rows["lognormal_sigma"].high


def test_few_particles_have_no_law():
    rows = compare_distributions(growing(rng(0), world=World(n_particles=8)), 0, rng(0))
    assert all("too few" in row.reason for row in rows)


def test_random_places_have_the_index_1_and_few_are_refused():
    rows = [by_name(measure_spacing(growing(rng(seed)), 0, rng(0))) for seed in range(10)]
    assert np.mean([one["clark_evans_index"].value for one in rows]) == pytest.approx(1, abs=0.08)
    few = measure_spacing(growing(rng(0), world=World(n_particles=4)), 0, rng(0))
    assert all("too few particles" in row.reason for row in few)
