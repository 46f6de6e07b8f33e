"""Still scenes with true labels, randomised widely: food for training a segmentation network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label as label_components

from temtrack.simulation.chance import log_uniform
from temtrack.simulation.imaging import (
    Detector,
    Diffraction,
    Image,
    Optics,
    detect,
    expose,
    optical_depth,
    white_spectrum,
)
from temtrack.simulation.layout import Arrangement, arrange, label_particles, select
from temtrack.simulation.projection import Floats, Grains, project
from temtrack.simulation.shapes import ShapeMix, draw_contours
from temtrack.simulation.surroundings import burn_in, film, illumination, lattice, mottle, spots

#: Canvas beyond the picture, so that fringes and filters do not wrap round.
_MARGIN_PX = 16
_N_CONTOURS = 40
#: A particle is in the truth from this area and this ratio of its contrast to the noise of its mean on.
_MIN_AREA_PX = 8
_MIN_CONTRAST_TO_NOISE = 5.0
#: Nobody sees a faint edge by averaging over more than about this radius.
_SEEING_RADIUS_PX = 7.0


@dataclass(frozen=True)
class SceneConfig:
    """Ranges that every scene is drawn from.

    Parameters
    ----------
    height, width
        Size of the picture in px.
    mean_radius_px
        Least and greatest mean radius of a scene's particles; drawn log-uniformly.
    max_coverage
        Greatest fraction of the picture that particles cover.
    dose_e_px
        Least and greatest dose in electrons per px; drawn log-uniformly.
    contrast
        Least and greatest optical depth mu t in the middle of a mean particle; drawn log-uniformly.
    dark_field_fraction, overlay_fraction, clutter_fraction, holes_fraction, empty_fraction
        Fraction of scenes that are bright on dark; with letters or scale bars; with dirt or lattice fringes;
        with holes in the film; without any particle.
    """

    height: int = 256
    width: int = 256
    mean_radius_px: tuple[float, float] = (2.0, 75.0)
    max_coverage: float = 0.65
    dose_e_px: tuple[float, float] = (2.0, 1000.0)
    contrast: tuple[float, float] = (0.08, 2.5)
    dark_field_fraction: float = 0.12
    overlay_fraction: float = 0.3
    clutter_fraction: float = 0.4
    holes_fraction: float = 0.12
    empty_fraction: float = 0.02


@dataclass(frozen=True)
class Scene:
    """A picture: ``image`` (Y, X) float32 in [0, 1] and ``labels`` (Y, X) int32, 0 background."""

    image: Image
    labels: NDArray[np.int32]


def simulate_scene(rng: np.random.Generator, config: SceneConfig | None = None) -> Scene:
    """Draw one random scene; the same generator state gives the same scene."""
    config = config or SceneConfig()
    height, width = config.height + 2 * _MARGIN_PX, config.width + 2 * _MARGIN_PX
    inner = (slice(_MARGIN_PX, -_MARGIN_PX), slice(_MARGIN_PX, -_MARGIN_PX))
    plan = _draw_arrangement(rng, config)
    contours = draw_contours(rng, _N_CONTOURS, _draw_shapes(rng))
    grains = arrange(rng, plan, contours, height, width)
    detector, contrast = _draw_exposure(rng, config, plan.mean_radius_px)
    mu_per_px = contrast / (2 * plan.mean_radius_px)
    diffraction = _draw_diffraction(rng, grains)
    grains, diffraction = _visible(grains, diffraction, mu_per_px, detector)
    projection = project(grains, height, width)
    labels = projection.labels(label_particles(projection, grains))[inner]
    depth = optical_depth(projection, grains, mu_per_px, diffraction)
    optics = _draw_optics(rng, config, plan.mean_radius_px, contrast)
    support = _draw_support(rng, config, depth.shape, plan.mean_radius_px, contrast if len(grains) else 0.1)
    expected = expose(depth, support, white_spectrum(rng, height, width), optics)[inner]
    if rng.random() < 0.7:
        expected *= illumination(rng, config.height, config.width, rng.uniform(0, 0.5))
    if optics.dark_field:
        expected += np.float32(rng.uniform(0.01, 0.3))
    image = _display(rng, detect(rng, expected, detector))
    if rng.random() < config.overlay_fraction:
        covered = burn_in(rng, image, letters=rng.random() < 0.7, scale_bar=rng.random() < 0.8)
        labels = np.where(covered, 0, labels)
    return Scene(image, _label_fragments(labels))


def _draw_arrangement(rng: np.random.Generator, config: SceneConfig) -> Arrangement:
    radius = log_uniform(rng, *config.mean_radius_px)
    weights = rng.dirichlet((1.0, 1.0, 0.6))
    crowd = 0.0 if rng.random() < config.empty_fraction else config.max_coverage * rng.beta(1.1, 1.6)
    one = np.pi * radius**2 / (config.height * config.width)
    return Arrangement(
        coverage=max(crowd, 1.5 * one) if crowd else 0.0,
        mean_radius_px=radius,
        log_sigma=float(rng.uniform(0.03, 0.42)),
        attached=float(rng.beta(1.0, 1.2)),
        gap=float(weights[0]),
        neck=float(weights[1]),
        overlap=float(weights[2]),
        chained=float(rng.random()),
        flatness=float(rng.random()) if rng.random() < 0.4 else 0.0,
        lattice=bool(rng.random() < 0.12),
    )


def _draw_shapes(rng: np.random.Generator) -> ShapeMix:
    """Mostly one kind of shape per scene, as one material gives it, now and then a mixture."""
    if rng.random() < 0.4:
        return ShapeMix(roughness=float(rng.uniform(0, 0.05)))
    fractions = rng.dirichlet((0.35, 0.35, 0.45, 0.25))
    return ShapeMix(
        round=float(fractions[0]),
        oval=float(fractions[1]),
        faceted=float(fractions[2]),
        rod=float(fractions[3]),
        roughness=float(rng.choice([0.0, 0.02, 0.05, 0.1])),
    )


def _draw_exposure(
    rng: np.random.Generator, config: SceneConfig, mean_radius_px: float
) -> tuple[Detector, float]:
    """Draw detector and contrast, the contrast at least what the eye needs to find a mean particle."""
    dose = log_uniform(rng, *config.dose_e_px)
    if rng.random() < 0.4:  # published pictures are taken with time and patience
        dose = max(dose, log_uniform(rng, min(100.0, config.dose_e_px[1]), config.dose_e_px[1]))
    least = max(config.contrast[0], 1.5 * _MIN_CONTRAST_TO_NOISE * float(_noise(dose, mean_radius_px)))
    contrast = log_uniform(rng, min(least, config.contrast[1]), config.contrast[1])
    if rng.random() < 0.3:
        contrast = max(contrast, log_uniform(rng, min(0.6, config.contrast[1]), config.contrast[1]))
    return Detector(dose, readout_e=float(rng.uniform(0, 0.05) * dose**0.5)), contrast


def _draw_diffraction(rng: np.random.Generator, grains: Grains) -> Diffraction:
    """Draw each grain's contrast: most alike, some on a zone axis much darker, some striped or twinned."""
    n = len(grains)
    factor = np.exp(rng.normal(0, rng.uniform(0.03, 0.35), n))
    factor[rng.random(n) < rng.uniform(0, 0.25)] *= rng.uniform(1.3, 2.5)
    if rng.random() < 0.7:  # grains grown together are often one crystal
        factor = factor[np.unique(grains.cluster, return_index=True)[1]][
            np.unique(grains.cluster, return_inverse=True)[1]
        ]
    striped = rng.random(n) < rng.uniform(0, 0.5)
    fine = rng.random() < 0.5
    period = rng.uniform(2.5, 6, n) if fine else grains.radius_px * rng.uniform(0.4, 1.5, n)
    angle = rng.uniform(0, 2 * np.pi, n)
    return Diffraction(
        factor=factor,
        stripe=np.where(striped, rng.uniform(0.05, 0.4, n), 0.0),
        stripe_ky=2 * np.pi * np.sin(angle) / period,
        stripe_kx=2 * np.pi * np.cos(angle) / period,
        step=np.where(rng.random(n) < rng.uniform(0, 0.3), rng.uniform(-0.3, 0.3, n), 0.0),
    )


