"""Scale, time, temperature and dose rate of a movie's frames, and who said so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

#: Times between frames that differ from their mean by no more than this fraction count as even.
_EVEN_WITHIN = 0.01


@dataclass(frozen=True)
class PixelSize:
    """Side of a square pixel in nanometres and where the number comes from."""

    nm: float
    source: str


@dataclass(frozen=True)
class FrameTimes:
    """Time of each frame in seconds, shape (T,) float64, and where the numbers come from."""

    seconds: NDArray[np.float64]
    source: str


@dataclass(frozen=True)
class FrameTemperatures:
    """Temperature of each frame in °C, shape (T,), NaN where it is unknown, and where they come from."""

    celsius: NDArray[np.float64]
    source: str


@dataclass(frozen=True)
class DoseRate:
    """Electrons on a pixel of the movie in a second, the same in all frames, and who said so."""

    per_px_s: float
    source: str


@dataclass(frozen=True)
class Calibration:
    """What is known of scale, time, temperature and dose; what nobody said is ``None``, never a default.

    Parameters
    ----------
    pixel_size, frame_times, temperatures, dose_rate
        Each with its source.
    started
        The microscope's clock at the time 0 s, in its own time zone.

    Examples
    --------
    >>> given, stated = Calibration(), Calibration(PixelSize(0.2, "ImageJ"))
    >>> given.or_else(stated).pixel_size_nm
    0.2
    """

    pixel_size: PixelSize | None = None
    frame_times: FrameTimes | None = None
    temperatures: FrameTemperatures | None = None
    started: datetime | None = None
    dose_rate: DoseRate | None = None

    @property
    def pixel_size_nm(self) -> float | None:
        """Side of a pixel in nm."""
        return None if self.pixel_size is None else self.pixel_size.nm

    @property
    def frame_seconds(self) -> NDArray[np.float64] | None:
        """Time of each frame in s, (T,)."""
        return None if self.frame_times is None else self.frame_times.seconds

    @property
    def interval_s(self) -> float | None:
        """Time between two frames in s; ``None`` where it is unknown, or no one number tells it."""
        if self.frame_times is None or len(self.frame_times.seconds) < 2:
            return None
        steps = np.diff(self.frame_times.seconds)
        return float(steps.mean()) if np.allclose(steps, steps.mean(), rtol=_EVEN_WITHIN, atol=0) else None

    @property
    def frame_celsius(self) -> NDArray[np.float64] | None:
        """Temperature of each frame in °C, (T,)."""
        return None if self.temperatures is None else self.temperatures.celsius

    def take(self, frames: range) -> Calibration:
        """Return what is known of only these frames."""
        piece = slice(frames.start, frames.stop, frames.step)
        times, warmth = self.frame_times, self.temperatures
        return replace(
            self,
            frame_times=times and FrameTimes(times.seconds[piece], times.source),
            temperatures=warmth and FrameTemperatures(warmth.celsius[piece], warmth.source),
        )

    def or_else(self, other: Calibration) -> Calibration:
        """Return this calibration, completed by what only the other one knows: the first who knows wins."""
        return Calibration(
            self.pixel_size or other.pixel_size,
            self.frame_times or other.frame_times,
            self.temperatures or other.temperatures,
            self.started or other.started,
            self.dose_rate or other.dose_rate,
        )


#: What nobody has said anything of.
UNCALIBRATED = Calibration()


def given_calibration(
    pixel_size_nm: float | None, frame_time_s: float | None, frame_numbers: Sequence[int]
) -> Calibration:
    """Return what a user says of scale, and of the time between two frames of the movie.

    ``frame_numbers`` (T,) are those that the frames have in the movie: the piece of a movie keeps its times.
    """
    size = None if pixel_size_nm is None else PixelSize(pixel_size_nm, "given by --pixel-size")
    if frame_time_s is None:
        return Calibration(size)
    seconds = np.asarray(frame_numbers, dtype=np.float64) * frame_time_s
    return Calibration(size, FrameTimes(seconds, "given by --frame-time"))
