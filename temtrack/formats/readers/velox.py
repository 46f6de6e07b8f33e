"""Velox's emd files, which are HDF5: frames (Y, X, T), and a JSON text with the metadata of each.

Read with h5py, of the extra ``tem``: one frame at a time, and of the metadata only what is needed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from temtrack.calibration import Calibration
from temtrack.errors import InputError
from temtrack.formats.decoding import check_frame_size, read_head, refused_as
from temtrack.formats.readers.frames import even_times, open_movie, pixel_size_along_x
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
    try:
        import h5py
    except ImportError as error:
        raise InputError(f"{path}: needs h5py, which is not installed; pip install temtrack[tem]") from error
    with refused_as(f"{path}: cannot be read as Velox emd; it may be truncated"):
        dataset, n_frames, metadata = _find_movie(path)
        known = _calibration(metadata, n_frames)

    def decode(t: int) -> NDArray[Any]:
        with h5py.File(path, "r") as file:  # opening takes less time than reading
            pixels: NDArray[Any] = file[dataset][:, :, t]
        return pixels

    return open_movie(path, n_frames, decode, known)


def _find_movie(path: Path) -> tuple[str, int, Metadata]:
    """Return name and frames of the only stack of images, or the only image, and the first one's metadata."""
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
        return images[chosen]["Data"].name, shapes[chosen][0], _read_metadata(images[chosen])


def _read_metadata(detector: h5py.Group) -> Metadata:
    """Return the metadata of the first frame: a text that ends in zeros, one column for each frame."""
    if "Metadata" not in detector:
        return {}
    text = detector["Metadata"][:, 0].tobytes().rstrip(b"\0").decode("utf-8", errors="replace")
    metadata: Metadata = json.loads(text)
    return metadata


def _calibration(metadata: Metadata, n_frames: int) -> Calibration:
    stated = metadata.get("BinaryResult", {})
    sides = stated.get("PixelSize", {})
    steps = (
        (float(sides.get(side, 0)), stated.get(f"PixelUnit{axis}", ""))
        for side, axis in (("width", "X"), ("height", "Y"))
    )
    scan_s = float(metadata.get("Scan", {}).get("FrameTime", 0))
    detector = f"Detector-{stated.get('DetectorIndex', 0)}"
    exposure_s = float(metadata.get("Detectors", {}).get(detector, {}).get("ExposureTime", 0))
    times = even_times(n_frames, scan_s, "s", "Velox FrameTime") or even_times(
        n_frames, exposure_s, "s", "Velox ExposureTime of the camera; no frame time is stated"
    )
    return Calibration(pixel_size_along_x(steps, "Velox PixelSize"), times)
