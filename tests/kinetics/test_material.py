from dataclasses import replace

import numpy as np
import pytest
from kinetic_laws import growing

from temtrack.errors import UsageError
from temtrack.kinetics.material import MATERIALS, check_material, measure_material


def test_atoms_and_surface_are_those_of_spheres():
    run = growing(np.random.default_rng(0))
    d = run.whole.loc[run.whole["frame"] == 3, "diameter"].to_numpy()
    mean, total, surface = measure_material(run, 3, "Pt", np.random.default_rng(0))
    assert MATERIALS["Pt"].atoms_per_nm3 == pytest.approx(66.2, abs=0.1)  # four in a cell of 0.3924 nm
    assert mean.value == pytest.approx(np.mean(np.pi / 6 * d**3) * 66.2, rel=1e-3)
    assert total.value == pytest.approx(mean.value * d.size)
    one = replace(run, particles=run.particles.assign(equivalent_diameter_px=20.0))
    (*_, narrow) = measure_material(one, 3, "Pt", np.random.default_rng(0))
    assert narrow.value == pytest.approx(280 / 10, rel=0.01)  # 280 m2/g over the diameter in nm
    assert surface.low < surface.value < surface.high


def test_an_unknown_material_or_scale_is_named():
    with pytest.raises(UsageError, match="--material Xx: not known; known are Ag, Au"):
        check_material("Xx")
    run = replace(growing(np.random.default_rng(0)), pixel_size_nm=None)
    assert all(
        "--pixel-size" in row.reason for row in measure_material(run, 3, "Pt", np.random.default_rng(0))
    )
