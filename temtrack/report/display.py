"""From the grey values of a movie to what an eye sees: a fixed grey window, and a scale bar's length."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from temtrack.movie import Movie

#: Frames, evenly spread, that the grey window is taken from.
_N_SAMPLE_FRAMES = 8

#: Pixels, in percent, left out at the dark and at the bright end.
_CLIPPED_PERCENT = 0.5

#: Whole numbers of at most so many bytes are few enough for a table of their grey levels.
_LOOKED_UP_BYTES = 2


@dataclass(frozen=True)
class GreyWindow:
    """Grey values that are shown as black and as white, the same in all frames of a movie."""

    black: float
    white: float

    @classmethod
    def of(cls, movie: Movie) -> GreyWindow:
        """Choose the window from a few frames, so that a film does not flicker."""
        frames = np.unique(np.linspace(0, movie.n_frames - 1, _N_SAMPLE_FRAMES).astype(int))
        sample = np.concatenate([_inside(movie.read_frame(int(t)))[::2, ::2].ravel() for t in frames])
        sample = sample[np.isfinite(sample)]
        if not sample.size:
            return cls(0.0, 1.0)
        black, white = np.percentile(sample, [_CLIPPED_PERCENT, 100 - _CLIPPED_PERCENT])
        return cls(float(black), float(white))

    def show(self, frame: NDArray[Any]) -> NDArray[np.uint8]:
        """Return the frame (Y, X) as grey levels 0 to 255; NaN is black."""
        if frame.dtype.kind == "u" and frame.itemsize <= _LOOKED_UP_BYTES:
            return np.asarray(_levels(self, frame.dtype)[frame])
        return self._show(frame)

    def _show(self, frame: NDArray[Any]) -> NDArray[np.uint8]:
        span = max(self.white - self.black, np.finfo(np.float64).tiny)
        level = np.clip((frame.astype(np.float64) - self.black) / span, 0, 1)
        return np.asarray(np.nan_to_num(level) * 255).astype(np.uint8)


@lru_cache(maxsize=8)
def _levels(window: GreyWindow, dtype: np.dtype[Any]) -> NDArray[np.uint8]:
    """Return the grey level of each value that a type has."""
    return window._show(np.arange(np.iinfo(dtype).max + 1, dtype=dtype))


def _inside(frame: NDArray[Any]) -> NDArray[Any]:
    """Return a frame (Y, X) without rows and columns of one grey value, as cameras leave at edges."""
    rows, columns = (np.ptp(frame, axis=axis) != 0 for axis in (1, 0))  # NaN is not 0
    return np.asarray(frame[rows][:, columns])


def scale_bar_nm(width_nm: float) -> float:
    """Return the round length (1, 2 or 5 times a power of ten) nearest below a fifth of the width, in nm."""
    longest = width_nm / 5
    power = 10.0 ** np.floor(np.log10(longest))
    return float(max(step * power for step in (1, 2, 5) if step * power <= longest * 1.0001))


def scale_bar_label(length_nm: float) -> str:
    """Write a length with the unit that suits it: ``5 nm``, ``0.5 nm``, ``2 µm``."""
    return f"{length_nm / 1000:g} µm" if length_nm >= 1000 else f"{length_nm:g} nm"
