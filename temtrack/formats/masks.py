"""Masks folders: one TIFF of integer ids a frame, 0 background, as Fiji, napari and the CTC tools read them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
from natsort import natsorted
from numpy.typing import NDArray

from temtrack.errors import InputError
from temtrack.formats import images, tiff
from temtrack.formats.atomic import whole_file
from temtrack.formats.decoding import refused_as
from temtrack.movie import Movie

_OWN_NAME = re.compile(r"mask\d+\.tiff?", re.IGNORECASE)


def mask_name(frame: int) -> str:
    """Return the file name of a frame's mask: ``mask0007.tif`` for frame 7."""
    return f"mask{frame:04d}.tif"


def write_mask(path: Path, labels: NDArray) -> None:
    """Write ids (Y, X) as one zlib-compressed TIFF of uint16, or uint32 where an id is above 65,535.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    dtype = np.uint16 if labels.max(initial=0) <= np.iinfo(np.uint16).max else np.uint32
    with whole_file(path) as part:
        tifffile.imwrite(part, labels.astype(dtype), compression="zlib", photometric="minisblack")


def remove_masks(folder: Path) -> None:
    """Delete ``mask0000.tif`` and the like, so that a shorter movie leaves none of a longer one behind."""
    for path in folder.iterdir():
        if _OWN_NAME.fullmatch(path.name):
            path.unlink()


@dataclass(frozen=True)
class Masks:
    """Ids (T, Y, X) of a movie, read one frame at a time: ``masks[t]`` is int32 (Y, X), 0 background."""

    movie: Movie

    @property
    def path(self) -> Path:
        """Folder or file that the masks come from."""
        return self.movie.path

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return self.movie.n_frames

    @property
    def height(self) -> int:
        """Rows of each frame."""
        return self.movie.height

    @property
    def width(self) -> int:
        """Columns of each frame."""
        return self.movie.width

    def __len__(self) -> int:
        return self.n_frames

    def __getitem__(self, t: int) -> NDArray[np.int32]:
        if not 0 <= t < self.n_frames:
            raise IndexError(t)
        return _as_labels(self.movie.read_frame(t), f"{self.path}: frame {t}")

    def __iter__(self) -> Iterator[NDArray[np.int32]]:
        return (self[t] for t in range(self.n_frames))


def read_masks(source: Path | str) -> Masks:
    """Open a masks folder of this or another program, or one TIFF stack of ids; frames are read lazily.

    In a folder ``mask*.tif`` count where there are any, else every TIFF, else every other image; natural
    order is the order of frames.

    Raises
    ------
    InputError
        If there are no masks, or the first holds other values than whole numbers from 0. Later, when its
        frame is asked for: if a mask is damaged or of another size.
    """
    path = Path(source)
    if path.is_dir():
        masks = Masks(_folder_movie(path))
    elif tiff.can_read(path):
        masks = Masks(tiff.read_movie(path))
    else:
        raise InputError(f"{path}: is no masks folder and no TIFF stack of ids; give what `temtrack track` wrote")
    masks[0]
    return masks


def read_labels(path: Path) -> NDArray[np.int32]:
    """Read one image of ids (Y, X), TIFF or PNG, 0 background.

    Raises
    ------
    InputError
        If the file is damaged or holds other values than whole numbers from 0.
    """
    return _as_labels(images.read_image(path), str(path))
