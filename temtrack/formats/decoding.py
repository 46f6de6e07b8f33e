"""What every reader does with a library's pixels: grey, native type, one line where they are damaged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from temtrack.errors import InputError, TemtrackError

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


def to_grey(pixels: NDArray[Any], *, sample_axis: int | None, what: str) -> NDArray[Any]:
    """Return the plane as grey (Y, X) in its own type and native byte order.

    Parameters
    ----------
    pixels
        (Y, X), or with one more axis of 1 to 4 colour samples: grey, grey + alpha, RGB or RGBA. Alpha is
        dropped. 1-bit planes become 0 and 255, 64-bit integers float64, 16-bit floats float32.
    sample_axis
        Axis of the colour samples, ``None`` where there is none.
    what
        Name of the plane for an error.

    Raises
    ------
    InputError
        If the pixels are complex or have more than four samples.
    """
    if np.iscomplexobj(pixels):
        raise InputError(
            f"{what}: pixels are complex ({pixels.dtype}); allowed are integers and real numbers; "
            "save the modulus or the phase instead"
        )
    if sample_axis is not None:
        pixels = _mix(np.moveaxis(pixels, sample_axis, -1), what)
    return _plain_type(pixels)


def _mix(samples: NDArray[Any], what: str) -> NDArray[Any]:
    n_samples = samples.shape[-1]
    if n_samples > 4:
        raise InputError(f"{what}: has {n_samples} samples per pixel; allowed are grey, RGB and RGBA")
    if n_samples < 3:
        return samples[..., 0]
    grey = samples[..., :3] @ _LUMA.astype(np.result_type(samples.dtype, np.float32))
    plane: NDArray[Any] = np.rint(grey) if samples.dtype.kind in "ui" else grey
    return plane.astype(samples.dtype)


def _plain_type(plane: NDArray[Any]) -> NDArray[Any]:
    if plane.dtype == bool:
        return plane.astype(np.uint8) * np.uint8(255)
    if plane.dtype.kind in "ui" and plane.dtype.itemsize == 8:
        return plane.astype(np.float64)
    if plane.dtype == np.float16:
        return plane.astype(np.float32)
    return np.ascontiguousarray(plane, dtype=plane.dtype.newbyteorder("="))
