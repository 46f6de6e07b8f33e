"""Single images, and folders or glob patterns of images: one file a frame, in natural order."""

from __future__ import annotations

import glob
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from temtrack.calibration import Calibration
from temtrack.errors import InputError
from temtrack.formats.decoding import check_frame_size, read_head, refused_as, to_grey
from temtrack.formats.readers import tiff
from temtrack.movie import Movie

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

NAME = "images, one file a frame"
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", *tiff.SUFFIXES)

#: A JPEG's last marker, and how much a camera may write behind it.
_JPEG_END, _JPEG_TRAILER_BYTES = b"\xff\xd9", 4096


def _decode_jpeg(content: bytes) -> NDArray[Any]:
    # libjpeg fills what is cut off with grey and says nothing.
    if _JPEG_END not in content[-_JPEG_TRAILER_BYTES:]:
        raise ValueError("JPEG is cut off before its end")
    pixels: NDArray[Any] = imagecodecs.jpeg_decode(content)
    return pixels


def _decode_bmp(content: bytes) -> NDArray[Any]:
    # imagecodecs reads on behind the end of a file whose header promises more.
    from PIL.BmpImagePlugin import BmpImageFile

    with BmpImageFile(BytesIO(content)) as image:
        return np.asarray(image.convert("RGB") if image.mode == "P" else image)


@dataclass(frozen=True)
class _Codec:
    """Reads a picture's size from its header (Pillow's plugin), and its pixels as they are."""

    plugin: str
    reader: str
    decode: Callable[[bytes], NDArray[Any]]

    def header(self, path: Path) -> ImageFile:
        """Open a picture without decoding it; most commands read none, and start without Pillow."""
        opened: ImageFile = getattr(import_module(f"PIL.{self.plugin}"), self.reader)(path)
        return opened


_CODECS = {
    b"\x89PNG": _Codec("PngImagePlugin", "PngImageFile", imagecodecs.png_decode),
    b"\xff\xd8\xff": _Codec("JpegImagePlugin", "JpegImageFile", _decode_jpeg),
    b"BM": _Codec("BmpImagePlugin", "BmpImageFile", _decode_bmp),
}


def can_read(path: Path) -> bool:
    """Tell whether the path is an image by its first bytes, a folder, or a glob pattern."""
    return path.is_dir() or is_pattern(path) or _codec(path) is not None


def is_pattern(path: Path) -> bool:
    """Tell whether the path is a glob pattern and not the name of something that is there."""
    return glob.has_magic(str(path)) and not path.exists()


def list_images(source: Path) -> list[Path]:
    """Return the images of a folder, or the files that a glob pattern matches, in natural order.

    Raises
    ------
    InputError
        If there is none.
    """
    from natsort import natsorted  # here: other formats start without it

    if is_pattern(source):
        found = [Path(p) for p in glob.glob(str(source), recursive=True)]  # noqa: PTH207 - may be absolute
        files = [p for p in found if p.is_file()]
        missing = f"{source}: no file matches this pattern; quote it, and check the folder and the suffix"
    else:
        with refused_as(f"{source}: folder cannot be read"):
            visible = [p for p in source.iterdir() if not p.name.startswith(".")]
        files = [p for p in visible if p.suffix.lower() in SUFFIXES and p.is_file()]
        missing = f"{source}: folder holds no image; allowed are {', '.join(SUFFIXES)}"
    if not files:
        raise InputError(missing)
    return natsorted(files)


def read_movie(path: Path) -> Movie:
    """Open an image, a folder or a glob pattern as a movie; only the first file is read now.

    Raises
    ------
    InputError
        If there is no image or the first one is damaged. Later, when its frame is asked for: if a file is
        damaged, or differs from the first in size or type.
    """
    files = list_images(path) if path.is_dir() or is_pattern(path) else [path]
    first = read_image(files[0])
    pixel_size = tiff.read_movie(files[0]).pixel_size if tiff.can_read(files[0]) else None
    height, width = first.shape
    frames = _Files(tuple(files), first.shape, first.dtype)
    return Movie(path, len(files), height, width, first.dtype, frames, Calibration(pixel_size), frames.paths)


def read_image(path: Path) -> NDArray[Any]:
    """Read one image file as grey (Y, X).

    Raises
    ------
    InputError
        If the file is no image, damaged, or a stack of several.
    """
    if tiff.can_read(path):
        movie = tiff.read_movie(path)
        if movie.n_frames > 1:
            raise InputError(f"{path}: holds {movie.n_frames} planes; among images each file is one plane")
        return movie.read_frame(0)
    codec = _codec(path)
    if codec is None:
        what = "file is empty (0 bytes)" if path.stat().st_size == 0 else "content is no image"
        raise InputError(f"{path}: {what}; allowed are {', '.join(SUFFIXES)}")
    with refused_as(f"{path}: image is damaged"):
        with codec.header(path) as image:
            width, height = image.size
        check_frame_size((height, width), path)
        pixels = codec.decode(path.read_bytes())
    return to_grey(pixels, sample_axis=2 if pixels.ndim == 3 else None, what=str(path))


@dataclass(frozen=True)
class _Files:
    """Reads file ``t`` and holds it against the first one's shape and type."""

    paths: tuple[Path, ...]
    shape: tuple[int, ...]
    dtype: np.dtype

    def __call__(self, t: int) -> NDArray[Any]:
        frame = read_image(self.paths[t])
        if frame.shape != self.shape or frame.dtype != self.dtype:
            found, first = _kind(frame.shape, frame.dtype), _kind(self.shape, self.dtype)
            raise InputError(
                f"{self.paths[t]}: is {found}, but the first frame ({self.paths[0].name}) is {first}; "
                "a movie needs frames of one size and type"
            )
        return frame


def _kind(shape: tuple[int, ...], dtype: np.dtype) -> str:
    return f"{shape[0]}x{shape[1]} {dtype}"


def _codec(path: Path) -> _Codec | None:
    head = read_head(path, 4)
    return next((codec for signature, codec in _CODECS.items() if head.startswith(signature)), None)
