"""What every reader does with a library's pixels: grey, native type, one line where they are damaged."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from temtrack.errors import InputError, TemtrackError

#: Pixels of the largest frame, 32,768 x 32,768; the largest camera has a quarter of that.
MAX_FRAME_PX = 2**30

#: A frame above 8192 x 8192 px is believed only where its file has a byte for so many pixels: no compression
#: in use comes near.
_LARGE_PX, _MAX_PX_PER_BYTE = 2**26, 10_000

#: ITU-R BT.601 luma weights of red, green and blue.
_LUMA = np.array([0.299, 0.587, 0.114])


@contextmanager
def refused_as(what: str) -> Iterator[None]:
    """Turn whatever a decoding library raises on damaged data into one `InputError` that begins with `what`.

    Decoders raise errors of any type on bytes they did not expect, so every `Exception` counts; keep
    nothing but the library's call inside.
    """
    try:
        yield
    except TemtrackError:
        raise
    except Exception as error:
        # The text of a system's error repeats number and name of the file: its reason alone will do.
        text = getattr(error, "strerror", None) or str(error)
        reason = " ".join(text.split()) or type(error).__name__
        raise InputError(f"{what}: {reason[:200]}") from error


def read_head(path: Path, n_bytes: int) -> bytes:
    """Return the first bytes of a file, which tell its format; none where there is no file.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    if not path.is_file():
        return b""
    with refused_as(f"{path}: cannot be read"), path.open("rb") as file:
        return file.read(n_bytes)


def check_name(path: Path) -> None:
    """Refuse a path that is not in UTF-8, as old disks have them: records and tables cannot name it.

    Raises
    ------
    InputError
        If it is not.
    """
    if any("\ud800" <= letter <= "\udfff" for letter in str(path)):
        raise InputError(f"{str(path)!a}: its name is not in UTF-8, as all records are; rename it")


def list_folder(folder: Path) -> list[Path]:
    """Return what lies in a folder, hidden names left out, in natural order.

    Raises
    ------
    InputError
        If the folder cannot be read.
    """
    from natsort import natsorted  # here: what reads a file starts without it

    with refused_as(f"{folder}: folder cannot be read"):
        return natsorted(path for path in folder.iterdir() if not path.name.startswith("."))


def check_frame_size(shape: Sequence[int], path: Path) -> None:
    """Refuse a frame (Y, X) without pixels, and, before memory is taken, one that the file cannot hold.

    Raises
    ------
    InputError
        If it has none or more than `MAX_FRAME_PX` pixels, or is large and the file too small for it.
    """
    n_px, n_bytes = math.prod(shape), path.stat().st_size
    if n_px < 1 or n_px > MAX_FRAME_PX or (n_px > _LARGE_PX and n_px > _MAX_PX_PER_BYTE * n_bytes):
        side, size = math.isqrt(MAX_FRAME_PX), "x".join(map(str, shape))
        raise InputError(
            f"{path}: its header tells of {size} px in a file of {n_bytes} bytes; allowed are 1x1 to "
            f"{side}x{side} px, and what the file can hold; copy it again from its source"
        )


def to_grey(pixels: NDArray[Any], *, sample_axis: int | None, what: str) -> NDArray[Any]:
    """Return the plane as grey (Y, X) in its own type and native byte order.

    It may have one more axis, ``sample_axis``, of 1 to 4 colour samples: grey, grey + alpha, RGB or RGBA.
    Alpha is dropped. 1-bit planes become 0 and 255, 64-bit integers float64, 16-bit floats float32. ``what``
    names the plane in an error.

    Raises
    ------
    InputError
        If the pixels are complex, have more than four samples, or finite values beyond those of 32 bits.
    """
    if np.iscomplexobj(pixels):
        raise InputError(
            f"{what}: pixels are complex ({pixels.dtype}); allowed are integers and real numbers; "
            "save the modulus or the phase instead"
        )
    if sample_axis is not None:
        samples = np.moveaxis(pixels, sample_axis, -1)
        check_samples(samples.shape[-1], what)
        if samples.shape[-1] < 3:
            pixels = samples[..., 0]
        else:
            grey = samples[..., :3] @ _LUMA.astype(np.result_type(samples.dtype, np.float32))
            pixels = (np.rint(grey) if samples.dtype.kind in "ui" else grey).astype(samples.dtype)
    if pixels.dtype == bool:
        return pixels.astype(np.uint8) * np.uint8(255)
    if pixels.dtype.kind in "ui" and pixels.dtype.itemsize == 8:
        return pixels.astype(np.float64)
    if pixels.dtype == np.float16:
        return pixels.astype(np.float32)
    if pixels.dtype.kind == "f" and pixels.dtype.itemsize > 4:
        _check_magnitude(pixels, what)
    return np.ascontiguousarray(pixels, dtype=pixels.dtype.newbyteorder("="))


def _check_magnitude(pixels: NDArray[Any], what: str) -> None:
    """Refuse finite values that 32-bit floats, in which everything is computed, cannot hold."""
    largest = float(np.abs(pixels).max(where=np.isfinite(pixels), initial=0))
    if largest > float(np.finfo(np.float32).max):
        raise InputError(
            f"{what}: holds values up to {largest:.3g}; allowed are those of 32-bit floats, up to 3.4e+38; "
            "divide them by a constant"
        )


def check_samples(n_samples: int, what: Path | str) -> None:
    """Refuse more than four samples per pixel with an `InputError`, before memory is taken for them."""
    if n_samples > 4:
        raise InputError(f"{what}: has {n_samples} samples per pixel; allowed are grey, RGB and RGBA")
