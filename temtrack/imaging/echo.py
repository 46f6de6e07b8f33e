"""Find an echo: a second copy of a whole scene, shifted, in the same image.

An image and its shifted copy have the power spectrum of the image times a ripple, ``1 + q cos(2 pi k s)``.
The inverse transform of the logarithm, the cepstrum, has a peak at the shift ``s`` whatever the scene is
(Bogert, Healy & Tukey 1963). What the scene itself repeats, as a lattice does, is in the spectra of other
frames too, and taken off.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from temtrack.imaging.blocks import block_means
from temtrack.imaging.intensity import robust_sigma
from temtrack.imaging.registration import MAX_GRID, Step

#: Shifts shorter than this, in grid points, are taken for the shape of particles.
MIN_ECHO = 3.0

#: Shifts of more than this share of the field leave too little in common.
MAX_ECHO_FRACTION = 0.4

#: A peak reaches so many grid points to either side.
_PEAK_SIZE = 2

#: The outer share of either side that fades, so that what the border cuts is no edge.
_FADE_FRACTION = 0.125

#: What is brighter or darker than all but this share, in percent, is cut: burned-in letters, hot pixels.
_CLIPPED_PERCENT = 0.5

#: Rings into which spatial frequencies up to one a grid point are parted.
_N_RINGS = 128

#: The rings between these hold noise alone, and lowest ones the illumination.
_NOISE_RINGS, _LOWEST_RING = slice(50, 64), 2


@dataclass(frozen=True)
class Echo:
    """A possible echo.

    Parameters
    ----------
    step_px
        (y, x) from the one copy to the other; which is which cannot be told.
    significance
        How many times as strong as the usual scatter among all shifts.
    """

    step_px: Step
    significance: float


def log_power(image: NDArray[np.generic]) -> NDArray[np.float32]:
    """Return the logarithm of the power spectrum of an image (Y, X), half of the plane, on its grid."""
    grid = mean_on_grid(image)
    low, high = np.percentile(grid[::2, ::2], (_CLIPPED_PERCENT, 100 - _CLIPPED_PERCENT))
    grid = np.clip(grid, low, high)
    faded = (grid - grid.mean()) * np.outer(*(_fading(n) for n in grid.shape))
    spectrum = fft.rfft2(faded.astype(np.float32))
    return np.asarray(np.log(np.abs(spectrum) ** 2 + 1e-3), dtype=np.float32)


def mean_on_grid(image: NDArray[np.generic]) -> NDArray[np.float32]:
    """Return an image (Y, X) averaged over squares, at most `MAX_GRID` of them a side."""
    grey = np.nan_to_num(image.astype(np.float32), posinf=0, neginf=0)
    n = -(-max(grey.shape) // MAX_GRID)
    return grey if n == 1 or min(grey.shape) < n else block_means(grey, n)


def find_echoes(
    power: NDArray[np.float32], usual: NDArray[np.float32], shape: tuple[int, ...], n: int = 3
) -> list[Echo]:
    """Find the ``n`` strongest echoes in an image of ``shape`` (Y, X), the strongest first.

    Parameters
    ----------
    power
        `log_power` of the image.
    usual
        Mean `log_power` of images of the like without an echo.
    shape
        Of the image.
    """
    spacing = -(-max(shape) // MAX_GRID)
    height, width = power.shape[0], max(shape[1] // spacing, 1)
    rings = _rings(height, width)
    weights = _signal(usual, rings)
    excess = power - usual
    mean = _of_rings(weights * excess, rings) / np.maximum(_of_rings(weights, rings), 1e-6)
    cepstrum = fft.irfft2((excess - mean[rings]) * weights, (height, width))
    y, x = (np.minimum(np.arange(n), n - np.arange(n)) for n in (height, width))
    far = np.hypot(y[:, None], x) >= MIN_ECHO
    far &= (y[:, None] <= MAX_ECHO_FRACTION * height) & (x <= MAX_ECHO_FRACTION * width)
    scatter = robust_sigma(cepstrum[far]) if far.any() else 0.0
    if scatter <= 0:
        return []
    left, echoes = np.where(far, cepstrum, -np.inf)[: height // 2 + 1], []
    for _ in range(n):
        at = np.unravel_index(np.argmax(left), left.shape)
        dy, dx = int(at[0]), int(at[1]) - width if at[1] > width // 2 else int(at[1])
        echoes.append(Echo((float(dy * spacing), float(dx * spacing)), float(left[at]) / scatter))
        rows = slice(max(dy - _PEAK_SIZE, 0), dy + _PEAK_SIZE + 1)
        left[rows, (dx + np.arange(-_PEAK_SIZE, _PEAK_SIZE + 1)) % width] = -np.inf
    return [echo for echo in echoes if np.isfinite(echo.significance)]


def _fading(n: int) -> NDArray[np.float64]:
    """Return a window over n points that is 1 but for both ends (Tukey)."""
    window, m = np.ones(n), int(n * _FADE_FRACTION)
    window[:m] = 0.5 - 0.5 * np.cos(np.pi * (np.arange(m) + 0.5) / max(m, 1))
    window[n - m :] = window[:m][::-1]
    return window


def _rings(height: int, width: int) -> NDArray[np.intp]:
    """Return which ring each spatial frequency of a half plane lies in."""
    frequency = np.hypot(fft.fftfreq(height)[:, None], fft.rfftfreq(width))
    rings: NDArray[np.intp] = (frequency * _N_RINGS).astype(np.intp)
    return rings


def _of_rings(values: NDArray[np.floating], rings: NDArray[np.intp]) -> NDArray[np.float64]:
    sums = np.bincount(rings.ravel(), values.ravel().astype(np.float64), minlength=_N_RINGS)
    return np.asarray(sums, dtype=np.float64)


def _signal(usual: NDArray[np.float32], rings: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the share of the power at each spatial frequency that is no noise."""
    level = _of_rings(usual, rings) / np.maximum(_of_rings(np.ones_like(usual), rings), 1)
    noise = float(np.median(level[_NOISE_RINGS]))
    smooth = ndimage.gaussian_filter(usual, 1, mode="wrap")
    share = 1 - 1 / np.exp(np.maximum(smooth - noise, 0))
    share[(rings < _LOWEST_RING) | (rings >= _NOISE_RINGS.stop)] = 0
    return np.asarray(share)