def _visible(
    grains: Grains, diffraction: Diffraction, mu_per_px: float, detector: Detector
) -> tuple[Grains, Diffraction]:
    """Leave out what noise would hide: a truth that nobody can see teaches guessing."""
    depth = mu_per_px * diffraction.factor * (4 / 3) * grains.radius_px * grains.height
    noise = _noise(detector.dose_e_px, grains.radius_px)
    keep = (-np.expm1(-depth) > _MIN_CONTRAST_TO_NOISE * noise) & (grains.radius_px > 1.5)
    fields = {name: getattr(diffraction, name)[keep] for name in diffraction.__dataclass_fields__}
    return select(grains, keep), Diffraction(**fields)


def _noise(dose_e_px: float, radius_px: Floats | float) -> Floats:
    """Relative noise of the mean over a particle, or over as much of it as can be seen at once."""
    area = np.pi * np.minimum(radius_px, _SEEING_RADIUS_PX) ** 2
    return np.asarray(1 / np.sqrt(dose_e_px * area))


def _draw_optics(
    rng: np.random.Generator, config: SceneConfig, mean_radius_px: float, contrast: float
) -> Optics:
    dark_field = bool(rng.random() < config.dark_field_fraction)
    sign = 1 if rng.random() < 0.65 else -1
    blur = min(rng.gamma(1.5, 0.6), 0.35 * mean_radius_px)
    shaken = rng.random() < 0.1
    motion = rng.normal(0, min(3.0, 0.4 * mean_radius_px), 2) if shaken else np.zeros(2)
    return Optics(
        dark_field=dark_field,
        defocus_px2=sign * log_uniform(rng, 4, 250),
        coherence_px=float(rng.uniform(1.0, 3.0)),
        fringe=float(rng.choice([0.0, 1.0]) * rng.uniform(0.1, 1.0) * min(contrast, 0.5)),
        grain=float(rng.beta(1, 3) * min(0.25, 0.5 * contrast)),
        mtf_px=0.35 + blur,
        motion_y_px=float(motion[0]),
        motion_x_px=float(motion[1]),
    )


