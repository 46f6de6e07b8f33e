"""Single images, and folders or glob patterns of images: one file a frame, in natural order."""

from __future__ import annotations

import glob
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from temtrack.calibration import Calibration
from temtrack.errors import InputError
from temtrack.formats.decoding import (
    check_frame_size,
    check_name,
    list_folder,
    read_head,
    refused_as,
    to_grey,
)
from temtrack.formats.readers import tiff
from temtrack.formats.readers.frames import open_files
from temtrack.movie import Movie

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

NAME = "images, one file a frame"
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", *tiff.SUFFIXES)

#: By the first bytes of a picture, Pillow's plugin and its class, which most commands need not import.
_PLUGINS = {
    b"\x89PNG": ("PngImagePlugin", "PngImageFile"),
    b"\xff\xd8\xff": ("JpegImagePlugin", "JpegImageFile"),
    b"BM": ("BmpImagePlugin", "BmpImageFile"),
}


def can_read(path: Path) -> bool:
    """Tell whether the path is an image by its first bytes, a folder, or a glob pattern."""
    return path.is_dir() or is_pattern(path) or _plugin(path) is not None


def is_pattern(path: Path) -> bool:
    """Tell whether the path is a glob pattern and not the name of something that is there."""
    return glob.has_magic(str(path)) and not path.exists()


def list_images(source: Path) -> list[Path]:
    """Return the images of a folder, or the files that a glob pattern matches, in natural order.

    Raises
    ------
    InputError
        If there is none, or the name of one is not in UTF-8.
    """
    if is_pattern(source):
        from natsort import natsorted  # here: other formats start without it

        found = glob.glob(str(source), recursive=True)  # noqa: PTH207 - may be absolute
        files = natsorted(p for p in map(Path, found) if p.is_file())
        missing = f"{source}: no file matches this pattern; quote it, and check the folder and the suffix"
    else:
        files = [p for p in list_folder(source) if p.suffix.lower() in SUFFIXES and p.is_file()]
        missing = f"{source}: folder holds no image; allowed are {', '.join(SUFFIXES)}"
    if not files:
        raise InputError(missing)
    for file in files:
        check_name(file)
    return files


def read_movie(path: Path) -> Movie:
    """Open an image, a folder or a glob pattern as a movie; only the first file is read now.

    Raises
    ------
    InputError
        If there is no image or the first one is damaged. Later, when its frame is asked for: if a file is
        damaged, or differs from the first in size or type.
    """
    return open_frames(path, tuple(list_images(path) if path.is_dir() or is_pattern(path) else [path]))


def open_frames(path: Path, files: tuple[Path, ...]) -> Movie:
    """Open images as the frames of a movie that is called as a path."""
    pixel_size = tiff.read_movie(files[0]).pixel_size if tiff.can_read(files[0]) else None
    return open_files(path, files, read_image, Calibration(pixel_size))


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
    plugin = _plugin(path)
    if plugin is None:
        what = "file is empty (0 bytes)" if path.stat().st_size == 0 else "content is no image"
        raise InputError(f"{path}: {what}; allowed are {', '.join(SUFFIXES)}")
    with refused_as(f"{path}: image is damaged"), plugin(path) as image:
        check_frame_size(image.size, path)
        if image.format == "PNG":  # of 16-bit colour, Pillow keeps 8
            pixels = imagecodecs.png_decode(path.read_bytes())
        else:
            pixels = np.asarray(image.convert("RGB") if image.mode == "P" else image)
    return to_grey(pixels, sample_axis=2 if pixels.ndim == 3 else None, what=str(path))


def read_size(path: Path) -> tuple[int, int]:
    """Return the size (Y, X) of an image file, by its head alone.

    Raises
    ------
    InputError
        If the file is no image, or damaged.
    """
    plugin = _plugin(path)
    if plugin is None:
        return tiff.read_size(path)
    with refused_as(f"{path}: image is damaged"), plugin(path) as image:
        return image.height, image.width


def _plugin(path: Path) -> type[ImageFile] | None:
    """Return the class that reads the size of a picture before its pixels, ``None`` where there is none."""
    head = read_head(path, 4)
    for signature, (module, name) in _PLUGINS.items():
        if head.startswith(signature):
            plugin: type[ImageFile] = getattr(import_module(f"PIL.{module}"), name)
            return plugin
    return None
