"""Simulated movies: frames and true masks rendered on demand, and the true lineage."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage
from scipy.signal import lfilter

from temtrack.lineage import Lineage
from temtrack.movie import Movie
from temtrack.simulation.config import MovieConfig
from temtrack.simulation.imaging import Diffraction, Image, detect, expose, optical_depth, white_spectrum
from temtrack.simulation.projection import Floats, Grains, Projection, project
from temtrack.simulation.schedule import draw_jolt, prepare_specimen
from temtrack.simulation.specimen import LEAST_RADIUS_PX, Specimen
from temtrack.simulation.surroundings import burn_in, illumination
from temtrack.simulation.truth import Truth, derive_truth

#: Canvas beyond the field, so that fringes and filters do not wrap round.
_MARGIN_PX = 16
_INNER = (slice(_MARGIN_PX, -_MARGIN_PX), slice(_MARGIN_PX, -_MARGIN_PX))
_BLUR_PX = 5.0
_AT_REST = np.zeros(2)
#: Light in what the camera did not read.
_DARK = 0.02
#: Power of the half thickness of flat particles: plates with a rounded edge.
_FLAT_PROFILE = 0.1
_FLICKER_MEMORY_FRAMES = 6.0
_MOTTLE_PX = 40.0


class SimulatedMovie:
    """A sintering movie with known truth; make one with `simulate_movie`.

    Frames and masks are rendered when asked for, each from the seed and its own number alone, so they may be
    asked for in any order.
    """

    def __init__(self, config: MovieConfig, specimen: Specimen, seed: int) -> None:
        self.config = config
        self.specimen = specimen
        self._seed = seed
        rng = np.random.default_rng((seed, 0))
        self._background = _Background(rng, config)
        self._diffraction = _Flicker(rng, config, specimen)

    def __len__(self) -> int:
        return self.config.n_frames

    @cached_property
    def truth(self) -> Truth:
        """Ids of all grains, and the lineage."""
        return derive_truth(self.specimen, self.config.height, self.config.width)

    @property
    def lineage(self) -> Lineage:
        """True tracks, merges, origins and fates."""
        return self.truth.lineage

    def labels(self, t: int) -> NDArray[np.int32]:
        """Return the true mask (Y, X) of frame ``t``: ids for all time, 0 background."""
        return self._project(self._grains(t)).labels(self.truth.ids[t])[_INNER]

    def frame(self, t: int) -> NDArray[np.uint8]:
        """Return frame ``t`` (Y, X) uint8 as the camera saw it."""
        config = self.config
        rng = np.random.default_rng((self._seed, t + 1))
        expected = self._expected(rng, t)
        # The range holds four standard deviations of the noise above the empty background.
        full = 1.15 + 4 / np.sqrt(config.detector.dose_e_px)
        image = np.clip(detect(rng, expected, config.detector) / np.float32(full), 0, 1)
        if config.scale_bar:
            burn_in(np.random.default_rng((self._seed, 0)), image, letters=False, scale_bar=True)
        if config.edge_columns:
            image[:, config.width - abs(config.edge_columns) :] = config.edge_columns > 0
        return np.asarray(np.rint(image * 255), dtype=np.uint8)

    def to_movie(self) -> Movie:
        """Return a `temtrack.movie.Movie` that renders its frames from this simulation."""
        name, height, width = Path(f"simulated-{self._seed}"), self.config.height, self.config.width
        return Movie(name, len(self), height, width, np.dtype(np.uint8), self.frame)

    def _expected(self, rng: np.random.Generator, t: int) -> Image:
        """Return what the camera would count of frame ``t`` without noise, faults and all."""
        fault = self.config.faults.get(t)
        if fault == "blank":
            return np.full((self.config.height, self.config.width), _DARK, dtype=np.float32)
        image = self._exposed(t)
        if fault == "double":
            image = np.float32(0.5) * (image + self._exposed(t, draw_jolt(rng)))
        elif fault in ("torn", "half-read"):
            row = round(len(image) * rng.uniform(0.25, 0.75))
            image[row:] = self._exposed(t, draw_jolt(rng))[row:] if fault == "torn" else _DARK
        elif fault == "dim":
            image *= np.float32(rng.uniform(0.35, 0.65))
        if self.config.beam_flicker:
            image *= np.float32(np.exp(self.config.beam_flicker * rng.standard_normal()))
        return image

    def _exposed(self, t: int, jolt_px: Floats = _AT_REST) -> Image:
        config = self.config
        grains = self._grains(t, jolt_px)
        zoom = self.specimen.zoom_at(t)
        mu_per_px = config.contrast / (2 * config.radius_px * zoom)
        depth = optical_depth(self._project(grains), grains, mu_per_px, self._diffraction.at(t))
        optics = config.optics
        if config.faults.get(t) == "blurred":
            optics = replace(optics, mtf_px=_BLUR_PX)
        support, texture = self._background.at(self.specimen.drift_px[t] - jolt_px, zoom)
        image = expose(depth, support, texture, optics)[_INNER] * self._background.light
        return np.asarray(image + 0.05 if optics.dark_field else image)

    def _project(self, grains: Grains) -> Projection:
        height, width = self.config.height + 2 * _MARGIN_PX, self.config.width + 2 * _MARGIN_PX
        return project(grains, height, width, n_layers=int(self.specimen.paths.layer.max(initial=0)) + 1)

    def _grains(self, t: int, jolt_px: Floats = _AT_REST) -> Grains:
        """Return the grains of a frame on the canvas, which reaches beyond the field."""
        grains = self.specimen.paths.grains(t)
        if self.config.flat:
            mean_px = self.config.radius_px * self.specimen.zoom_at(t)
            thickness = mean_px / np.maximum(grains.radius_px, LEAST_RADIUS_PX)
            grains = replace(grains, profile=np.full(len(grains), _FLAT_PROFILE), height=thickness)
        y_px, x_px = grains.y_px + _MARGIN_PX + jolt_px[0], grains.x_px + _MARGIN_PX + jolt_px[1]
        return replace(grains, y_px=y_px, x_px=x_px)


def simulate_movie(seed: int, config: MovieConfig | None = None) -> SimulatedMovie:
    """Simulate a movie; the same seed and config give the same frames, masks and lineage.

    Raises
    ------
    UsageError
        Where the planned events do not fit into the field or the time.
    """
    config = config or MovieConfig()
    return SimulatedMovie(config, prepare_specimen(np.random.default_rng(seed), config), seed)


class _Background:
    """The support film, fixed to the specimen, and the light, fixed to the camera."""

    def __init__(self, rng: np.random.Generator, config: MovieConfig) -> None:
        shape = config.height + 2 * _MARGIN_PX, config.width + 2 * _MARGIN_PX
        self._shape = shape
        self._ky = fft.fftfreq(shape[0])[:, None]
        self._kx = fft.rfftfreq(shape[1])[None, :]
        self._texture = white_spectrum(rng, *shape)
        slow = white_spectrum(rng, *shape) * np.exp(-2 * _MOTTLE_PX**2 * (self._ky**2 + self._kx**2))
        field = fft.irfft2(slow, s=shape)
        field /= max(float(field.std()), 1e-9)
        support = 0.1 + config.mottle * field
        if config.holes:
            support = support / (1 + np.exp(np.clip(-20 * (field + 1.2), -30, 30)))
        self._support = fft.rfft2(support)
        self.light = illumination(rng, config.height, config.width, config.unevenness)

    def at(self, corner_px: Floats, zoom: float = 1.0) -> tuple[Image, NDArray[np.complex64]]:
        """Return support (Y, X) and texture spectrum for the field's corner at ``corner_px`` (y, x)."""
        shift = np.exp(2j * np.pi * (self._ky * corner_px[0] + self._kx * corner_px[1]))
        support, texture = fft.irfft2(self._support * shift, s=self._shape), self._texture * shift
        if zoom != 1:
            support = _zoomed(support, zoom)
            texture = fft.rfft2(_zoomed(fft.irfft2(texture, s=self._shape), zoom))
        return np.asarray(support, dtype=np.float32), np.asarray(texture, dtype=np.complex64)


