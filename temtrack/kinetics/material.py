"""Atoms and surface of the particles, where their material is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import constants

from temtrack.errors import UsageError
from temtrack.kinetics.bootstrap import bootstrapped, draw_counts
from temtrack.kinetics.estimate import NO_SCALE, Estimate, Measured, Reals, Refused, fill_rows, require
from temtrack.kinetics.observed import ObservedRun
from temtrack.kinetics.sizes import BOOTSTRAP_SOURCE, MIN_PARTICLES


@dataclass(frozen=True)
class Material:
    """Density in g/cm3 and molar mass in g/mol of a solid."""

    density: float
    molar_mass: float

    @property
    def atoms_per_nm3(self) -> float:
        """Atoms in a cubic nanometre."""
        return float(self.density * 1e-21 / self.molar_mass * constants.Avogadro)


#: Metals at room temperature.
MATERIALS = {
    "Ag": Material(10.49, 107.868),
    "Au": Material(19.30, 196.967),
    "Co": Material(8.90, 58.933),
    "Cu": Material(8.96, 63.546),
    "Fe": Material(7.874, 55.845),
    "Ir": Material(22.56, 192.217),
    "Ni": Material(8.908, 58.693),
    "Pd": Material(12.023, 106.42),
    "Pt": Material(21.45, 195.084),
    "Rh": Material(12.41, 102.906),
    "Ru": Material(12.45, 101.07),
}

_ATOMS = "volumes of whole particles taken for spheres x atoms per volume of {}; bootstrap of particles"
_SURFACE = "surface / mass of spheres of {}: 6 / density x sum d^2 / sum d^3; bootstrap of particles"
_SOURCE = f"CRC Handbook of Chemistry and Physics, density and molar mass; {BOOTSTRAP_SOURCE}"


def check_material(name: str | None) -> None:
    """Refuse a material that nobody knows.

    Raises
    ------
    UsageError
        Where it is not among those of `MATERIALS`.
    """
    if name is not None and name not in MATERIALS:
        raise UsageError(f"--material {name}: not known; known are {', '.join(MATERIALS)}")


def measure_material(run: ObservedRun, frame: int, name: str, rng: np.random.Generator) -> list[Estimate]:
    """Measure a frame's mean number of atoms in a particle, their sum, and the surface of a gram of them."""
    rows = [
        Estimate("mean_atoms", "1", _ATOMS.format(name) + ", mean", _SOURCE, frame),
        Estimate("total_atoms", "1", _ATOMS.format(name), _SOURCE, frame),
        Estimate("surface_per_mass", "m2/g", _SURFACE.format(name), _SOURCE, frame),
    ]
    return fill_rows(rows, _fit, run, frame, MATERIALS[name], rng)


def _fit(run: ObservedRun, frame: int, material: Material, rng: np.random.Generator) -> list[Measured]:
    if run.length_unit != "nm":
        raise Refused(NO_SCALE)
    d = run.whole.loc[run.whole["frame"] == frame, "diameter"].to_numpy(dtype=np.float64)
    require(d.size, MIN_PARTICLES, "whole particles in the frame")
    atoms = np.pi / 6 * d**3 * material.atoms_per_nm3

    def tell(counts: Reals) -> list[Reals]:
        # nm2 / (nm3 g/cm3) are 1000 m2/g
        surface = 6e3 / material.density * (counts @ d**2) / (counts @ d**3)
        return [counts @ atoms / d.size, counts @ atoms, surface]

    return bootstrapped(tell(np.ones((1, d.size))), tell(draw_counts(d.size, rng)), d.size)