def _draw_support(
    rng: np.random.Generator, config: SceneConfig, shape: tuple[int, ...], radius_px: float, contrast: float
) -> Image:
    """Draw mu t of the support film: uneven film, holes, dirt, faint blobs out of focus, lattice fringes."""
    height, width = shape
    thick = rng.uniform(0.02, 0.5)
    support = np.full((height, width), thick, dtype=np.float32)
    if rng.random() < 0.6:
        waviness = rng.beta(1, 3) * min(0.5 * contrast, 0.4)
        support += waviness * mottle(rng, height, width, log_uniform(rng, 8, 150))
    if rng.random() < config.holes_fraction:
        support *= film(rng, height, width, rng.uniform(80, 250))
    if rng.random() < config.clutter_fraction:
        weak = 0.4 * contrast
        support += spots(rng, height, width, int(rng.integers(0, 40)), rng.uniform(0.5, 1.0), weak)
        support += spots(
            rng, height, width, int(rng.integers(0, 4)), rng.uniform(1.5, 4) * radius_px, 0.3 * weak
        )
    if rng.random() < 0.3 * config.clutter_fraction:
        support += rng.uniform(0.05, 0.25) * min(contrast, 0.4) * lattice(rng, height, width)
    return np.asarray(np.maximum(support, 0), dtype=np.float32)


def _display(rng: np.random.Generator, counts: Image) -> Image:
    """Stretch counts to [0, 1] as a camera program does: clipped ends, some gamma, some headroom."""
    sample = counts[::3, ::3]
    low, high = np.percentile(sample, [rng.uniform(0, 0.5), rng.uniform(99.5, 100)])
    spread = max(high - low, 1e-6)
    low, high = low - spread * rng.beta(1, 4), high + spread * rng.beta(1, 4)
    image = np.clip((counts - low) / (high - low), 0, 1)
    if rng.random() < 0.4:
        image = image ** np.float32(rng.uniform(0.7, 1.4))
    return np.asarray(image, dtype=np.float32)


def _label_fragments(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Give each connected fragment its own label from 1 on, slivers to the background."""
    fragments = label_components(labels, connectivity=1)
    big = np.bincount(fragments.ravel()) >= _MIN_AREA_PX
    big[0] = False
    return np.asarray(np.where(big, np.cumsum(big), 0)[fragments], dtype=np.int32)
