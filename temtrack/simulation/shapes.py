"""Contours of particles: rounded polygons with a rough edge, from spheres to rods and triangles.

An contour is the star-shaped radius m(theta) at `N_ANGLES` equal angles, scaled to mean(m^2) = 1, so that a
particle of radius R has the projected area pi R^2 whatever its shape.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Angles at which an contour is sampled.
N_ANGLES = 720

_THETA = np.arange(N_ANGLES) * (2 * np.pi / N_ANGLES)
_MAX_FACETS = 8


@dataclass(frozen=True)
class ShapeMix:
    """Fractions of the kinds of shape (they need not sum to 1) and the roughness of every edge."""

    round: float = 1.0
    oval: float = 0.0
    faceted: float = 0.0
    rod: float = 0.0
    roughness: float = 0.02


def draw_contours(rng: np.random.Generator, n: int, mix: ShapeMix) -> NDArray[np.float32]:
    """Draw ``n`` contours, shape (n, N_ANGLES) float32, each of unit mean square radius."""
    fractions = np.array([mix.round, mix.oval, mix.faceted, mix.rod], dtype=np.float64)
    kinds = rng.choice(4, size=n, p=fractions / fractions.sum())
    distances = np.full((n, _MAX_FACETS), np.inf)
    normals = np.zeros((n, _MAX_FACETS))
    sharpness = np.full(n, 2.0)
    for i, kind in enumerate(kinds):
        if kind == 2:
            normals[i], distances[i], sharpness[i] = _facets(rng)
        else:
            aspect = _aspect(rng, kind)
            normals[i, :4] = np.arange(4) * (np.pi / 2)
            distances[i, :4] = (aspect, 1.0, aspect, 1.0)
            sharpness[i] = rng.uniform(2.5, 12.0) if kind == 3 else 2.0
    radii = rounded_polygon(normals, distances, sharpness) * _rough_edge(rng, n, mix.roughness)
    return unit_area(radii)


def rounded_polygon(
    normals: NDArray[np.float64], distances: NDArray[np.float64], sharpness: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return m(theta) of polygons whose facets stand at ``distances`` (n, facets) along ``normals`` (rad).

    ``1/m = (sum_j max(0, cos(theta - normal_j) / distance_j)^p)^(1/p)``: with four facets p = 2 is an
    ellipse, larger ``sharpness`` p comes nearer to the corners. Shape (n, N_ANGLES).
    """
    slopes = np.cos(_THETA[None, None, :] - normals[:, :, None]) / distances[:, :, None]
    power = sharpness[:, None]
    return np.asarray((np.maximum(slopes, 0.0) ** power[:, :, None]).sum(axis=1) ** (-1.0 / power))


def unit_area(radii: NDArray[np.float64]) -> NDArray[np.float32]:
    """Scale contours (n, N_ANGLES) to mean square radius 1."""
    rms = np.sqrt((radii**2).mean(axis=1, keepdims=True))
    return np.asarray(radii / rms, dtype=np.float32)


def contour_at(contour: NDArray[np.float32], angle: float) -> float:
    """Return m at one angle (rad) of one contour (N_ANGLES,)."""
    return float(contour[round(angle * N_ANGLES / (2 * np.pi)) % N_ANGLES])


def rounded(contours: NDArray[np.float32], roundness: NDArray[np.float64]) -> NDArray[np.float32]:
    """Draw contours (n, N_ANGLES) nearer to circles by ``roundness`` (n,), 0 unchanged and 1 a circle."""
    if not roundness.any():
        return contours
    return unit_area(1 + (contours - 1) * (1 - roundness[:, None]))


def _aspect(rng: np.random.Generator, kind: int) -> float:
    if kind == 0:
        return 1.0
    return float(rng.uniform(1.1, 1.8) if kind == 1 else rng.uniform(1.6, 4.0))


def _facets(rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Draw normals, distances and sharpness of one polygon of 3 to 8 facets, a little irregular."""
    n = int(rng.choice([3, 4, 5, 6, 6, 7, 8]))
    normals, distances = np.zeros(_MAX_FACETS), np.full(_MAX_FACETS, np.inf)
    normals[:n] = 2 * np.pi * np.arange(n) / n + rng.normal(0, 0.06, n)
    distances[:n] = 1 + rng.normal(0, 0.07, n).clip(-0.2, 0.2)
    return normals, distances, float(rng.uniform(10.0, 50.0) if n > 3 else rng.uniform(6.0, 20.0))


def _rough_edge(rng: np.random.Generator, n: int, roughness: float) -> NDArray[np.float64]:
    """Factor around 1 with random modes 2 to 7; amplitude falls with the mode, rms about ``roughness``."""
    modes = np.arange(2, 8)
    amplitude = rng.normal(0, 1, (n, modes.size)) * roughness * 2 / modes
    phase = rng.uniform(0, 2 * np.pi, (n, modes.size))
    waves = np.cos(_THETA[None, None, :] * modes[None, :, None] + phase[:, :, None])
    return np.asarray(1 + np.einsum("nm,nmk->nk", amplitude, waves).clip(-0.4, 0.4))
