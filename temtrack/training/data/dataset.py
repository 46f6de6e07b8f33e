"""Training samples: crops of labelled images and freshly simulated scenes, mixed at given shares."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label as connected_parts

from temtrack.errors import InputError, UsageError
from temtrack.formats.readers.images import read_image
from temtrack.imaging.intensity import CENTRING_BLUR_PX, centre_intensity, rescale_intensity
from temtrack.imaging.labels import typical_diameter
from temtrack.simulation.chance import log_uniform
from temtrack.training.config import TrainConfig
from temtrack.training.data.augment import crop, degrade, resample, window


@dataclass(frozen=True)
class LabelledImage:
    """An image (Y, X) in [0, 1] with labels.

    ``semantic`` marks a mask that tells particles from ground but not from each other, so that only its
    foreground can be learned. ``diameter_px`` is the area-weighted mean particle diameter, 0 without any.
    """

    name: str
    image: NDArray[np.float32]
    labels: NDArray[np.int32]
    semantic: bool
    diameter_px: float


@dataclass(frozen=True)
class Sample:
    """A crop: image and labels (S, S), and whether these tell particles from each other."""

    image: NDArray[np.float32]
    labels: NDArray[np.int32]
    semantic: bool


SCENE_RADII_PX = (3.0, 40.0)  # mean particle radii of simulated scenes, before scaling
SCENE_MIN_SCALE = 0.6
SCENE_MIN_SIDE_PX = 320  # a smaller one holds too few particles for a level
FAINT_SHARE = 0.5  # of the scenes, of a dose (electrons per px) and contrast (optical depth) that are low
FAINT_DOSE_E_PX = (10.0, 80.0)
FAINT_CONTRAST = (0.1, 0.6)

T = TypeVar("T")
Source = Callable[[np.random.Generator], Sample]


def read_folder(folder: Path, excluded: frozenset[str] = frozenset()) -> list[LabelledImage]:
    """Read ``folder/images`` with the masks of the same stem in ``folder/masks``.

    ``excluded`` names images as ``<folder>/<stem>``; they are never opened.
    """
    masks = {path.stem: path for path in sorted((folder / "masks").glob("*")) if path.is_file()}
    images = sorted(path for path in (folder / "images").glob("*") if path.is_file())
    if not images:
        raise InputError(
            f"{folder} holds no images: needs {folder}/images/ and {folder}/masks/ with equal names"
        )
    allowed = [path for path in images if f"{folder.name}/{path.stem}" not in excluded]
    if not allowed:
        raise InputError(f"{folder}: all of its images are excluded; leave the folder out, or exclude fewer")
    return [_read_pair(path, masks.get(path.stem)) for path in allowed]


def _read_pair(path: Path, mask_path: Path | None) -> LabelledImage:
    if mask_path is None:
        raise InputError(f"{path} has no mask: needs a file of that name in {path.parent.parent / 'masks'}")
    image, mask = read_image(path), read_image(mask_path)
    if image.shape != mask.shape:
        raise InputError(f"{mask_path} is {mask.shape}, its image {image.shape}: both must be of one size")
    semantic = len(np.unique(mask)) <= 2
    labels = connected_parts(mask, background=0, connectivity=2).astype(np.int32)
    diameter = typical_diameter(labels) or 0.0
    lone = semantic and labels.max() <= 1  # one particle alone is an instance all the same
    return LabelledImage(path.stem, rescale_intensity(image), labels, semantic and not lone, diameter)


def as_instances(images: Sequence[LabelledImage]) -> list[LabelledImage]:
    """Take each connected part of masks of two values for a particle."""
    return [replace(image, semantic=False) for image in images]


def least_area(images: Sequence[LabelledImage]) -> int:
    """Return the area (px) of the smallest particle that is labelled; 1 where none is."""
    areas = np.concatenate([np.bincount(image.labels.ravel())[1:] for image in images])
    return int(areas.min(initial=np.iinfo(np.int64).max, where=areas > 0)) if areas.any() else 1


def split(
    images: Sequence[LabelledImage], test_fraction: float, rng: np.random.Generator
) -> tuple[list[LabelledImage], list[LabelledImage]]:
    """Split images into training and test ones; the test part has at least one image where there are two."""
    n_test = min(max(1, round(test_fraction * len(images))), len(images) - 1)
    order = rng.permutation(len(images))
    return [images[i] for i in order[n_test:]], [images[i] for i in order[:n_test]]


def read_sides(
    folder: Path, excluded: frozenset[str], test_fraction: float, rng: np.random.Generator
) -> tuple[list[LabelledImage], list[LabelledImage]]:
    """Read the images to train on and those to test on: ``train/`` and ``test/`` where the folder has them.

    `temtrack slice` writes such folders. Another folder is split by chance, as `split` does.
    """
    train, test = folder / "train", folder / "test"
    if train.is_dir() and test.is_dir():
        return read_folder(train, excluded), read_folder(test, excluded)
    return split(read_folder(train if train.is_dir() else folder, excluded), test_fraction, rng)


def image_source(
    images: Sequence[LabelledImage], config: TrainConfig, centring_blur_px: float = CENTRING_BLUR_PX
) -> Source:
    """Draw crops of labelled images, as they were taken or degraded, at the sizes the network shall know."""
    # The level is that of the whole image as it was taken: of a crop, or magnified, it would be another.
    levelled = [replace(image, image=centre_intensity(image.image, centring_blur_px)) for image in images]
    if config.scale is not None:
        images = [_at_scale(image, config.scale) for image in images]
        levelled = [_at_scale(image, config.scale) for image in levelled]

    def draw(rng: np.random.Generator) -> Sample:
        n = int(rng.integers(len(images)))
        if rng.random() < config.unaugmented_fraction:
            known = config.min_diameter_px <= images[n].diameter_px <= config.max_diameter_px
            image, labels = _part(levelled[n], config, rng, as_it_is=known)
        else:
            image, labels = _part(images[n], config, rng)
            image = centre_intensity(rescale_intensity(degrade(image, rng)), centring_blur_px)
        return Sample(image, labels, images[n].semantic)

    return draw


def _at_scale(image: LabelledImage, scale: float) -> LabelledImage:
    grey, labels = resample(image.image, image.labels, scale)
    return replace(image, image=grey, labels=labels, diameter_px=image.diameter_px * scale)


def _part(
    of: LabelledImage, config: TrainConfig, rng: np.random.Generator, as_it_is: bool = False
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Cut a part out of an image, turned: as it is, or with particles scaled to a size that is wanted."""
    if as_it_is or config.scale is not None:
        return window(of.image, of.labels, config.crop_px, rng)
    wanted = _wanted_diameter(config, rng)
    scale = float(np.clip(wanted / of.diameter_px, 0.15, 5.0)) if of.diameter_px else 1.0
    return crop(of.image, of.labels, scale, config.crop_px, rng)


