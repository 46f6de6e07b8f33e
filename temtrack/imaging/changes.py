"""What of a picture has changed since an earlier frame, by more than noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from temtrack.imaging.intensity import robust_sigma
from temtrack.imaging.labels import Labels
from temtrack.imaging.registration import Step
from temtrack.imaging.spans import Box, grown, hull, size

#: Standard deviation of the blur (px) after which frames are compared, so that noise of single pixels is low.
BLUR_PX = 2.0

#: Noise is compared over windows of this standard deviation, in cells of so many pixels a side.
WINDOW_PX, CELL_PX = 8.0, 4

#: A place has changed where the power of its difference exceeds that of noise by so many standard deviations,
MIN_EXCESS_SIGMAS = 6.0

#: or where one pixel differs by so many.
MIN_PIXEL_SIGMAS = 5.5

#: Noise above this share of the particles' contrast hides whether an outline has moved by a pixel; as low as
#: this other share it tells a quarter of one, and lower noise counts as that: no mask is finer.
MAX_NOISE_FRACTION, MIN_NOISE_FRACTION = 1 / 12, 1 / 60

#: What lies so near to a change, in cells, counts to it.
_REACH_CELLS = 3

#: About so many pixels of a picture tell noise and common changes.
_N_SAMPLED = 40_000

#: What is common is fitted so many times, each time with less weight on what it leaves unexplained.
_N_FITS = 5

#: Scale of Cauchy's weights, in median absolute differences (2.385 standard deviations).
_CAUCHY_SCALE = 3.5

T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True)
class Reference:
    """A picture whose particles are known.

    Parameters
    ----------
    picture
        (Y, X) as `blurred` returns it.
    labels
        Its particles, (Y, X).
    """

    picture: NDArray[np.float32]
    labels: NDArray[np.int32]

    def moved(self, step: tuple[int, int]) -> Reference:
        """Return it moved by (y, x) whole pixels; what comes in from outside is like what is next to it."""
        return Reference(_moved(self.picture, step), _moved(self.labels, step)) if any(step) else self

    def renewed(self, parts: NDArray[np.bool_], picture: NDArray[np.float32], labels: Labels) -> Reference:
        """Return it with other labels, and with another picture in some parts (Y, X)."""
        return Reference(np.where(parts, picture, self.picture), labels.astype(np.int32))


def blurred(frame: NDArray[np.generic]) -> NDArray[np.float32]:
    """Return a frame (Y, X) as pictures are compared."""
    grey = np.nan_to_num(frame.astype(np.float32), posinf=0, neginf=0)
    return np.asarray(ndimage.gaussian_filter(grey, BLUR_PX), np.float32)


def find_changes(reference: Reference, picture: NDArray[np.float32]) -> NDArray[np.bool_] | None:
    """Return where (Y, X) a picture shows something else than a reference that lies as it does.

    What is common to the whole picture is no change: another brightness of the beam, and a drift by a part of
    a pixel. Noise is told by the median of the differences, and what scatters more than it has changed.

    Returns
    -------
    A mask; ``None`` where it cannot be told: no particle is known, or noise would hide what moves.
    """
    every = max(1, round(np.sqrt(picture.size / _N_SAMPLED)))
    inside = reference.labels[::every, ::every] > 0
    if not inside.any() or inside.all():
        return None
    difference = _without_common(picture - reference.picture, reference.picture, every)
    sampled, grey = (each[::every, ::every] for each in (difference, reference.picture))
    sigma = robust_sigma(sampled)
    contrast = abs(float(np.median(grey[inside])) - float(np.median(grey[~inside])))
    if sigma > MAX_NOISE_FRACTION * contrast or contrast == 0:
        return None
    sigma = max(sigma, MIN_NOISE_FRACTION * contrast)
    power = _cells((difference / np.float32(sigma)) ** 2)
    mean = ndimage.gaussian_filter(power.mean(axis=(1, 3)), WINDOW_PX / CELL_PX)
    changed = mean > 1 + MIN_EXCESS_SIGMAS * BLUR_PX / WINDOW_PX
    changed |= power.max(axis=(1, 3)) > MIN_PIXEL_SIGMAS**2
    changed = ndimage.maximum_filter(changed, 2 * _REACH_CELLS + 1)
    height, width = picture.shape
    return np.asarray(changed.repeat(CELL_PX, axis=0).repeat(CELL_PX, axis=1)[:height, :width])


def boxes_around(changed: NDArray[np.bool_], labels: Labels, margin_px: int) -> list[Box]:
    """Return boxes with a margin around each change and the particles it touches.

    Two become one where that holds no more pixels than they hold together; so margins may overlap.
    """
    touched = changed | np.isin(labels, np.unique(labels[changed & (labels != 0)]))
    boxes = [box for box in ndimage.find_objects(ndimage.label(touched, np.ones((3, 3)))[0]) if box]
    left = [grown(box, margin_px, labels.shape) for box in boxes]
    apart: list[Box] = []
    while left:
        box = left.pop()
        other = next((one for one in apart if size(hull([box, one])) <= size(box) + size(one)), None)
        if other is None:
            apart.append(box)
        else:
            apart.remove(other)
            left.append(hull([box, other]))
    return apart


def replace_particles(
    labels: NDArray[np.int32], found: NDArray[np.int32], changed: NDArray[np.bool_]
) -> NDArray[np.int32]:
    """Return labels (Y, X) with the particles at changed places replaced by those found there.

    A particle that was found and lies where nothing has changed, and no particle was replaced, is left out.
    """
    old = np.isin(labels, np.unique(labels[changed & (labels != 0)])) & (labels != 0)
    kept = np.where(old, 0, labels)
    new = np.isin(found, np.unique(found[(changed | old) & (found != 0)])) & (found != 0) & (kept == 0)
    return np.where(new, found + labels.max(initial=0), kept).astype(np.int32)


def _without_common(
    difference: NDArray[np.float32], picture: NDArray[np.float32], every: int
) -> NDArray[np.float32]:
    """Return a difference less what brightness, contrast and a drift of the picture explain of it.

    It is fitted to every so many-th pixel of each axis, with Cauchy's weights, at first as if nothing were
    common: so what has changed by itself hardly counts.
    """
    common = [picture, *np.gradient(picture)]
    sampled = [np.ones(1, np.float32), *(one[::every, ::every].ravel() for one in common)]
    columns, values = np.stack(np.broadcast_arrays(*sampled), axis=1), difference[::every, ::every].ravel()
    fit = np.array([np.median(values), 0, 0, 0], np.float32)
    for _ in range(_N_FITS):
        left = np.abs(values - columns @ fit)
        weights = 1 / np.hypot(1, left / (_CAUCHY_SCALE * np.median(left) + np.float32(1e-12)))
        fit = np.linalg.lstsq(columns * weights[:, None], values * weights)[0]
    offset, *slopes = fit
    return np.asarray(difference - offset - sum(s * one for s, one in zip(slopes, common, strict=True)))


def _cells(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return values (Y, X) in square cells (Y', CELL_PX, X', CELL_PX), the last ones filled up."""
    height, width = values.shape
    full = np.pad(values, ((0, -height % CELL_PX), (0, -width % CELL_PX)), mode="edge")
    return np.reshape(full, (-(-height // CELL_PX), CELL_PX, -1, CELL_PX))


def _moved(image: NDArray[T], step: tuple[int, int]) -> NDArray[T]:
    rows, columns = (np.clip(np.arange(n) - s, 0, n - 1) for n, s in zip(image.shape, step, strict=True))
    moved: NDArray[T] = image[np.ix_(rows, columns)]
    return moved


def whole_part(step: Step) -> tuple[int, int]:
    """Return a step (y, x) in whole pixels."""
    return round(step[0]), round(step[1])
