"""Training samples: crops of labelled images and freshly simulated scenes, mixed at given fractions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from skimage.measure import regionprops

from temtrack.datasets.labelled import LabelledImage
from temtrack.errors import UsageError
from temtrack.imaging.background import flatten_background, is_bright
from temtrack.imaging.intensity import CENTRING_BLUR_PX, centre_intensity, rescale_intensity
from temtrack.imaging.labels import typical_diameter
from temtrack.simulation.chance import log_uniform
from temtrack.training.config import TrainConfig
from temtrack.training.data.augment import crop, draw_degradation, resample, window

SCENE_RADII_PX = (3.0, 40.0)  # mean particle radii of simulated scenes, before scaling
SCENE_MIN_SCALE = 0.6
SCENE_MIN_SIDE_PX = 320  # a smaller one holds too few particles to centre intensities
SUPPORTED_RADII_PX = (2.5, 12.0)  # of particles on a support, before scaling
SUPPORTED_MIN_SIDE_RADII = 24  # a smaller scene would show no support around its particles
FAINT_FRACTION = 0.5  # of the scenes, of a dose (electrons per px) and contrast (optical depth) that are low
FAINT_DOSE_E_PX = (10.0, 80.0)
FAINT_CONTRAST = (0.1, 0.6)

DIAMETER_GUESSES = (0.6, 1.7)  # of a particle's true diameter, by which a background is flattened
WRONG_POLARITY_FRACTION, WRONG_SIZE_FRACTION = 0.1, 0.2  # of the supported catalysts, that are shown so
WRONG_FACTORS = (2.0, 6.0)  # of a particle's true diameter, by which that is taken wrong, or its inverse
TRIAL_WIDTHS_PX = (20.0, 56.0)  # of what is taken for particles then
SEEN_WIDTHS_PX = (7.0, 130.0)  # of particles that are to be found on a support
SUPPORTED_SCALES = (0.15, 6.0)
CONVEX_SOLIDITY = 0.94  # a part of a mask that fills less of its convex hull may be particles that touch
SPECK_AREA_PX = 50  # what is smaller has no outline to judge
UNKNOWN_DIAMETER_PX = 30.0  # of particles in a crop that shows none

T = TypeVar("T")

#: Draws one of endlessly many, such as samples or movies.
Draw: TypeAlias = Callable[[np.random.Generator], T]


def image_source(
    images: Sequence[LabelledImage], config: TrainConfig, centring_blur_px: float = CENTRING_BLUR_PX
) -> Draw[LabelledImage]:
    """Draw crops of labelled images, as they were taken or degraded, at the sizes the network shall know."""
    # The centre is that of the whole image as it was taken: of a crop, or magnified, it would be another.
    centred = [replace(image, image=centre_intensity(image.image, centring_blur_px)) for image in images]
    if config.scale is not None:
        images = [_at_scale(image, config.scale) for image in images]
        centred = [_at_scale(image, config.scale) for image in centred]

    def draw(rng: np.random.Generator) -> LabelledImage:
        n = int(rng.integers(len(images)))
        if images[n].boxes is not None:
            weak = images[n]
            if rng.random() >= config.unaugmented_fraction:
                weak = replace(weak, image=draw_degradation(rng)(weak.image, rng))
            return Trial.draw(rng, config).show(weak, config, centring_blur_px, rng)
        if rng.random() < config.unaugmented_fraction:
            known = config.min_diameter_px <= images[n].diameter_px <= config.max_diameter_px
            image, labels = _part(centred[n], config, rng, as_it_is=known)
        else:
            image, labels = _part(images[n], config, rng)
            image = centre_intensity(rescale_intensity(draw_degradation(rng)(image, rng)), centring_blur_px)
        if _by_chance(config.flattened_fraction, rng):
            image = flattened(image, labels, centring_blur_px, rng)
        return LabelledImage(image, labels, images[n].semantic and _may_be_joined(labels))

    return draw


def _may_be_joined(labels: NDArray[np.int32]) -> bool:
    """Whether a connected part bulges inward as particles that touch do; without one each is a particle."""
    parts = regionprops(labels)
    return any(part.area >= SPECK_AREA_PX and part.solidity < CONVEX_SOLIDITY for part in parts)


def flattened(
    image: NDArray[np.float32], labels: NDArray[np.int32], centring_blur_px: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Show an image (Y, X) with a flattened background, its particles dark, as if their size were guessed."""
    diameter = (typical_diameter(labels) or UNKNOWN_DIAMETER_PX) * log_uniform(rng, *DIAMETER_GUESSES)
    detail = flatten_background(image, diameter)
    if labels.any() and detail[labels > 0].mean() > 0:
        detail = -detail
    return centre_intensity(rescale_intensity(detail), centring_blur_px)


