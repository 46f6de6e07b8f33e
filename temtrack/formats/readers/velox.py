"""Velox's emd files, which are HDF5: frames (Y, X, T), and a JSON text with the metadata of each.

Read with h5py, of the extra ``tem``: one frame at a time, and of the metadata only what is needed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from temtrack.calibration import Calibration, PixelSize
from temtrack.errors import InputError
from temtrack.formats.decoding import check_frame_size, read_head, refused_as, to_grey
from temtrack.formats.readers.calibration import FrameInterval, frame_interval, pixel_size_along_x
from temtrack.formats.units import length_nm
from temtrack.movie import Movie

if TYPE_CHECKING:
    import h5py

NAME = "Velox emd"
SUFFIXES = (".emd",)

_SIGNATURE = b"\x89HDF\r\n\x1a\n"

Metadata = dict[str, Any]


def can_read(path: Path) -> bool:
    """Tell by suffix and first bytes whether the path is an emd file; other programs write HDF5 too."""
    return path.suffix.lower() in SUFFIXES and read_head(path, len(_SIGNATURE)) == _SIGNATURE


def read_movie(path: Path) -> Movie:
    """Open the movie of an emd file; frames are read one at a time.

    A camera's files state no frame time: its exposure time stands for it, and the source says so.

    Raises
    ------
    InputError
        If h5py is not installed, the file is damaged, or holds no images or several movies.
    """
    _require_h5py(path)
    with refused_as(f"{path}: cannot be read as Velox emd; it may be truncated"):
        found = _find_movie(path)
        interval, pixel_size = _read_interval(found.metadata), _read_pixel_size(found.metadata)
    frames = _Frames(path, found.dataset, found.n_frames)
    first = frames(0)
    height, width = first.shape
    times = interval.times_of(found.n_frames) if interval and found.n_frames > 1 else None
    return Movie(path, found.n_frames, height, width, first.dtype, frames, Calibration(pixel_size, times))


@dataclass(frozen=True)
class _Found:
    """Where a movie lies in the file, how long it is, and the metadata of its first frame."""

    dataset: str
    n_frames: int
    metadata: Metadata


@dataclass(frozen=True)
class _Frames:
    """Reads frame ``t`` of a dataset (Y, X, T); opening the file takes less time than that."""

    path: Path
    dataset: str
    n_frames: int

    def __call__(self, t: int) -> NDArray[Any]:
        import h5py

        what = f"{self.path}: frame {t} of {self.n_frames}"
        if not 0 <= t < self.n_frames:
            raise InputError(f"{what}: there is no such frame")
        with refused_as(f"{what} is damaged"), h5py.File(self.path, "r") as file:
            pixels = file[self.dataset][:, :, t]
        return to_grey(pixels, sample_axis=None, what=what)


def _require_h5py(path: Path) -> None:
    try:
        import h5py  # noqa: F401
    except ImportError as error:
        raise InputError(f"{path}: needs h5py, which is not installed; pip install temtrack[tem]") from error


def _find_movie(path: Path) -> _Found:
    """Return the only stack of images, or the only image."""
    import h5py

    with h5py.File(path, "r") as file:
        detectors = file["Data/Image"].values() if "Data/Image" in file else ()
        images = [d for d in detectors if d["Data"].ndim == 3 and d["Data"].dtype.kind in "uif"]
        shapes = [(d["Data"].shape[2], *d["Data"].shape[:2]) for d in images]
        if not images:
            raise InputError(
                f"{path}: holds no images of Velox; allowed are images and movies of real numbers"
            )
        longest = [n for n, shape in enumerate(shapes) if shape[0] > 1] or list(range(len(shapes)))
        if len(longest) > 1:
            sizes = ", ".join("x".join(map(str, shapes[n])) for n in longest)
            raise InputError(
                f"{path}: holds the images of {len(longest)} detectors ({sizes}); export one of them to TIFF"
            )
        chosen = longest[0]
        if 0 in shapes[chosen]:
            raise InputError(f"{path}: holds no frame (shape {shapes[chosen]})")
        check_frame_size(shapes[chosen][1:], path)
        return _Found(images[chosen]["Data"].name, shapes[chosen][0], _read_metadata(images[chosen]))


def _read_metadata(detector: h5py.Group) -> Metadata:
    """Return the metadata of the first frame: a text that ends in zeros, one column for each frame."""
    if "Metadata" not in detector:
        return {}
    text = detector["Metadata"][:, 0].tobytes().rstrip(b"\0").decode("utf-8", errors="replace")
    metadata: Metadata = json.loads(text)
    return metadata


def _read_pixel_size(metadata: Metadata) -> PixelSize | None:
    stated = metadata.get("BinaryResult", {})
    sides = stated.get("PixelSize", {})
    steps = (
        length_nm(float(sides.get(side, 0)), stated.get(f"PixelUnit{axis}", ""))
        for side, axis in (("width", "X"), ("height", "Y"))
    )
    return pixel_size_along_x(steps, "Velox PixelSize")


def _read_interval(metadata: Metadata) -> FrameInterval | None:
    scanned = frame_interval(float(metadata.get("Scan", {}).get("FrameTime", 0)), "s", "Velox FrameTime")
    if scanned is not None:
        return scanned
    detector = f"Detector-{metadata.get('BinaryResult', {}).get('DetectorIndex', 0)}"
    exposure = metadata.get("Detectors", {}).get(detector, {}).get("ExposureTime", 0)
    return frame_interval(float(exposure), "s", "Velox ExposureTime of the camera; no frame time is stated")
