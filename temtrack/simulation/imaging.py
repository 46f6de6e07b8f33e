"""Image formation of the electron microscope: from thickness to detector counts.

Absorption is ``exp(-mu t)``; the phase passes the contrast transfer function ``sin(pi lambda df k^2)``, which
makes Fresnel fringes at edges and the band-limited grain of the amorphous support; the detector blurs (MTF),
counts electrons (Poisson) and adds readout noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from temtrack.simulation.projection import Floats, Grains, Projection

Image = NDArray[np.float32]


@dataclass(frozen=True)
class Diffraction:
    """Contrast inside N grains, arrays (N,).

    ``factor`` on the absorption; ``stripe``, the amplitude of bend contours or lattice fringes of wave vector
    ``stripe_ky``, ``stripe_kx`` (rad/px); ``step``, that of a change across the grain (twins).
    """

    factor: Floats
    stripe: Floats
    stripe_ky: Floats
    stripe_kx: Floats
    step: Floats


@dataclass(frozen=True)
class Optics:
    """The microscope.

    Parameters
    ----------
    dark_field
        Bright particles on a dark background (HAADF-like): the signal is what was scattered.
    defocus_px2
        Wavelength times defocus in px^2; the first fringe is about its square root wide. Its sign sets
        whether the rim is bright or dark.
    coherence_px
        Details finer than this are damped in the phase contrast.
    fringe
        Strength of the phase contrast of particles.
    grain
        Strength of the phase contrast of the amorphous support (rms, as a fraction of the mean intensity).
    mtf_px
        Gaussian blur of the detector (standard deviation).
    motion_y_px, motion_x_px
        Way of the sample during the exposure.
    """

    dark_field: bool = False
    defocus_px2: float = 30.0
    coherence_px: float = 2.0
    fringe: float = 0.1
    grain: float = 0.03
    mtf_px: float = 0.7
    motion_y_px: float = 0.0
    motion_x_px: float = 0.0


@dataclass(frozen=True)
class Detector:
    """Dose in electrons per pixel, readout noise in electrons (rms)."""

    dose_e_px: float = 50.0
    readout_e: float = 0.5


def optical_depth(
    projection: Projection, grains: Grains, mu_per_px: float, diffraction: Diffraction
) -> Image:
    """Return mu t (Y, X) of all layers together, each grain weighted with its diffraction contrast."""
    depth = np.zeros(projection.owner.shape[1:], dtype=np.float32)
    for owner, thickness in zip(projection.owner, projection.thickness_px, strict=True):
        y, x = np.nonzero(owner >= 0)
        grain = owner[y, x]
        dy = (y - grains.y_px[grain]).astype(np.float32)
        dx = (x - grains.x_px[grain]).astype(np.float32)
        ky, kx = diffraction.stripe_ky.astype(np.float32), diffraction.stripe_kx.astype(np.float32)
        wave = dy * ky[grain] + dx * kx[grain]
        inside = 1 + diffraction.stripe.astype(np.float32)[grain] * np.cos(wave)
        inside += diffraction.step.astype(np.float32)[grain] * np.sign(dy * kx[grain] - dx * ky[grain] + 1)
        weight = (mu_per_px * diffraction.factor).astype(np.float32)[grain] * np.maximum(inside, 0.1)
        depth[y, x] += weight * thickness[y, x]
    return depth


def expose(depth: Image, support: Image, texture: NDArray[np.complex64], optics: Optics) -> Image:
    """Return the noise-free image (Y, X), 1 where nothing absorbs (or scatters, in dark field: 0).

    ``depth`` and ``support`` are mu t of the particles and of the support film; ``texture`` is the white
    spectrum of the amorphous support as `white_spectrum` draws it.
    """
    total = depth + support
    ky = fft.fftfreq(depth.shape[0]).astype(np.float32)[:, None]
    kx = fft.rfftfreq(depth.shape[1]).astype(np.float32)[None, :]
    k2 = ky**2 + kx**2
    grain = 1 + fft.irfft2(texture * (optics.grain * _grain_band(k2, optics)), s=depth.shape)
    blur = np.exp(-2 * (np.pi * optics.mtf_px) ** 2 * k2)
    blur *= np.sinc(optics.motion_y_px * ky + optics.motion_x_px * kx)
    if optics.dark_field:
        spectrum = fft.rfft2(-np.expm1(-total) * grain)
    else:
        phase = fft.rfft2(-np.expm1(-2 * depth / max(float(depth.max()), 1e-3)))
        transfer = 2 * np.sin(np.pi * optics.defocus_px2 * k2) * np.exp(-2 * optics.coherence_px**2 * k2)
        spectrum = fft.rfft2(np.exp(-total) * grain) - optics.fringe * transfer * phase
    return np.asarray(fft.irfft2(spectrum * blur, s=depth.shape), dtype=np.float32)


def white_spectrum(rng: np.random.Generator, height: int, width: int) -> NDArray[np.complex64]:
    """Draw the half spectrum of white noise of unit variance, shape (height, width // 2 + 1)."""
    return np.asarray(fft.rfft2(rng.standard_normal((height, width), dtype=np.float32)), dtype=np.complex64)


def detect(rng: np.random.Generator, image: Image, detector: Detector) -> Image:
    """Count electrons: Poisson of dose times ``image``, plus readout noise, in units of the dose."""
    expected = np.maximum(image, 0) * np.float32(detector.dose_e_px)
    if detector.dose_e_px < 100:
        counts: Image = np.asarray(rng.poisson(expected), dtype=np.float32)
    else:  # so near to a normal distribution that nobody sees the difference, and faster
        spread = np.sqrt(expected) * rng.standard_normal(expected.shape, dtype=np.float32)
        counts = np.asarray(expected + spread, dtype=np.float32)
    noise = np.float32(detector.readout_e) * rng.standard_normal(expected.shape, dtype=np.float32)
    return np.asarray((counts + noise) / np.float32(detector.dose_e_px), dtype=np.float32)


def _grain_band(k2: Image, optics: Optics) -> Image:
    """Band of the support's grain: Thon rings under the coherence envelope, of unit rms."""
    band = np.sin(np.pi * optics.defocus_px2 * k2) * np.exp(-2 * (optics.coherence_px**2) * k2)
    return np.asarray(band / max(float(np.sqrt((band**2).mean())), 1e-9), dtype=np.float32)