def scene_source(config: TrainConfig, centring_blur_px: float = CENTRING_BLUR_PX) -> Source:
    """Draw freshly simulated scenes, particles scaled to the sizes that the network shall know.

    They are brought to one range and level, and resampled, as `temtrack segment` does with any image: noise
    that is resampled first is weaker, and looks different.
    """
    from temtrack.simulation.scenes import SceneConfig, simulate_scene

    def draw(rng: np.random.Generator) -> Sample:
        radius = log_uniform(rng, *SCENE_RADII_PX)
        scale = max(_wanted_diameter(config, rng) / (2 * radius), SCENE_MIN_SCALE)
        side = max(math.ceil(config.crop_px / scale), SCENE_MIN_SIDE_PX)
        plan = SceneConfig(height=side, width=side, mean_radius_px=(radius, radius))
        if rng.random() < FAINT_SHARE:
            plan = replace(plan, dose_e_px=FAINT_DOSE_E_PX, contrast=FAINT_CONTRAST)
        scene = simulate_scene(rng, plan)
        levelled = centre_intensity(rescale_intensity(scene.image), centring_blur_px)
        image, labels = window(*resample(levelled, scene.labels, scale), config.crop_px, rng)
        return Sample(image, labels, semantic=False)

    return draw


def _wanted_diameter(config: TrainConfig, rng: np.random.Generator) -> float:
    return log_uniform(rng, config.min_diameter_px, config.max_diameter_px)


def mix(
    sources: Sequence[tuple[Callable[[np.random.Generator], T], float]],
) -> Callable[[np.random.Generator], T]:
    """Draw from several sources at their shares, which are scaled to sum to 1."""
    shares = np.array([share for _, share in sources], float)
    if not len(shares) or not np.isfinite(shares).all() or shares.min() < 0 or shares.sum() <= 0:
        raise UsageError(f"shares of the training data are {shares.tolist()}: give positive numbers")

    def draw(rng: np.random.Generator) -> T:
        return sources[rng.choice(len(sources), p=shares / shares.sum())][0](rng)

    return draw
