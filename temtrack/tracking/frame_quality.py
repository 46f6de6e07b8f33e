"""Tell bad frames from good ones, against the frames before: no picture, out of focus, two in one, torn.

Nothing here knows particles; it is all told from the grey values, before a frame is segmented.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from temtrack.imaging.echo import MIN_ECHO, Echo, find_echoes, log_power
from temtrack.imaging.intensity import robust_sigma
from temtrack.imaging.margins import fill_margins
from temtrack.imaging.registration import Step
from temtrack.imaging.tear import TwoCopies, explain_by_two, find_tear, tear_grid, tear_spacing

QualityFlag = Literal["good", "flicker", "blank", "blurred", "double", "torn", "half-read"]

#: Good frames whose median a new one is compared with.
N_COMPARED = 15

#: From so many good frames on it is known how much they scatter.
MIN_COMPARED = 3

#: Below this share of the usual contrast a frame is blank.
BLANK_CONTRAST_FRACTION = 0.25

#: Below this share of the usual sharpness a frame is blurred, and below the other softer than two copies of a
#: sharp picture would be, which keep 0.7 of it,
BLURRED_SHARPNESS_FRACTION, SOFT_SHARPNESS_FRACTION = 0.65, 0.4

#: if it also lies so many standard deviations of the usual scatter below: few electrons scatter it widely.
BLURRED_SHARPNESS_SIGMAS = 4.0

#: and the power of its edges so many standard errors: that of faint ones is hardly known.
BLURRED_ERRORS = 6.0

#: A frame flickers where its brightness is off by this share of the contrast, or its contrast by one factor
#: and its noise, as that of no new particle, by the other, but by no higher power of the contrast's factor,
FLICKER_LEVEL, FLICKER_CONTRAST, FLICKER_NOISE, FLICKER_NOISE_POWER = 0.3, 1.5, 1.15, 1.5

#: and so many standard deviations of the usual scatter.
FLICKER_SIGMAS = 6.0

#: Into so many bands of rows a frame is parted to see how far it was read.
N_BANDS = 16

#: A frame is read to a part where brightness leaps by this share of the contrast from band to band, or noise
#: by this factor, against the frames before,
HALF_READ_LEVEL, HALF_READ_NOISE = 0.35, 3.0

#: and differs by at most this share of the leap within either part.
HALF_READ_SPREAD = 0.4

#: A frame is torn where its logarithm of the odds and its gain are at least these: see `Tear`.
TORN_LOG_ODDS, TORN_GAIN = 40.0, 0.08

#: A frame is two in one where an echo stands out so far by itself, and by this factor more than those of good
#: frames, and where no copy of the frame before is stronger than this share of the usual one,
DOUBLE_SIGNIFICANCE, DOUBLE_ADVANTAGE, DOUBLE_STRONGEST = 7.0, 1.5, 0.8

#: (all is allowed where the usual one is so weak that frames are strangers to each other),
STRANGE_SLOPE = 0.2

#: or where an echo stands out so far, and two copies of the frame before explain it by so much better (see
#: `TwoCopies`), the weaker one at least so strong beside the other, and both together at most so many
#: times as strong as the usual one: a second particle beside a first is as strong as that.
DOUBLE_LEAST_SIGNIFICANCE = 3.6
DOUBLE_LOG_ODDS, DOUBLE_GAIN, DOUBLE_BALANCE, DOUBLE_SUM = 35.0, 0.09, 0.3, 1.55

#: More frames in a row than this that have the same echo show what the scene looks like now.
MAX_ECHOES = 2

#: The usual spectrum is the mean of about so many good frames.
N_SPECTRA = 8

#: Sides of frames that are too small for echoes and tears, in px.
MIN_SIDE = 32

#: So many frames in a row that are bad in one way are the new state of the movie, and good again;
MAX_BAD_FRAMES = 10

#: so many that are bad in whatever way.
MAX_BAD_IN_ALL = 30

#: Blur (pixels) before contrast is measured, so that it is that of particles and not of noise.
PARTICLE_BLUR_PX = 2.0

#: What the edges of particles have between this blur and the one before, a frame out of focus lacks.
EDGE_BLUR_PX = 4.0

#: The contrast and so much of it above and below is what particles have; burned-in letters have more.
CLIP_MARGIN = 0.5

#: White noise of unit variance answers to this with a variance of 36; what is smooth hardly does.
_NOISE_STENCIL = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], dtype=np.float32)


@dataclass(frozen=True)
class FrameQuality:
    """Contrast and sharpness of a frame, in grey values, and what they say.

    Parameters
    ----------
    contrast
        Spread of the smoothed frame, 98th less 2nd percentile.
    sharpness
        Standard deviation of the frame's details of `PARTICLE_BLUR_PX` to `EDGE_BLUR_PX`, camera noise
        taken out.
    flag
        ``good``; ``flicker`` (brightness or contrast out of line, yet usable); ``blank`` (nothing in it);
        ``blurred``; ``double`` (two exposures in one); ``torn`` (a part of the rows of another time);
        ``half-read`` (a part of the rows without a picture).
    """

    contrast: float
    sharpness: float
    flag: QualityFlag

    def is_good(self, n_particles: int, n_before: int) -> bool:
        """Tell whether the masks of the frame are believed, given how many it shows, and the last good one.

        A flickering frame is, unless it has lost particles.
        """
        return self.flag == "good" or (self.flag == "flicker" and n_particles >= MIN_KEPT_FRACTION * n_before)


#: A flickering frame that shows fewer particles than this share of those before has lost some.
MIN_KEPT_FRACTION = 0.8


@dataclass(frozen=True)
class _Measures:
    """What is measured of a frame by itself.

    Parameters
    ----------
    contrast, sharpness
        See `FrameQuality`.
    power_error
        Standard error of the square of the sharpness.
    levels, noises
        Median grey value, and noise, of each of `N_BANDS` bands of rows.
    """

    contrast: float
    sharpness: float
    power_error: float
    levels: NDArray[np.float64]
    noises: NDArray[np.float64]


@dataclass
class QualityEstimator:
    """Measures and flags frames one after another."""

    _contrasts: deque[float] = field(default_factory=lambda: deque(maxlen=N_COMPARED))
    _sharpnesses: deque[float] = field(default_factory=lambda: deque(maxlen=N_COMPARED))
    _levels: deque[NDArray[np.float64]] = field(default_factory=lambda: deque(maxlen=N_COMPARED))
    _noises: deque[NDArray[np.float64]] = field(default_factory=lambda: deque(maxlen=N_COMPARED))
    _power: NDArray[np.float32] | None = None
    _last: NDArray[np.float32] | None = None
    _significances: deque[float] = field(default_factory=lambda: deque(maxlen=N_COMPARED))
    _slopes: deque[float] = field(default_factory=lambda: deque(maxlen=N_COMPARED))
    _echo: tuple[int, Step, int] | None = None
    _n_measured: int = 0
    _last_flag: QualityFlag = "good"
    _n_alike: int = 0
    _n_odd: int = 0

    def measure(self, frame: NDArray[np.generic]) -> FrameQuality:
        """Measure a frame (Y, X) and compare it with the good ones before; the first is good."""
        self._n_measured += 1
        grey = fill_margins(np.nan_to_num(frame.astype(np.float32), posinf=0, neginf=0))
        measures = _measure(grey)
        is_large = min(grey.shape) >= MIN_SIDE
        power, grid = (log_power(grey), tear_grid(grey)) if is_large else (None, None)
        flag = self._flag(measures, power, grid, grey.shape)
        if self._is_new_state(flag):
            self._forget()
            flag = "good"
        if flag == "good":
            self._learn(measures, power, grid)
        return FrameQuality(measures.contrast, measures.sharpness, flag)

    def _flag(
        self,
        measures: _Measures,
        power: NDArray[np.float32] | None,
        grid: NDArray[np.float32] | None,
        shape: tuple[int, ...],
    ) -> QualityFlag:
        if not self._contrasts:
            return "good"
        if measures.contrast < BLANK_CONTRAST_FRACTION * float(np.median(self._contrasts)):
            return "blank"
        if self._is_half_read(measures):
            return "half-read"
        flickers = self._flickers(measures)
        if self._is_blurred(measures, flickers, SOFT_SHARPNESS_FRACTION):
            return "blurred"
        if two := self._two_in_one(power, grid, shape):
            return two
        if self._is_blurred(measures, flickers, BLURRED_SHARPNESS_FRACTION):
            return "blurred"
        return "flicker" if flickers else "good"

    def _is_half_read(self, measures: _Measures) -> bool:
        contrast = float(np.median(self._contrasts))
        level = (measures.levels - np.median(self._levels, axis=0)) / max(contrast, 1e-9)
        usual_noise = np.maximum(np.median(self._noises, axis=0), 1e-9)
        noise = np.log(np.maximum(measures.noises / usual_noise, 1e-3))
        return _leaps(level, HALF_READ_LEVEL) or _leaps(noise, float(np.log(HALF_READ_NOISE)))

    def _two_in_one(
        self,
        power: NDArray[np.float32] | None,
        grid: NDArray[np.float32] | None,
        shape: tuple[int, ...],
    ) -> QualityFlag | None:
        """Tell whether a frame shows two moments, one over or one below the other, whichever is likelier."""
        if power is None or grid is None or self._power is None or self._last is None:
            return None
        if self._last.shape != grid.shape or self._power.shape != power.shape:
            return None
        n = tear_spacing(shape)
        echoes = [
            one
            for one in find_echoes(power, self._power, shape)
            if one.significance >= DOUBLE_LEAST_SIGNIFICANCE
        ]
        both = explain_by_two(self._last, grid, [(one.step_px[0] / n, one.step_px[1] / n) for one in echoes])
        tear = find_tear(self._last, grid)
        significance = echoes[0].significance if echoes else 0.0
        if len(self._slopes) >= MIN_COMPARED - 1:
            is_torn = tear.log_odds >= TORN_LOG_ODDS and tear.gain >= TORN_GAIN
            if is_torn and tear.log_odds > both.log_odds:
                return "torn"
            if self._is_double(significance, both) and not self._is_of_scene(echoes[0], power, n):
                return "double"
        self._significances.append(significance)
        self._slopes.append(max(both.slopes))
        return None

    def _is_double(self, significance: float, both: TwoCopies) -> bool:
        weaker, stronger = sorted(both.slopes)
        usual, most = max(float(np.median(self._slopes)), 0.0), max(self._significances)
        stands_out = significance >= max(DOUBLE_SIGNIFICANCE, DOUBLE_ADVANTAGE * most)
        is_weak = stronger <= DOUBLE_STRONGEST * usual or usual < STRANGE_SLOPE
        explained = both.log_odds >= DOUBLE_LOG_ODDS and both.gain >= DOUBLE_GAIN
        halves = weaker >= DOUBLE_BALANCE * stronger and weaker + stronger <= DOUBLE_SUM * usual
        return (stands_out and is_weak) or (explained and halves)

    def _is_of_scene(self, echo: Echo, power: NDArray[np.float32], grid_px: int) -> bool:
        """Tell whether frames have had the same echo for so long that it is what the scene looks like now."""
        n_in_a_row = 1
        if self._echo is not None:
            frame, step, n_earlier = self._echo
            if frame == self._n_measured - 1 and _are_near(step, echo.step_px, MIN_ECHO * grid_px):
                n_in_a_row = n_earlier + 1
        self._echo = (self._n_measured, echo.step_px, n_in_a_row)
        if n_in_a_row <= MAX_ECHOES:
            return False
        self._power, self._echo = power, None
        return True

    def _flickers(self, measures: _Measures) -> bool:
        contrast, scatter = _usual(self._contrasts)
        level, level_scatter = _usual(float(np.median(levels)) for levels in self._levels)
        off = abs(float(np.median(measures.levels)) - level)
        is_level_off = off > max(FLICKER_LEVEL * contrast, FLICKER_SIGMAS * level_scatter)
        change = measures.contrast - contrast
        ratio = max(measures.contrast, 1e-9) / max(contrast, 1e-9)
        noise = np.median(measures.noises) / max(float(np.median(np.median(self._noises, axis=0))), 1e-9)
        change_of_noise = float(np.log(max(noise, 1e-9))) * np.sign(np.log(ratio))
        is_contrast_off = abs(np.log(ratio)) > np.log(FLICKER_CONTRAST)
        most = FLICKER_NOISE_POWER * abs(
            np.log(ratio)
        )  # blur takes more: of all noise that is in the picture
        is_contrast_off &= np.log(FLICKER_NOISE) < change_of_noise <= most
        return is_level_off or bool(is_contrast_off and abs(change) > FLICKER_SIGMAS * scatter)

    def _is_blurred(self, measures: _Measures, flickers: bool, fraction: float) -> bool:
        """Tell whether the edges are soft, for the contrast there is where the beam has changed."""
        usual, scatter = _usual(self._sharpnesses)
        if flickers:
            usual *= min(measures.contrast / max(float(np.median(self._contrasts)), 1e-9), 1.0)
        least = min(fraction * usual, usual - BLURRED_SHARPNESS_SIGMAS * scatter)
        lost = usual**2 - measures.sharpness**2
        return measures.sharpness < least and lost > BLURRED_ERRORS * measures.power_error

    def _is_new_state(self, flag: QualityFlag) -> bool:
        """Tell whether frames have been odd for so long that this is what the movie looks like now."""
        self._n_odd = 0 if flag == "good" else self._n_odd + 1
        self._n_alike = self._n_alike + 1 if flag == self._last_flag else 1
        self._last_flag = flag
        is_same = flag != "good" and self._n_alike > MAX_BAD_FRAMES
        return is_same or self._n_odd > MAX_BAD_IN_ALL

    def _forget(self) -> None:
        for values in (
            self._slopes,
            self._contrasts,
            self._sharpnesses,
            self._levels,
            self._noises,
            self._significances,
        ):
            values.clear()
        self._power = self._last = self._echo = None
        self._last_flag, self._n_alike, self._n_odd = "good", 0, 0

    def _learn(
        self, measures: _Measures, power: NDArray[np.float32] | None, grid: NDArray[np.float32] | None
    ) -> None:
        """Take a good frame into account."""
        self._contrasts.append(measures.contrast)
        self._sharpnesses.append(measures.sharpness)
        self._levels.append(measures.levels)
        self._noises.append(measures.noises)
        self._last = grid
        if power is None or self._power is None or self._power.shape != power.shape:
            self._power = power
        else:
            weight = np.float32(1 / min(len(self._contrasts), N_SPECTRA))
            self._power = self._power + weight * (power - self._power)


def _leaps(profile: NDArray[np.float64], least: float) -> bool:
    """Tell whether a profile over bands of rows is a step: even above, even below, one band between free."""
    for k in range(1, profile.size - 1):
        for above, below in ((profile[:k], profile[k:]), (profile[:k], profile[k + 1 :])):
            leap = abs(float(np.median(above)) - float(np.median(below)))
            spread = max(float(np.ptp(above)), float(np.ptp(below)))
            if leap >= least and spread <= HALF_READ_SPREAD * leap:
                return True
    return False


def _usual(values: Iterable[float]) -> tuple[float, float]:
    """Return the median, and the standard deviation as the median deviation from it tells."""
    of = np.array(list(values))
    median = float(np.median(of))
    return median, robust_sigma(of - median)


def _are_near(one: Step, other: Step, far_px: float) -> bool:
    """Tell whether two steps are about the same, either way."""
    return any(np.hypot(one[0] - s * other[0], one[1] - s * other[1]) <= far_px for s in (1, -1))


def _measure(grey: NDArray[np.float32]) -> _Measures:
    """Measure a frame (Y, X)."""
    smooth = ndimage.gaussian_filter(grey, PARTICLE_BLUR_PX)
    low, high = np.percentile(smooth[::2, ::2], (2, 98))
    margin = CLIP_MARGIN * (high - low)
    clipped = np.clip(smooth, low - margin, high + margin)
    details = clipped - ndimage.gaussian_filter(clipped, np.sqrt(EDGE_BLUR_PX**2 - PARTICLE_BLUR_PX**2))
    answer = np.abs(ndimage.convolve(grey, _NOISE_STENCIL))
    noise_power = _noise_gain() * _noise_variance(float(answer.mean()))
    power = float((details**2).mean()) - noise_power
    n_free = max(grey.size / (4 * np.pi * PARTICLE_BLUR_PX**2), 1.0)
    return _Measures(
        float(high - low),
        float(np.sqrt(max(power, 0.0))),
        noise_power * float(np.sqrt(2 / n_free)),
        _of_bands(smooth[:, ::2], np.median),
        _of_bands(answer, np.mean),
    )


def _of_bands(
    values: NDArray[np.float32], summary: Callable[[NDArray[np.float32]], np.floating]
) -> NDArray[np.float64]:
    """Summarise each of the bands of rows; a frame with fewer rows has fewer bands."""
    bands = np.array_split(values, min(N_BANDS, len(values)))
    return np.array([float(summary(band)) for band in bands])


def _noise_variance(answer: float) -> float:
    """Estimate the variance of white noise from the mean absolute answer to the stencil.

    Source: Immerkaer 1996, DOI 10.1006/cviu.1996.0060.
    """
    return float(np.pi / 2 * answer**2 / 36)


def _noise_gain() -> float:
    """Return the share of white noise's variance in the difference of the two Gaussian blurs."""
    fine, coarse = PARTICLE_BLUR_PX**2, EDGE_BLUR_PX**2
    return float((1 / (4 * fine) - 1 / (fine + coarse) + 1 / (4 * coarse)) / np.pi)
