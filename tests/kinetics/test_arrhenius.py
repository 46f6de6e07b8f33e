import numpy as np
import pytest
from scipy import constants

from temtrack.kinetics.arrhenius import measure_activation
from temtrack.kinetics.estimate import Estimate, Measured

KELVIN = [873.0, 973.0, 1073.0, 1173.0]


def rates(energy_kj, scatter, rng, name="gple_rate_n2", sign=1):
    """Runs whose rate follows Arrhenius, known with a standard error of ``scatter``."""
    quantity = Estimate(name, "1/s", "", "")
    for kelvin in KELVIN:
        log = 20 - sign * energy_kj * 1e3 / (constants.R * kelvin) + rng.normal(0, scatter)
        low, high = np.exp([log - 1.96 * scatter, log + 1.96 * scatter])
        yield [quantity.filled(Measured(float(np.exp(log)), (low, high), 100))]


def energy(rows, name):
    return next(row for row in rows if row.quantity == f"activation_energy_of_{name}")


def test_the_true_energy_lies_in_the_interval_in_most_seeds():
    runs = [list(rates(150.0, 0.1, np.random.default_rng(seed))) for seed in range(20)]
    rows = [energy(measure_activation(one, KELVIN), "gple_rate_n2") for one in runs]
    assert sum(row.low <= 150 <= row.high for row in rows) >= 17


def test_a_time_counts_as_the_inverse_of_a_rate():
    name = "relaxation_time_median"
    runs = list(rates(-150.0, 0.01, np.random.default_rng(0), name))
    assert energy(measure_activation(runs, KELVIN), name).value == pytest.approx(-150 * -1, abs=10)


def test_fewer_than_three_temperatures_are_refused():
    runs = list(rates(150.0, 0.1, np.random.default_rng(0)))[:2]
    row = energy(measure_activation(runs, KELVIN[:2]), "gple_rate_n2")
    assert row.reason == "gple_rate_n2 is known at 2 temperatures, 3 are needed"
