"""Find tiles that show the same field, shifted or not, though nothing else says so.

Two tiles of one field share the fine structure of their support and their noise; two fields with particles of
one kind share the coarse picture only. So a coarse correlation proposes pairs and a fine one decides: tiles
are reduced to 128 px a side, freed of everything wider than a few pixels, and clipped, so that no bright
outline counts for more than grain does; then they are correlated at every shift that leaves a fifth of
them in common. Where noise hides the grain, as in neighbouring frames of a movie, an all but equal coarse
picture decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage
from scipy.signal import correlate

from temtrack.imaging.intensity import rescale_intensity, robust_sigma

#: Two fields never came above 0.25 among 203 published images; one field seen twice, a third of it in common,
#: not below 0.27.
SAME_FIELD = 0.26
#: The same for the coarse picture, which was never above 0.75 for two fields.
SAME_PICTURE = 0.85

_COARSE_PX, _COARSE_WIDTH = 32, 4.0
_FINE_PX, _FINE_WIDTH = 128, 2.0
_LEAST_COMMON = 0.2
_COARSE_LEAST, _N_PROPOSED = 0.25, 4


@dataclass(frozen=True)
class Signature:
    """What is kept of a tile to compare it: coarse (32, 32) float32 of norm 1, fine (128, 128) int8."""

    coarse: NDArray[np.float32]
    fine: NDArray[np.int8]


def sign(tile: NDArray[Any]) -> Signature | None:
    """Reduce a tile (Y, X) to its signature; ``None`` without structure or with less than 128 px a side."""
    if min(tile.shape) < _FINE_PX:
        return None
    small = _reduce(rescale_intensity(tile), _FINE_PX)
    coarse, fine = _detail(_reduce(small, _COARSE_PX), _COARSE_WIDTH), _detail(small, _FINE_WIDTH)
    spread = robust_sigma(fine)
    norm = float(np.linalg.norm(coarse))
    if spread == 0 or norm == 0:
        return None
    clipped = np.clip(fine / spread, -1, 1)
    return Signature(coarse / np.float32(norm), np.rint(127 * (clipped - clipped.mean()) / 2).astype(np.int8))


def find_near_duplicates(a: Sequence[Signature], b: Sequence[Signature]) -> Iterator[tuple[int, int, float]]:
    """Yield which of ``a`` shows what one of ``b`` does, which that is, and their correlation, at most 1."""
    if not b:
        return
    spectra = fft.rfft2(np.stack([signature.coarse for signature in b]))
    for i, own in enumerate(a):
        similar = [
            (coarse if coarse >= SAME_PICTURE else _correlation(own.fine, b[j].fine), j)
            for coarse, j in _propose(own, spectra)
        ]
        similarity, j = max(similar, default=(0.0, -1))
        if similarity >= SAME_FIELD:
            yield i, j, similarity


def _propose(own: Signature, spectra: NDArray[np.complex64]) -> list[tuple[float, int]]:
    """Return the few tiles whose coarse picture, shifted around, comes nearest, with their correlation."""
    spectrum, shape = fft.rfft2(own.coarse), own.coarse.shape
    best = fft.irfft2(spectrum * spectra.conj(), s=shape).max(axis=(1, 2))
    nearest = np.argsort(-best)[:_N_PROPOSED]
    return [(min(1.0, float(best[j])), int(j)) for j in nearest if best[j] >= _COARSE_LEAST]


def _correlation(a: NDArray[np.int8], b: NDArray[np.int8]) -> float:
    """Return the highest normalised correlation over all shifts that leave enough in common."""
    grey_a, grey_b, frame = a.astype(np.float32), b.astype(np.float32), np.ones(a.shape, np.float32)
    energy = _correlate(grey_a**2, frame) * _correlate(frame, grey_b**2)
    least_energy = 0.05**2 * np.sum(grey_a**2) * np.sum(grey_b**2)
    similar = _correlate(grey_a, grey_b) / np.sqrt(np.maximum(energy, least_energy))
    has_enough_in_common = _correlate(frame, frame) >= _LEAST_COMMON * frame.size
    return min(1.0, float(similar[has_enough_in_common].max()))


def _correlate(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(correlate(a, b, method="fft"), np.float32)


def _reduce(image: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Average an image over a grid of ``side`` x ``side`` cells."""
    ys, xs = (np.linspace(0, length, side + 1).astype(int) for length in image.shape)
    sums = np.add.reduceat(np.add.reduceat(image, ys[:-1], axis=0), xs[:-1], axis=1)
    return np.asarray(sums / np.outer(np.diff(ys), np.diff(xs)), np.float32)


def _detail(image: NDArray[np.float32], width: float) -> NDArray[np.float32]:
    return np.asarray(image - ndimage.gaussian_filter(image, width, mode="reflect"), np.float32)