class _Flicker:
    """Diffraction contrast of every grain in every frame; the grains of one particle grow alike."""

    def __init__(self, rng: np.random.Generator, config: MovieConfig, specimen: Specimen) -> None:
        paths = specimen.paths
        n_frames, n = paths.radius_px.shape
        keep = float(np.exp(-1 / _FLICKER_MEMORY_FRAMES))
        kicks = rng.standard_normal((n_frames, n))
        kicks[1:] *= np.sqrt(1 - keep**2)
        slow = lfilter([1.0], [1.0, -keep], kicks, axis=0) if n else kicks
        own = rng.normal(0, 0.12, n) + config.flicker * slow
        reborn = [grain for one in specimen.merges for grain in one.grains if paths.radius_px[0, grain] == 0]
        own[:, reborn] = own[:, np.searchsorted(paths.group, paths.group[reborn])]
        self._log_factor = paths.alike(own)
        self._unity = np.clip(2 * paths.roundness, 0, 1)
        self._stripe = np.where(rng.random(n) < 0.25, rng.uniform(0.05, 0.2, n), 0.0)
        self._stripe[reborn] = 0
        angle, period = rng.uniform(0, 2 * np.pi, n), config.radius_px * rng.uniform(0.5, 1.5, n)
        self._k = 2 * np.pi / period * np.stack([np.sin(angle), np.cos(angle)])

    def at(self, t: int) -> Diffraction:
        """Return the contrast of all grains in frame ``t``."""
        return Diffraction(
            factor=np.exp(self._log_factor[t]),
            stripe=self._stripe * (1 - self._unity[t]),
            stripe_ky=self._k[0],
            stripe_kx=self._k[1],
            step=np.zeros(self._stripe.size),
        )


def _zoomed(picture: Image, factor: float) -> Image:
    """Magnify a picture about its middle; what lies beyond it is its mirror image."""
    middle = (np.array(picture.shape) - 1) / 2
    offset = middle - middle / factor
    return np.asarray(
        ndimage.affine_transform(picture, np.full(2, 1 / factor), offset, order=1, mode="mirror")
    )
