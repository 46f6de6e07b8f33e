"""Grains seen from above: their thickness, who owns which pixel, and the necks between them.

A *grain* is a star-shaped lump. Grains of one *cluster* are joined into one body with smooth necks; a
*particle* is what has one label, one grain or several. Everything works on all grains at once, on one flat
list of the pixels in their boxes.

Each grain has the squared half thickness ``q = R^2 - d^2 / m(theta)^2``; q > 0 is its projection. A
cluster is the smooth maximum ``k log(sum exp(q / k))`` of its grains' q with ``k`` its blend (px^2). Two
spheres that intersect in a circle of radius w0 so get the neck ``w^2 = w0^2 + k ln 2``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from temtrack.simulation.shapes import N_ANGLES

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Grains:
    """N grains as arrays (N,); ``contours`` (M, N_ANGLES) is the bank that ``contour`` points into.

    ``y_px``, ``x_px`` are centres with pixel centres on whole numbers; ``turn`` turns the contour (rad);
    ``height`` is thickness relative to a sphere's; ``profile`` is the power p in the half thickness
    ``R (q / R^2)^p``, 0.5 for a sphere, near 0 for a plate; ``layer`` is the storey: grains of different
    layers overlap without being joined, the higher layer in front.
    """

    y_px: Floats
    x_px: Floats
    radius_px: Floats
    contour: NDArray[np.int64]
    contours: NDArray[np.float32]
    turn: Floats
    height: Floats
    profile: Floats
    cluster: NDArray[np.int64]
    blend: Floats
    layer: NDArray[np.int64]

    def __len__(self) -> int:
        return self.radius_px.size

    def reach_px(self, towards: Floats) -> Floats:
        """Return each grain's radius in the direction ``towards`` (N,) (rad, from +x to +y)."""
        bins = np.rint((towards - self.turn) * (N_ANGLES / (2 * np.pi))).astype(np.int64) % N_ANGLES
        return np.asarray(self.radius_px * self.contours[self.contour, bins])


@dataclass(frozen=True)
class Projection:
    """Per layer and pixel the ``owner``, a grain or -1 (L, Y, X) int32, and the thickness (float32)."""

    owner: NDArray[np.int32]
    thickness_px: NDArray[np.float32]

    def labels(self, label: NDArray[np.integer]) -> NDArray[np.int32]:
        """Paint ``label`` (N,) of each grain, front layers over back ones; shape (Y, X)."""
        table = np.append(label, 0).astype(np.int32)
        canvas = table[self.owner[0]]
        for owner in self.owner[1:]:
            layer = table[owner]
            np.copyto(canvas, layer, where=layer > 0)
        return np.asarray(canvas, dtype=np.int32)


def project(grains: Grains, height: int, width: int, n_layers: int | None = None) -> Projection:
    """Project the grains on a canvas of (height, width) pixels."""
    layers = n_layers or int(grains.layer.max(initial=0)) + 1
    grain, pixel, q = _pixels_of_grains(grains, height, width)
    key = grains.layer[grain] * (height * width) + pixel
    highest = np.full(layers * height * width, -np.inf, dtype=np.float32)
    np.maximum.at(highest, key, q)
    owner = np.full(highest.size, -1, dtype=np.int32)
    first = q == highest[key]
    owner[key[first]] = grain[first]
    squared = highest + _neck_fill(grains, grain, key, q, highest)
    owner[squared <= 0] = -1
    shape = (layers, height, width)
    return Projection(owner.reshape(shape), _thickness(grains, owner, squared).reshape(shape))


def _thickness(grains: Grains, owner: NDArray[np.int32], squared: NDArray[np.float32]) -> NDArray[np.float32]:
    thickness = np.zeros(owner.size, dtype=np.float32)
    inside = np.flatnonzero(owner >= 0)
    grain = owner[inside]
    radius = grains.radius_px.astype(np.float32)
    power = grains.profile.astype(np.float32)
    full = 2 * grains.height.astype(np.float32) * radius
    thickness[inside] = full[grain] * (squared[inside] / (radius * radius)[grain]) ** power[grain]
    return thickness


