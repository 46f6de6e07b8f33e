import numpy as np
import pytest
from kinetic_laws import disappearing, growing

from temtrack.kinetics.comparison import compare_estimates, compare_lifetimes
from temtrack.kinetics.estimate import Estimate

rng = np.random.default_rng


def row(value, low, high, unit="nm", **more):
    return Estimate("size", unit, "m", "s", value=value, low=low, high=high, n=9, **more)


def test_differences_have_the_interval_of_both():
    first, second = compare_estimates({"a": [row(5, 4, 6)], "b": [row(8, 7.5, 8.25)]})
    assert first.difference.reason == "it is the first run"
    assert second.difference.value == 3
    assert second.difference.low == pytest.approx(3 - np.hypot(0.5, 1))
    assert second.difference.high == pytest.approx(3 + np.hypot(0.25, 1))


def test_runs_in_other_units_or_with_open_intervals_have_no_interval():
    _, other = compare_estimates({"a": [row(5, 4, 6)], "b": [row(8, 7, 9, unit="px")]})
    assert other.difference.value is None
    assert "give the pixel size of both" in other.difference.reason
    _, open_ = compare_estimates({"a": [row(5, 4, None)], "b": [row(8, 7, 9)]})
    assert (open_.difference.value, open_.difference.low) == (3, None)
    _, lacking = compare_estimates({"a": [], "b": [row(8, 7, 9)], "c": [row(8, 7, 9, frame=3)]})[:1] * 2
    assert "not known of both" in lacking.difference.reason


def test_lifetimes_of_runs_are_told_apart_or_not():
    runs = {
        name: disappearing(rng(seed), 1.0, rate)
        for name, seed, rate in (("a", 1, 0.005), ("b", 2, 0.01), ("c", 3, 0.005))
    }
    faster, same = compare_lifetimes(runs)
    assert faster.value < 0.01 < same.value
    assert faster.quantity == "log_rank_p_value_of_b"
    (refused,) = compare_lifetimes({"a": growing(rng(0)), "b": growing(rng(1))})
    assert "too few particles that merged" in refused.reason