@dataclass(frozen=True)
class Trial:
    """How a supported catalyst is shown: its particles ``width_px`` wide, taken for ``factor`` times that.

    Now and then that is wrong, or the polarity is. A network that has learned so is sure of nothing but the
    right trial, by which it is found.
    """

    factor: float
    width_px: float
    is_upside_down: bool

    @classmethod
    def draw(cls, rng: np.random.Generator, config: TrainConfig) -> Trial:
        """Draw how an image is shown."""
        is_upside_down = rng.random() < WRONG_POLARITY_FRACTION
        if rng.random() >= WRONG_SIZE_FRACTION:
            return cls(log_uniform(rng, *DIAMETER_GUESSES), wanted_diameter(config, rng), is_upside_down)
        factor = log_uniform(rng, *WRONG_FACTORS) ** int(rng.choice([-1, 1]))
        return cls(factor, log_uniform(rng, *TRIAL_WIDTHS_PX) / factor, is_upside_down)

    def show(
        self, of: LabelledImage, config: TrainConfig, centring_blur_px: float, rng: np.random.Generator
    ) -> LabelledImage:
        """Cut a part out of an image, its background flattened; what is too wide or narrow is no particle."""
        diameter = of.diameter_px or UNKNOWN_DIAMETER_PX
        scale = float(np.clip(self.width_px / diameter, *SUPPORTED_SCALES))
        widths = 2 * scale * np.sqrt(np.bincount(of.labels.ravel()) / np.pi)
        is_seen = (widths > SEEN_WIDTHS_PX[0]) & (widths < SEEN_WIDTHS_PX[1])
        image, labels = crop(of.image, of.labels * is_seen[of.labels], scale, config.crop_px, rng)
        detail = flatten_background(rescale_intensity(image), self.factor * scale * diameter)
        if is_bright(of.image, of.labels, diameter) != self.is_upside_down:
            detail = -detail
        shown = centre_intensity(rescale_intensity(detail), centring_blur_px)
        return LabelledImage(shown, labels * (not self.is_upside_down))


def _by_chance(fraction: float, rng: np.random.Generator) -> bool:
    return fraction > 0 and rng.random() < fraction


def _at_scale(image: LabelledImage, scale: float) -> LabelledImage:
    grey, labels = resample(image.image, image.labels, scale)
    return replace(image, image=grey, labels=labels)


def _part(
    of: LabelledImage, config: TrainConfig, rng: np.random.Generator, as_it_is: bool = False
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Cut a part out of an image, turned: as it is, or with particles scaled to a size that is wanted."""
    if as_it_is or config.scale is not None:
        return window(of.image, of.labels, config.crop_px, rng)
    wanted = wanted_diameter(config, rng)
    scale = float(np.clip(wanted / of.diameter_px, 0.15, 5.0)) if of.diameter_px else 1.0
    return crop(of.image, of.labels, scale, config.crop_px, rng)


def scene_source(config: TrainConfig, centring_blur_px: float = CENTRING_BLUR_PX) -> Draw[LabelledImage]:
    """Draw freshly simulated scenes, particles scaled to the sizes that the network shall know.

    Their intensities are rescaled and centred, and they are resampled, as `temtrack segment` does with any
    image: noise that is resampled first is weaker, and looks different.
    """
    from temtrack.simulation.scenes import SceneConfig, simulate_scene

    def draw(rng: np.random.Generator) -> LabelledImage:
        radius = log_uniform(rng, *SCENE_RADII_PX)
        scale = max(wanted_diameter(config, rng) / (2 * radius), SCENE_MIN_SCALE)
        side = max(math.ceil(config.crop_px / scale), SCENE_MIN_SIDE_PX)
        plan = SceneConfig(height=side, width=side, mean_radius_px=(radius, radius))
        if rng.random() < FAINT_FRACTION:
            plan = replace(plan, dose_e_px=FAINT_DOSE_E_PX, contrast=FAINT_CONTRAST)
        scene = simulate_scene(rng, plan)
        centred = centre_intensity(rescale_intensity(scene.image), centring_blur_px)
        image, labels = window(*resample(centred, scene.labels, scale), config.crop_px, rng)
        if _by_chance(config.flattened_fraction, rng):
            image = flattened(image, labels, centring_blur_px, rng)
        return LabelledImage(image, labels)

    return draw


def supported_source(config: TrainConfig, centring_blur_px: float = CENTRING_BLUR_PX) -> Draw[LabelledImage]:
    """Draw freshly simulated supported catalysts, their background flattened and particles dark."""
    from temtrack.simulation.supported import SupportedConfig, simulate_supported

    def draw(rng: np.random.Generator) -> LabelledImage:
        radius = log_uniform(rng, *SUPPORTED_RADII_PX)
        trial = Trial.draw(rng, config)
        scale = max(trial.width_px / (2 * radius), SCENE_MIN_SCALE)
        side = math.ceil(max(config.crop_px / scale, SUPPORTED_MIN_SIDE_RADII * radius))
        scene = simulate_supported(rng, SupportedConfig(side, side, radius))
        return trial.show(LabelledImage(scene.image, scene.labels), config, centring_blur_px, rng)

    return draw


def wanted_diameter(config: TrainConfig, rng: np.random.Generator) -> float:
    """Draw how wide a typical particle shall be for the network."""
    return log_uniform(rng, config.min_diameter_px, config.max_diameter_px)


def mix(sources: Sequence[tuple[Draw[T], float]]) -> Draw[T]:
    """Draw from several sources at their fractions, which are scaled to sum to 1."""
    if not sources:
        raise UsageError(
            "nothing to train on: name folders with images/ and masks/, or give --synthetic a fraction"
        )
    fractions = np.array([fraction for _, fraction in sources], float)
    if not np.isfinite(fractions).all() or fractions.min() < 0 or not 0 < fractions.max() <= 1:
        raise UsageError(
            f"fractions of the training data are {fractions.tolist()}: give positive numbers up to 1, which "
            "are scaled to sum to 1"
        )

    def draw(rng: np.random.Generator) -> T:
        return sources[rng.choice(len(sources), p=fractions / fractions.sum())][0](rng)

    return draw