def _pixels_of_grains(
    grains: Grains, height: int, width: int
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.float32]]:
    """Grain, flat pixel index and q of every pixel that a grain covers or helps to cover."""
    extent = np.sqrt((grains.radius_px * grains.contours.max(axis=1)[grains.contour]) ** 2 + 4 * grains.blend)
    top, bottom = _span(grains.y_px, extent, height)
    left, right = _span(grains.x_px, extent, width)
    columns = right - left
    counts = (bottom - top) * columns
    grain = np.repeat(np.arange(len(grains), dtype=np.int32), counts)
    offset = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    row = offset // columns[grain]
    y = row + top[grain]
    x = offset - row * columns[grain] + left[grain]
    q = _squared_half_thickness(grains, grain, y, x)
    near = q > (-4 * grains.blend).astype(np.float32)[grain]
    return grain[near], (y * width + x)[near], q[near]


def _span(centre: Floats, extent: Floats, size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    first = np.clip(np.floor(centre - extent), 0, size).astype(np.int64)
    last = np.clip(np.ceil(centre + extent) + 1, 0, size).astype(np.int64)
    return first, np.maximum(first, last)


def _squared_half_thickness(
    grains: Grains, grain: NDArray[np.int32], y: NDArray[np.int64], x: NDArray[np.int64]
) -> NDArray[np.float32]:
    dy = (y - grains.y_px[grain]).astype(np.float32)
    dx = (x - grains.x_px[grain]).astype(np.float32)
    angle = np.arctan2(dy, dx) - grains.turn.astype(np.float32)[grain]
    bins = np.rint(angle * np.float32(N_ANGLES / (2 * np.pi))).astype(np.int32) % N_ANGLES
    contour = grains.contours[grains.contour[grain], bins]
    radius2 = (grains.radius_px**2).astype(np.float32)[grain]
    return np.asarray(radius2 - (dy * dy + dx * dx) / (contour * contour))


def _neck_fill(
    grains: Grains,
    grain: NDArray[np.int32],
    key: NDArray[np.int64],
    q: NDArray[np.float32],
    highest: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Return what the smooth maximum adds to the plain one: k log(sum exp((q - max) / k))."""
    fill = np.zeros(highest.size, dtype=np.float32)
    blended = np.flatnonzero(grains.blend[grain] > 0)
    if blended.size:
        grain, key, q = grain[blended], key[blended], q[blended]
        blend = grains.blend.astype(np.float32)[grain]
        weight = np.exp((q - highest[key]) / blend)
        total = np.bincount(key, weight, minlength=highest.size)[key]
        fill[key] = blend * np.log(np.maximum(total, 1.0))
    return fill


def measure_necks(projection: Projection, grains: Grains) -> tuple[NDArray[np.int64], Floats]:
    """Measure the necks between grains of one cluster on the pixels.

    Returns pairs (P, 2) of grain indices and half widths (P,) in px: half the extent of the line between the
    two grains' pixels, across the axis of their centres.
    """
    a, b, y, x = np.concatenate([_borders(projection.owner, axis) for axis in (1, 2)], axis=1)
    a, b = a.astype(np.int64), b.astype(np.int64)
    same = grains.cluster[a] == grains.cluster[b]
    a, b, y, x = a[same], b[same], y[same], x[same]
    low, high = np.minimum(a, b), np.maximum(a, b)
    pairs, inverse = np.unique(low * len(grains) + high, return_inverse=True)
    pair = np.stack([pairs // max(len(grains), 1), pairs % max(len(grains), 1)], axis=1)
    axis_y = grains.y_px[pair[:, 1]] - grains.y_px[pair[:, 0]]
    axis_x = grains.x_px[pair[:, 1]] - grains.x_px[pair[:, 0]]
    length = np.maximum(np.hypot(axis_y, axis_x), 1e-6)
    across = (x * (axis_y / length)[inverse]) - (y * (axis_x / length)[inverse])
    lowest, highest = np.full(len(pairs), np.inf), np.full(len(pairs), -np.inf)
    np.minimum.at(lowest, inverse, across)
    np.maximum.at(highest, inverse, across)
    return pair, (highest - lowest + 1) / 2


def _borders(owner: NDArray[np.int32], axis: int) -> Floats:
    """Return both owners and the place y, x between them, (4, B), where owners differ along ``axis``."""
    before = owner[:, :-1] if axis == 1 else owner[:, :, :-1]
    after = owner[:, 1:] if axis == 1 else owner[:, :, 1:]
    where = np.nonzero((before != after) & (before >= 0) & (after >= 0))
    shift = (0.5, 0.0) if axis == 1 else (0.0, 0.5)
    return np.stack([before[where], after[where], where[1] + shift[0], where[2] + shift[1]])
