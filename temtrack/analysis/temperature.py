"""Temperature of each frame, from the log of the heater."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import constants

from temtrack.calibration import Calibration, FrameTemperatures
from temtrack.errors import InputError
from temtrack.formats.heater import HeaterLog


@dataclass(frozen=True)
class RunTemperature:
    """Temperature of a run in K: the median over its frames, the lowest and the highest."""

    median: float
    lowest: float
    highest: float


def find_run_temperature(calibration: Calibration) -> RunTemperature | None:
    """Return the temperature of a run by that of its frames; ``None`` where no frame has one."""
    celsius = calibration.frame_celsius
    if celsius is None or np.isnan(celsius).all():
        return None
    kelvin = celsius[np.isfinite(celsius)] + constants.zero_Celsius
    return RunTemperature(float(np.median(kelvin)), float(kelvin.min()), float(kelvin.max()))


def add_temperature(calibration: Calibration, log: HeaterLog, offset_s: float | None) -> Calibration:
    """Return the calibration with the temperature of each frame, read off the log between its readings.

    Parameters
    ----------
    calibration
        With the time of each frame, and the microscope's clock at the time 0 s, if it is known. Where the
        log knows its own clock too, the two are compared; else log and movie count as begun together.
    log
        The heater's log. A frame beyond it, or beside a missing reading, has no temperature.
    offset_s
        Added to the time of each frame before it is looked up: what the log's clock is ahead.

    Raises
    ------
    InputError
        Where the frame times are unknown, or no frame lies within the log.
    """
    if calibration.frame_seconds is None:
        raise InputError(f"{log.source}: the times of the frames are unknown; give --frame-time 0.5s, say")
    times = calibration.frame_seconds + (offset_s or 0.0)
    started, aligned = calibration.started, "begun together with the movie"
    if started is not None and log.started is not None:
        times = times + (started - log.started).total_seconds()
        aligned = "aligned by the clocks of both"
    if offset_s is not None:
        aligned += f", {offset_s:g} s added to the movie's times"
    celsius = np.interp(times, log.seconds, log.celsius, left=np.nan, right=np.nan)
    if np.isnan(celsius).all():
        raise InputError(
            f"{log.source}: covers {log.seconds[0]:g} to {log.seconds[-1]:g} s of its clock, the movie "
            f"{times[0]:g} to {times[-1]:g} s ({aligned}); give --heater-offset to align them"
        )
    return replace(calibration, temperatures=FrameTemperatures(celsius, f"{log.source}, {aligned}"))
