from dataclasses import replace

import numpy as np
import pytest
from kinetic_laws import World, colliding

from temtrack.kinetics.kernel import measure_kernel

rng = np.random.default_rng


@pytest.mark.parametrize("exponent", [-3.0, 0.0, 1.0])
def test_the_kernel_is_told_from_who_merges(exponent):
    (row,) = measure_kernel(colliding(rng(1), exponent))
    assert row.low < exponent < row.high
    assert row.n > 50
    assert row.high - row.low < 3


def test_doubtful_merges_tell_less():
    run = colliding(rng(1), 0.0)
    (sure,) = measure_kernel(run)
    (doubtful,) = measure_kernel(replace(run, merges=run.merges.assign(confidence=0.3)))
    assert doubtful.high - doubtful.low > 1.5 * (sure.high - sure.low)


def test_it_is_refused_where_nothing_can_be_told():
    run = colliding(rng(2), n_merges=6)
    assert "too few merges of two particles seen whole: 6, 10" in measure_kernel(run)[0].reason
    assert "--merges" in measure_kernel(replace(run, merges=None))[0].reason
    alike = colliding(rng(2), world=World(n_particles=200, spread=0.0, size_noise_nm=0.0), n_merges=12)
    few = replace(alike, merges=alike.merges[:10])
    assert measure_kernel(few)[0].reason == "sizes differ too little to tell how merges depend on them"
