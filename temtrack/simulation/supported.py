"""Still scenes of supported catalysts: small particles on a thick, lumpy support, as STEM shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from temtrack.simulation.chance import log_uniform
from temtrack.simulation.imaging import Image
from temtrack.simulation.layout import Arrangement, arrange, label_particles, select
from temtrack.simulation.projection import Floats, Grains, project
from temtrack.simulation.scenes import Scene
from temtrack.simulation.shapes import ShapeMix, draw_contours
from temtrack.simulation.surroundings import film, mottle

T = TypeVar("T", bound=np.generic)

#: Canvas beyond the picture, so that blurs and shifted lines do not show its edge.
_MARGIN_PX = 16
_N_CONTOURS = 24

#: Spheres that make up a support, at most.
_MAX_LUMPS = 400

#: A particle is in the truth where its signal is so many times the noise of its mean, and so many times the
#: spread of the support's grey values across its own width: nobody sees a fainter one.
_MIN_SIGNAL_TO_NOISE, _MIN_SIGNAL_TO_SUPPORT = 4.0, 1.2

#: Nobody averages over more than about this radius.
_SEEING_RADIUS_PX = 7.0


@dataclass(frozen=True)
class SupportedConfig:
    """Ranges that every scene is drawn from.

    Parameters
    ----------
    height, width
        Size of the picture in px.
    mean_radius_px
        Mean radius of the scene's particles.
    max_coverage
        Greatest fraction of the picture that particles cover.
    dose_e_px
        Least and greatest dose in electrons per px where the picture is brightest; drawn log-uniformly.
    signal
        Least and greatest signal of a mean particle's middle, as a fraction of the thickest support's.
    bright_field_fraction
        Fraction of scenes that are dark on bright.
    """

    height: int = 256
    width: int = 256
    mean_radius_px: float = 6.0
    max_coverage: float = 0.25
    dose_e_px: tuple[float, float] = (20.0, 2000.0)
    signal: tuple[float, float] = (0.08, 1.2)
    bright_field_fraction: float = 0.25


def simulate_supported(rng: np.random.Generator, config: SupportedConfig | None = None) -> Scene:
    """Draw one random scene; the same generator state gives the same scene.

    The signal of high-angle dark field grows with thickness and atomic number, so particles and support add
    up. A bright field is what they leave of the beam.
    """
    config = config or SupportedConfig()
    shape = config.height + 2 * _MARGIN_PX, config.width + 2 * _MARGIN_PX
    inner = (slice(_MARGIN_PX, -_MARGIN_PX), slice(_MARGIN_PX, -_MARGIN_PX))
    radius = config.mean_radius_px
    support = _draw_support(rng, shape, radius)
    grains = _draw_grains(rng, config, support)
    factor = log_uniform(rng, *config.signal) / (2 * radius) * np.exp(rng.normal(0, 0.25, len(grains)))
    dose = log_uniform(rng, *config.dose_e_px)
    seen = _visible(grains, factor * 2 * grains.radius_px * grains.height, support, dose)
    grains, factor = select(grains, seen), factor[seen]
    projection = project(grains, *shape)
    labels = projection.labels(label_particles(projection, grains))
    weight = np.append(factor, 0.0).astype(np.float32)
    signal = sum(
        weight[owner] * t for owner, t in zip(projection.owner, projection.thickness_px, strict=True)
    )
    total = np.asarray(support + signal, np.float32)
    if rng.random() < config.bright_field_fraction:
        total = np.exp(-total * np.float32(rng.uniform(0.4, 1.5)))
    probe_px = min(0.4 + rng.gamma(1.5, 0.5), 0.4 * radius)
    total = ndimage.gaussian_filter(total, probe_px) + np.float32(rng.uniform(0, 0.1))
    rows = _scan(rng, shape)
    total, labels = _scanned(total, rows, order=1), _scanned(labels, rows, order=0)
    return Scene(_detect(rng, total[inner], dose), labels[inner])


def _draw_support(rng: np.random.Generator, shape: tuple[int, int], radius_px: float) -> Image:
    """Draw the signal (Y, X) of a support, up to about 1: spheres, crystallites or a film with holes."""
    kind = rng.choice(3, p=(0.5, 0.3, 0.2))
    size_px = radius_px * log_uniform(rng, 2.5, 12)
    if kind == 2:
        thick = film(rng, *shape, rng.uniform(80, 250)) * (1 + 0.3 * mottle(rng, *shape, size_px))
    else:
        thick = _heap(rng, shape, size_px, faceted=kind == 1)
    thick = np.maximum(thick, 0) / max(float(np.percentile(thick, 99)), 1e-6)
    texture = rng.beta(1, 3) * 0.15 * mottle(rng, *shape, rng.uniform(2.0, 8.0))
    return np.asarray(np.maximum(thick * (1 + texture), 0), np.float32)


def _heap(rng: np.random.Generator, shape: tuple[int, int], size_px: float, faceted: bool) -> Image:
    """Draw the thickness (Y, X) of a heap of lumps that hang together, vacuum beside it."""
    height, width = shape
    n = int(min(rng.uniform(0.6, 4) * height * width / (np.pi * size_px**2) + 2, _MAX_LUMPS))
    place = mottle(rng, height, width, rng.uniform(0.4, 1.5) * min(shape))
    y, x = rng.integers(0, height, 4 * n), rng.integers(0, width, 4 * n)
    chosen = np.argsort(-place[y, x] - rng.normal(0, 0.4, 4 * n))[:n]
    radii = size_px * np.exp(rng.normal(0, 0.3, n))
    thick = np.zeros(shape, np.float32)
    for cy, cx, r in zip(y[chosen], x[chosen], radii, strict=True):
        at = tuple(
            slice(max(0, int(c - r) - 1), min(n, int(c + r) + 2))
            for c, n in zip((cy, cx), shape, strict=True)
        )
        dy, dx = np.mgrid[at].astype(np.float32)
        lump = _prism(rng, dy - cy, dx - cx, r) if faceted else _sphere(dy - cy, dx - cx, r)
        thick[at] += lump
    return thick


def _sphere(dy: Image, dx: Image, radius: float) -> Image:
    return np.asarray(2 * np.sqrt(np.maximum(radius**2 - dy**2 - dx**2, 0)), np.float32)


def _prism(rng: np.random.Generator, dy: Image, dx: Image, radius: float) -> Image:
    """Return the thickness of a crystallite: a polygon whose rim slopes."""
    angle = rng.uniform(0, 2 * np.pi) + np.arange(6) * np.pi / 3 + rng.normal(0, 0.2, 6)
    reach = radius * rng.uniform(0.6, 1.0, 6)
    depth = np.min([r - np.sin(a) * dy - np.cos(a) * dx for a, r in zip(angle, reach, strict=True)], axis=0)
    rim = radius * rng.uniform(0.05, 0.8)
    return np.asarray(radius * np.clip(depth / rim, 0, 1), np.float32)


def _draw_grains(rng: np.random.Generator, config: SupportedConfig, support: Image) -> Grains:
    """Draw particles, those that the support holds."""
    plan = Arrangement(
        coverage=config.max_coverage * float(rng.beta(1.0, 2.0)) + 0.01,
        mean_radius_px=config.mean_radius_px,
        log_sigma=float(rng.uniform(0.05, 0.45)),
        attached=float(rng.beta(1.0, 3.0)),
        neck=0.3,
        overlap=0.3,
    )
    mix = ShapeMix(oval=float(rng.uniform(0, 0.6)), faceted=float(rng.uniform(0, 0.8)), roughness=0.03)
    grains = arrange(rng, plan, draw_contours(rng, _N_CONTOURS, mix), *support.shape)
    y, x = (
        np.clip(np.rint(c).astype(int), 0, n - 1) for c, n in zip(_yx(grains), support.shape, strict=True)
    )
    return select(grains, support[y, x] > 0.03)


def _yx(grains: Grains) -> tuple[Floats, Floats]:
    return grains.y_px, grains.x_px


def _visible(grains: Grains, signal: Floats, support: Image, dose: float) -> NDArray[np.bool_]:
    """Return which grains (N,) stand out of noise and of the support's own unevenness."""
    if not len(grains):
        return np.zeros(0, bool)
    width = 2 * float(np.median(grains.radius_px))
    rough = support - ndimage.gaussian_filter(support, width)
    spread = np.sqrt(ndimage.gaussian_filter(rough**2, width))
    y, x = (
        np.clip(np.rint(c).astype(int), 0, n - 1) for c, n in zip(_yx(grains), support.shape, strict=True)
    )
    seen_px = np.sqrt(np.pi) * np.minimum(grains.radius_px, _SEEING_RADIUS_PX)
    noise = np.sqrt((support[y, x] + signal) / dose) / seen_px
    return np.asarray(
        (signal > _MIN_SIGNAL_TO_NOISE * noise)
        & (signal > _MIN_SIGNAL_TO_SUPPORT * spread[y, x])
        & (grains.radius_px > 1.5)
    )


