"""Masks as one OME-Zarr label image: ids (T, Y, X) of uint32, a chunk for each frame."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from temtrack.calibration import Calibration
from temtrack.errors import OutputError
from temtrack.formats.readers.ome_zarr import CREATOR, METADATA_NAMES, UNFINISHED, can_read, is_own
from temtrack.masks import Masks
from temtrack.movie import Movie

SUFFIX = ".zarr"

#: The name of the full-size pixels, the only ones.
LEVEL = "0"


class ZarrMasks:
    """Writes the masks of a movie into a folder, which is made an OME-Zarr label image where it is none yet.

    Parameters
    ----------
    folder
        Other files may lie in it too.
    frames
        The movie, or other masks of it, for their size.
    known
        Scale and time.

    Raises
    ------
    OutputError
        If zarr is not installed, or the folder cannot be written to.
    """

    def __init__(self, folder: Path, frames: Movie | Masks, known: Calibration) -> None:
        try:
            import zarr
        except ImportError as error:
            raise OutputError(
                f"{folder}: needs zarr, which is not installed; pip install temtrack[zarr], or give a name "
                f"without {SUFFIX} for masks as TIFF"
            ) from error
        self._folder = folder
        with _writing(folder):
            name = f"*{UNFINISHED}"
            for unfinished in (*folder.glob(name), *(folder / LEVEL).rglob(name)):
                unfinished.unlink()
            if not is_own(folder):
                zarr.create_group(str(folder), attributes={"ome": _describe(known)})
            group = zarr.open_group(str(folder), mode="r+")
            if LEVEL not in group:  # or the process was killed here
                shape = (frames.n_frames, frames.height, frames.width)
                group.create_array(
                    LEVEL,
                    shape=shape,
                    chunks=(1, *shape[1:]),
                    dtype=np.uint32,
                    fill_value=0,
                    dimension_names=list("tyx"),
                )
            array = zarr.open_array(str(folder / LEVEL), mode="r+")
            self._array = array.with_config({"write_empty_chunks": True})

    def __call__(self, frame: int, labels: NDArray[Any]) -> None:
        """Write the ids (Y, X) of a frame: the file of its chunk appears whole."""
        with _writing(self._folder):
            self._array[frame] = labels.astype(np.uint32)


def remove_image(folder: Path) -> None:
    """Delete the image that temtrack wrote into a folder, and leave what lies beside it.

    Raises
    ------
    OutputError
        Where another program's lies there.
    """
    if not can_read(folder):
        return
    if not is_own(folder):
        raise OutputError(f"{folder}: is a Zarr that temtrack did not write; give another folder")
    with _writing(folder):
        shutil.rmtree(folder / LEVEL, ignore_errors=True)
        for name in METADATA_NAMES:
            (folder / name).unlink(missing_ok=True)


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot be written: {error.strerror or error}; choose another place with --output"
        ) from error


def _describe(known: Calibration) -> dict[str, Any]:
    """Return what OME tells of labels: a unit stands only where the scale is known."""
    time: dict[str, Any] = {"name": "t", "type": "time"}
    space: dict[str, Any] = {"type": "space"}
    interval_s, pixel_size_nm = known.interval_s, known.pixel_size_nm
    if interval_s is not None:
        time["unit"] = "second"
    if pixel_size_nm is not None:
        space["unit"] = "nanometer"
    scale = [interval_s or 1.0, pixel_size_nm or 1.0, pixel_size_nm or 1.0]
    level = {"path": LEVEL, "coordinateTransformations": [{"type": "scale", "scale": scale}]}
    axes = [time, {"name": "y", **space}, {"name": "x", **space}]
    return {
        "version": "0.5",
        "multiscales": [{"name": "particles", "axes": axes, "datasets": [level]}],
        "image-label": {},
        "_creator": CREATOR,
    }
