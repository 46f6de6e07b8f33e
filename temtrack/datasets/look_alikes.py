"""Find tiles that show the same field, shifted or not, though nothing else says so.

Two tiles of one field share the fine structure of their support and their noise; two fields with particles of
one kind share the coarse picture only. So a coarse correlation proposes pairs and a fine one decides: tiles
are reduced to 128 px a side, freed of everything wider than a few pixels, and clipped, so that no bright
outline counts for more than grain does; then they are correlated at every shift that leaves a fifth of
them in common. Where noise hides the grain, as in neighbouring frames of a movie, an all but equal coarse
picture decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from temtrack.imaging.intensity import rescale_intensity

#: Two fields never came above 0.25 among 203 published images; one field seen twice, a third of it in common,
#: not below 0.27.
SAME_FIELD = 0.26
#: The same for the coarse picture, which was never above 0.75 for two fields.
SAME_PICTURE = 0.85

_COARSE_PX, _COARSE_WIDTH = 32, 4.0
_FINE_PX, _FINE_WIDTH = 128, 2.0
_LEAST_COMMON = 0.2
_COARSE_LEAST, _N_PROPOSED = 0.25, 4
_CHUNK = 1024


@dataclass(frozen=True)
class Look:
    """What is kept of a tile to compare it: coarse (32, 32) float32 of norm 1, fine (128, 128) int8."""

    coarse: NDArray[np.float32]
    fine: NDArray[np.int8]


@dataclass(frozen=True)
class LookAlike:
    """Tile ``a`` of one side, the most similar one ``b`` of the other, and their correlation, at most 1."""

    a: int
    b: int
    similarity: float


def look_at(tile: NDArray[Any]) -> Look | None:
    """Reduce a tile (Y, X) to its look; ``None`` where it has no structure or less than 128 px a side."""
    if min(tile.shape) < _FINE_PX:
        return None
    small = _reduce(rescale_intensity(tile), _FINE_PX)
    coarse, fine = _reduce(small, _COARSE_PX), _detail(small, _FINE_WIDTH)
    coarse = _detail(coarse, _COARSE_WIDTH)
    spread = 1.4826 * float(np.median(np.abs(fine)))
    norm = float(np.linalg.norm(coarse))
    if spread == 0 or norm == 0:
        return None
    clipped = np.clip(fine / spread, -1, 1)
    return Look(coarse / np.float32(norm), np.rint(127 * (clipped - clipped.mean()) / 2).astype(np.int8))


def find_look_alikes(a: Sequence[Look], b: Sequence[Look], least: float = SAME_FIELD) -> list[LookAlike]:
    """Return for each look of ``a`` the one of ``b`` that it resembles most, where it does by ``least``."""
    if not a or not b:
        return []
    spectra = fft.rfft2(np.stack([look.coarse for look in b]))
    found = []
    for i, look in enumerate(a):
        similar = [
            (coarse if coarse >= SAME_PICTURE else _similarity(look, b[j]), j)
            for coarse, j in _propose(look, spectra)
        ]
        similarity, j = max(similar, default=(0.0, -1))
        if similarity >= least:
            found.append(LookAlike(i, j, similarity))
    return found


def _propose(look: Look, spectra: NDArray[np.complex64]) -> list[tuple[float, int]]:
    """Return the few tiles whose coarse picture, shifted around, comes nearest, with their correlation."""
    own = fft.rfft2(look.coarse)
    chunks = (spectra[i : i + _CHUNK] for i in range(0, len(spectra), _CHUNK))
    shape = look.coarse.shape
    best = np.concatenate([fft.irfft2(own * chunk.conj(), s=shape).max(axis=(1, 2)) for chunk in chunks])
    nearest = np.argsort(-best)[:_N_PROPOSED]
    return [(min(1.0, float(best[j])), int(j)) for j in nearest if best[j] >= _COARSE_LEAST]


def _similarity(a: Look, b: Look) -> float:
    """Return the highest normalised correlation over all shifts that leave enough in common."""
    (of_a, square_a), (of_b, square_b) = _spectra(a.fine), _spectra(b.fine)
    frame, has_enough_in_common = _frame()
    energy = _correlate(square_a, frame) * _correlate(frame, square_b)
    energy_least = (0.05 * _energy(a)) * (0.05 * _energy(b))
    similar = _correlate(of_a, of_b) / np.sqrt(np.maximum(energy, energy_least))
    return min(1.0, float(similar[has_enough_in_common].max()))


@cache
def _frame() -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return the spectrum of a tile's outline, and the shifts at which two tiles have enough in common."""
    frame, _ = _spectra(np.ones((_FINE_PX, _FINE_PX), np.int8))
    return frame, _correlate(frame, frame) >= _LEAST_COMMON * _FINE_PX**2


def _energy(look: Look) -> float:
    return float(np.square(look.fine, dtype=np.float32).sum())


def _spectra(fine: NDArray[np.int8]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the spectra of a picture and of its square, padded so that shifts do not wrap around."""
    grey, shape = fine.astype(np.float32), (2 * _FINE_PX, 2 * _FINE_PX)
    return fft.rfft2(grey, s=shape), fft.rfft2(grey**2, s=shape)


def _correlate(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float32]:
    correlation: NDArray[np.float32] = fft.irfft2(a * b.conj(), s=(2 * _FINE_PX, 2 * _FINE_PX))
    return correlation


def _reduce(image: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Average an image over a grid of ``side`` x ``side`` cells."""
    ys, xs = (np.linspace(0, length, side + 1).astype(int) for length in image.shape)
    sums = np.add.reduceat(np.add.reduceat(image, ys[:-1], axis=0), xs[:-1], axis=1)
    return np.asarray(sums / np.outer(np.diff(ys), np.diff(xs)), np.float32)


def _detail(image: NDArray[np.float32], width: float) -> NDArray[np.float32]:
    blurred = ndimage.gaussian_filter(image, width, mode="reflect")
    return np.asarray(image - blurred, np.float32)