def _scan(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """Draw by how far (px) the probe misses its place along each row: jitter, and a slow wandering."""
    jitter = rng.normal(0, rng.uniform(0, 0.5) if rng.random() < 0.5 else 0.0, shape[0])
    wander = ndimage.gaussian_filter1d(rng.normal(0, 1, shape[0]), rng.uniform(10, 60))
    return np.asarray(jitter + rng.uniform(0, 2) * wander / max(float(wander.std()), 1e-6))


def _scanned(picture: NDArray[T], rows: Floats, order: int) -> NDArray[T]:
    y, x = np.indices(picture.shape, np.float32)
    moved = ndimage.map_coordinates(picture, [y, x + rows[:, None]], order=order, mode="nearest")
    return np.asarray(moved, dtype=picture.dtype)


def _detect(rng: np.random.Generator, signal: Image, dose: float) -> Image:
    """Count electrons and show them in [0, 1], rows of uneven gain and some gamma included."""
    signal = signal / max(float(signal.max()), 1e-6)
    counts = rng.poisson(signal * dose) / dose
    if rng.random() < 0.3:
        counts = counts * (1 + rng.normal(0, rng.uniform(0, 0.04), (len(signal), 1)))
    high = np.percentile(counts, rng.uniform(98, 100))
    gamma = rng.uniform(0.6, 1.3) if rng.random() < 0.5 else 1.0
    return np.asarray(np.clip(counts / max(high, 1e-6), 0, 1) ** gamma, np.float32)
