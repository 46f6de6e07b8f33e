import numpy as np
import pytest

from temtrack.errors import UsageError
from temtrack.simulation.packing import pack


def pack_discs(n: int, reach: float, side: float) -> np.ndarray:
    low, high = np.full((n, 2), reach), np.full((n, 2), side - reach)
    return pack(np.random.default_rng(0), np.full(n, reach), low, high)


def test_discs_do_not_overlap_and_stay_in_their_boxes():
    centres = pack_discs(40, 10.0, 200.0)
    apart = np.hypot(*(np.subtract.outer(c, c) for c in centres.T))
    np.fill_diagonal(apart, np.inf)
    assert apart.min() >= 20 - 0.1
    assert centres.min() >= 10
    assert centres.max() <= 190


def test_too_many_discs_are_refused():
    with pytest.raises(UsageError, match=r"too crowded.*126%"):
        pack_discs(130, 10.0, 200.0)


def test_disc_larger_than_its_field_is_refused():
    with pytest.raises(UsageError, match="larger than the field"):
        pack_discs(1, 60.0, 100.0)
