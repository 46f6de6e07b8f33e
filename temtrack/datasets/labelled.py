"""Labelled images as training and benchmarks read them: ``images/`` with ``masks/`` or ``boxes/``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label as connected_parts

from temtrack.datasets.boxes import labels_of_boxes
from temtrack.datasets.sources import Source, find_sources
from temtrack.errors import InputError
from temtrack.formats.prompts import read_boxes
from temtrack.formats.readers import images as image_files
from temtrack.formats.readers import read_movie
from temtrack.imaging.intensity import rescale_intensity
from temtrack.imaging.labels import typical_diameter


@dataclass(frozen=True)
class LabelledImage:
    """An image (Y, X) in [0, 1] with labels.

    ``semantic`` marks a mask that tells particles from background but not from each other, so that only its
    foreground can be learned where particles may touch. Where only ``boxes`` (N, 4), y0, x0, y1, x1, are
    known, labels are ellipses in them.
    """

    image: NDArray[np.float32]
    labels: NDArray[np.int32]
    semantic: bool = False
    name: str = ""
    boxes: NDArray[np.float64] | None = None

    @cached_property
    def diameter_px(self) -> float:
        """Typical particle diameter, 0 without any: the area-weighted mean, or the median of boxes."""
        if self.boxes is not None:  # many small particles on a support count for more than a few large ones
            return float(np.median(np.sqrt(np.ptp(self.boxes.reshape(-1, 2, 2), axis=1).prod(axis=1))))
        return typical_diameter(self.labels) or 0.0


def read_excluded(path: Path) -> frozenset[str]:
    """Read names ``<folder>/<stem>``, one a line; lines that begin with # are comments."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"cannot read the list {path}: needs text with one <folder>/<stem> a line"
        ) from error
    return frozenset(line.strip() for line in lines if line.strip() and not line.startswith("#"))


def read_dataset(folder: Path, excluded: frozenset[str] = frozenset()) -> list[LabelledImage]:
    """Read the images of ``folder/images`` with their masks in ``folder/masks``, paired by `find_sources`.

    Where there are no masks, boxes in ``folder/boxes``, a CSV file of each image's name, are weak labels.
    ``excluded`` names images as ``<folder>/<name>``; they are never opened.

    Raises
    ------
    InputError
        If there is none, or one cannot be read or does not fit its mask.
    """
    images, masks, boxes = folder / "images", folder / "masks", folder / "boxes"
    if not images.is_dir() or not (masks.is_dir() or boxes.is_dir()):
        raise InputError(f"{folder} holds no images: needs {images}/ and {masks}/ with equal names")
    sources = find_sources(images, masks) if masks.is_dir() else _with_boxes(images, boxes)
    sources = sorted(sources, key=lambda source: source.images)
    allowed = [source for source in sources if f"{folder.name}/{source.name}" not in excluded]
    if not allowed:
        raise InputError(f"{folder}: all of its images are excluded; leave the folder out, or exclude fewer")
    return [_read(source) if masks.is_dir() else _read_boxed(source) for source in allowed]


def _with_boxes(images: Path, boxes: Path) -> list[Source]:
    """Pair images with the CSV files of their names."""
    paths = image_files.list_images(images)
    lonely = [path for path in paths if not (boxes / f"{path.stem}.csv").is_file()]
    if lonely:
        raise InputError(f"{lonely[0]}: has no boxes; needs {boxes / lonely[0].stem}.csv")
    return [Source(path.stem, path, boxes / f"{path.stem}.csv") for path in paths]


def _read_boxed(source: Source) -> LabelledImage:
    image = read_movie(source.images).read_frame(0)
    boxes = read_boxes(source.masks)
    labels = labels_of_boxes(boxes, image.shape)
    return LabelledImage(rescale_intensity(image), labels, name=source.name, boxes=boxes)


def _read(source: Source) -> LabelledImage:
    movie, masks = source.open()
    if len(movie) > 1:  # its frames must not stand on both sides of a split
        raise InputError(f"{source.images}: holds {len(movie)} frames; cut movies with temtrack slice first")
    mask = masks[0]
    labels = connected_parts(mask, background=0, connectivity=2).astype(np.int32)
    lone = labels.max() <= 1  # one particle alone is an instance all the same
    semantic = len(np.unique(mask)) <= 2 and not lone
    return LabelledImage(rescale_intensity(movie.read_frame(0)), labels, semantic, source.name)


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
        return read_dataset(train, excluded), read_dataset(test, excluded)
    return split(read_dataset(train if train.is_dir() else folder, excluded), test_fraction, rng)
