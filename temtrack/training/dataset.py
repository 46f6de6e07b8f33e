"""Training samples: crops of labelled images and freshly simulated scenes, mixed at given shares."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label as connected_parts

from temtrack.contrast import normalise
from temtrack.errors import InputError, UsageError
from temtrack.formats.images import read_image
from temtrack.labels import typical_diameter
from temtrack.simulation.chance import log_uniform
from temtrack.training.augment import crop, degrade
from temtrack.training.config import TrainConfig


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
    return LabelledImage(path.stem, normalise(image), labels, semantic and not lone, diameter)


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


def image_source(images: Sequence[LabelledImage], config: TrainConfig) -> Source:
    """Draw crops of labelled images, particles scaled to the sizes that the network shall know."""

    def draw(rng: np.random.Generator) -> Sample:
        labelled = images[int(rng.integers(len(images)))]
        wanted = _wanted_diameter(config, rng)
        scale = float(np.clip(wanted / labelled.diameter_px, 0.15, 5.0)) if labelled.diameter_px else 1.0
        image, labels = crop(labelled.image, labelled.labels, scale, config.crop_px, rng)
        seen = image if rng.random() < config.clean_share else degrade(image, rng)
        return Sample(normalise(seen), labels, labelled.semantic)

    return draw


def scene_source(config: TrainConfig) -> Source:
    """Draw freshly simulated scenes, particles scaled to the sizes that the network shall know."""
    from temtrack.simulation.scenes import SceneConfig, simulate_scene

    def draw(rng: np.random.Generator) -> Sample:
        radius = log_uniform(rng, *SCENE_RADII_PX)
        scale = max(_wanted_diameter(config, rng) / (2 * radius), SCENE_MIN_SCALE)
        side = math.ceil(config.crop_px / scale) + 8
        scene = simulate_scene(rng, SceneConfig(height=side, width=side, mean_radius_px=(radius, radius)))
        image, labels = crop(scene.image, scene.labels, scale, config.crop_px, rng)
        return Sample(normalise(image), labels, semantic=False)

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
