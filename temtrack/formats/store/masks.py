"""Masks folders: one TIFF of ids a frame, as Fiji, napari and CTC tools read them, or one OME-Zarr."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from temtrack.calibration import Calibration
from temtrack.errors import InputError, warn
from temtrack.formats.decoding import refused_as
from temtrack.formats.locations import Url, as_path
from temtrack.formats.readers import images, ome_zarr, tiff
from temtrack.formats.store import zarr_masks
from temtrack.formats.store.atomic import whole_file
from temtrack.imaging.labels import MIN_BESIDE, count_beside
from temtrack.masks import Masks
from temtrack.movie import Movie

#: Writes the ids (Y, X) of a frame, whole or not at all.
MaskWriter = Callable[[int, NDArray[Any]], None]

_OWN_NAME = re.compile(r"mask\d+\.tiff?", re.IGNORECASE)

#: What `temtrack kinetics` draws beside the masks.
_PICTURES = frozenset({"kinetics.png", "arrhenius.png", "compare.png"})

_LAST_NUMBER = re.compile(r"(\d+)\D*$")

#: Numbers that lie further apart are dates or the like.
_MAX_NUMBERS = 1_000_000


def mask_name(frame: int) -> str:
    """Return the file name of a frame's mask: ``mask0007.tif`` for frame 7."""
    return f"mask{frame:04d}.tif"


def mask_writer(folder: Path, frames: Movie | Masks, known: Calibration) -> MaskWriter:
    """Return what writes the masks of a movie into a folder: one OME-Zarr where its name ends in ``.zarr``.

    ``frames`` is the movie, or other masks of it, with its scale and time as ``known``.

    Raises
    ------
    OutputError
        If it cannot be written to, now or with a mask.
    """
    if folder.suffix.lower() == zarr_masks.SUFFIX:
        return zarr_masks.ZarrMasks(folder, frames, known)
    return lambda frame, labels: write_mask(folder / mask_name(frame), labels)


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


def is_own_mask(path: Path) -> bool:
    """Tell by its name whether a file is a mask of a movie as temtrack writes them."""
    return _OWN_NAME.fullmatch(path.name) is not None


def remove_masks(folder: Path) -> None:
    """Delete masks as temtrack writes them, so that a shorter movie leaves none of a longer one behind.

    Raises
    ------
    OutputError
        Where the folder is a Zarr of another program.
    """
    zarr_masks.remove_image(folder)
    for path in folder.iterdir():
        if is_own_mask(path):
            path.unlink()


def list_masks(source: Path) -> list[Path]:
    """Return the files that hold the masks of a folder, in the order of frames, or the stack itself.

    Of an OME-Zarr these are its metadata and chunks. In another folder ``mask*.tif`` count where there are
    any, else every TIFF, else every other image but temtrack's plots; natural order is the order of frames.

    Raises
    ------
    InputError
        If the folder holds no image.
    """
    if not source.is_dir():
        return [source]
    if ome_zarr.can_read(source):
        return list(ome_zarr.list_files(source))
    found = [p for p in images.list_images(source) if p.name not in _PICTURES]
    if not found:
        raise InputError(f"{source}: folder holds no masks, only plots of temtrack")
    tiffs = [p for p in found if p.suffix.lower() in tiff.SUFFIXES]
    named = [p for p in tiffs if p.name.lower().startswith("mask")]
    return named or tiffs or found


def read_masks(source: Path | str) -> Masks:
    """Open a masks folder of this or another program, an OME-Zarr or TIFF stack of ids, or one label image.

    Frames are read lazily; `list_masks` tells which files of a folder count.

    Raises
    ------
    InputError
        If there are no masks, or the first holds other values than whole numbers from 0. Later, when its
        frame is asked for: if a mask is damaged or of another size.
    """
    path = as_path(source)
    if ome_zarr.can_read(path):
        return _read_zarr(path)
    if not path.exists():
        raise InputError(
            f"{path}: there is no such folder; give a folder that `temtrack track` wrote, or label images as"
            " TIFF"
        )
    files = tuple(list_masks(path))
    if path.is_file() and tiff.can_read(path):
        movie = tiff.read_movie(path)
        n_frames = movie.n_frames

        def read(t: int) -> NDArray[np.int32]:
            return _as_labels(movie.read_frame(t), f"{path}: frame {t}")
    else:
        n_frames = len(files)

        def read(t: int) -> NDArray[np.int32]:
            return read_labels(files[t])

    height, width = read(0).shape
    return Masks(path, n_frames, height, width, read, files)


def _read_zarr(path: Path) -> Masks:
    image = ome_zarr.open_image(path)

    def read(t: int) -> NDArray[np.int32]:
        what = f"{path}: mask of frame {t}"
        with refused_as(f"{what} is damaged"):
            labels = image.read_frame(t)
        return _as_labels(labels, what)

    files = () if isinstance(path, Url) else ome_zarr.list_files(path)
    return Masks(path, image.n_frames, image.height, image.width, read, files)


def read_masks_in_time(source: Path | str) -> Masks:
    """Open the masks of a movie as `read_masks` does; tell of numbers that their names leave out."""
    masks = read_masks(source)
    if ome_zarr.can_read(masks.path):
        return masks
    found = [_LAST_NUMBER.search(path.stem) for path in masks.files]
    numbers = sorted(int(match[1]) for match in found if match is not None)
    if len(numbers) < len(found) or numbers[-1] - numbers[0] >= _MAX_NUMBERS:
        return masks
    if missing := sorted(set(range(numbers[0], numbers[-1] + 1)) - set(numbers)):
        named = ", ".join(map(str, missing[:5])) + (", ..." if len(missing) > 5 else "")
        warn(
            f"{masks.path}: the names of its masks leave out {len(missing)} of the numbers ({named});"
            " all masks count as neighbours in time"
        )
    return masks


def read_labels(path: Path) -> NDArray[np.int32]:
    """Read one image of ids (Y, X), TIFF or PNG, 0 background.

    Raises
    ------
    InputError
        If the file is damaged or holds other values than whole numbers from 0.
    """
    return _as_labels(images.read_image(path), str(path))


def _as_labels(plane: NDArray[Any], what: str) -> NDArray[np.int32]:
    labels = np.asarray(plane)
    limit = np.iinfo(np.int32).max
    if labels.dtype.kind == "f" and not np.array_equal(labels, np.rint(labels)):
        raise InputError(f"{what}: holds values that are no whole numbers; a mask holds an id in each pixel")
    if labels.min(initial=0) < 0 or labels.max(initial=0) > limit:
        raise InputError(f"{what}: holds ids from {labels.min()} to {labels.max()}; allowed are 0 to {limit}")
    if _is_picture(labels):
        raise InputError(
            f"{what}: most pixels differ from the ones beside them, as in an image; a mask holds one id in "
            "all pixels of a particle; give the masks, not the movie"
        )
    return labels.astype(np.int32, copy=False)


def _is_picture(labels: NDArray[Any]) -> bool:
    """Tell whether grey values stand where ids should: few pixels are as those to the right of them."""
    n_beside, n_different = count_beside(labels)
    return n_beside >= MIN_BESIDE and 2 * n_different > n_beside
