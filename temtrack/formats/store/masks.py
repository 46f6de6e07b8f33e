"""Masks folders as Fiji, napari and CTC tools read them: one TIFF of ids a frame, 0 background."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from temtrack.errors import InputError
from temtrack.formats.readers import images, tiff
from temtrack.formats.store.atomic import whole_file

_OWN_NAME = re.compile(r"mask\d+\.tiff?", re.IGNORECASE)


def mask_name(frame: int) -> str:
    """Return the file name of a frame's mask: ``mask0007.tif`` for frame 7."""
    return f"mask{frame:04d}.tif"


def write_mask(path: Path, labels: NDArray[Any], facts: Mapping[str, object] | None = None) -> None:
    """Write ids (Y, X) as one zlib-compressed TIFF of uint16, or uint32 where an id is above 65,535.

    ``facts`` of a mask that has no ``run.json`` beside it stand in its ImageDescription as JSON.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    dtype = np.uint16 if labels.max(initial=0) <= np.iinfo(np.uint16).max else np.uint32
    with whole_file(path) as part:
        tifffile.imwrite(
            part, labels.astype(dtype), compression="zlib", photometric="minisblack", metadata=facts or {}
        )


def remove_masks(folder: Path) -> None:
    """Delete ``mask0000.tif`` and the like, so that a shorter movie leaves none of a longer one behind."""
    for path in folder.iterdir():
        if _OWN_NAME.fullmatch(path.name):
            path.unlink()


@dataclass(frozen=True)
class Masks:
    """Ids (T, Y, X) of a movie, read one frame at a time: ``masks[t]`` is int32 (Y, X), 0 background."""

    path: Path
    n_frames: int
    height: int
    width: int
    read_frame: Callable[[int], NDArray[np.int32]]

    def __len__(self) -> int:
        return self.n_frames

    def __getitem__(self, t: int) -> NDArray[np.int32]:
        if not 0 <= t < self.n_frames:
            raise IndexError(t)
        labels = self.read_frame(t)
        if labels.shape != (self.height, self.width):
            raise InputError(
                f"{self.path}: mask of frame {t} is {labels.shape[0]}x{labels.shape[1]}, the first one "
                f"{self.height}x{self.width}; masks of a movie have one size"
            )
        return labels

    def __iter__(self) -> Iterator[NDArray[np.int32]]:
        return (self[t] for t in range(self.n_frames))

    def take(self, frames: range) -> Masks:
        """Return only the masks of these frames, counted anew from 0."""
        return replace(self, n_frames=len(frames), read_frame=lambda t: self.read_frame(frames[t]))


def list_masks(source: Path) -> list[Path]:
    """Return the files that hold the masks of a folder, in the order of frames, or the stack itself.

    In a folder ``mask*.tif`` count where there are any, else every TIFF, else every other image; natural
    order is the order of frames.

    Raises
    ------
    InputError
        If the folder holds no image.
    """
    if not source.is_dir():
        return [source]
    found = images.list_images(source)
    tiffs = [p for p in found if p.suffix.lower() in tiff.SUFFIXES]
    named = [p for p in tiffs if p.name.lower().startswith("mask")]
    return named or tiffs or found


def read_masks(source: Path | str) -> Masks:
    """Open a masks folder of this or another program, or one TIFF stack of ids; frames are read lazily.

    `list_masks` tells which files of a folder count.

    Raises
    ------
    InputError
        If there are no masks, or the first holds other values than whole numbers from 0. Later, when its
        frame is asked for: if a mask is damaged or of another size.
    """
    path = Path(source)
    if path.is_dir():
        files = list_masks(path)
        return _masks(path, len(files), lambda t: read_labels(files[t]))
    if tiff.can_read(path):
        movie = tiff.read_movie(path)
        return _masks(path, movie.n_frames, lambda t: _as_labels(movie.read_frame(t), f"{path}: frame {t}"))
    what = "is neither a masks folder nor a TIFF stack of ids" if path.exists() else "there is no such folder"
    raise InputError(f"{path}: {what}; give a folder that `temtrack track` wrote, or label images as TIFF")


def read_labels(path: Path) -> NDArray[np.int32]:
    """Read one image of ids (Y, X), TIFF or PNG, 0 background.

    Raises
    ------
    InputError
        If the file is damaged or holds other values than whole numbers from 0.
    """
    return _as_labels(images.read_image(path), str(path))


def _masks(path: Path, n_frames: int, read_frame: Callable[[int], NDArray[np.int32]]) -> Masks:
    height, width = read_frame(0).shape
    return Masks(path, n_frames, height, width, read_frame)


def _as_labels(plane: NDArray[Any], what: str) -> NDArray[np.int32]:
    labels = np.asarray(plane)
    limit = np.iinfo(np.int32).max
    if labels.dtype.kind == "f" and not np.array_equal(labels, np.rint(labels)):
        raise InputError(f"{what}: holds values that are no whole numbers; a mask holds an id in each pixel")
    if labels.min(initial=0) < 0 or labels.max(initial=0) > limit:
        raise InputError(f"{what}: holds ids from {labels.min()} to {labels.max()}; allowed are 0 to {limit}")
    return labels.astype(np.int32, copy=False)
