"""Coalescence: the neck grows, the centres draw together, the volume stays.

At contact the parents' centres stand at offsets p_i. Later they stand at ``g s p_i`` with radii ``g R_i``: s
falls from 1 to 0, and g keeps the volume, or the area of flat particles. In two spheres that intersect in a
circle of half width w0 the smooth union (blend k = w0^2) has the neck ``w = w0 sqrt(1 + ln 2)``; so a wanted
neck ratio x gives s. Up to the merge x grows as ``NECK_RATIO (t / t_neck)^(1/n)`` (sintering,
x/R = (B t)^(1/n)); from then on s decays exponentially (Koch and Friedlander,
doi:10.1016/0021-9797(90)90262-R).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, label
from scipy.sparse.csgraph import connected_components

from temtrack.lineage import MIN_CHILD_FRAMES, NECK_RATIO
from temtrack.simulation.projection import Floats, Grains, project
from temtrack.simulation.specimen import GrainPaths, ParticleGroup

#: Neck of the smooth union over that of the sharp one.
BLEND_GAIN = float(np.sqrt(1 + np.log(2)))

#: Grid steps per smaller radius where volumes and necks are measured.
_STEPS_PER_RADIUS = 32


@dataclass(frozen=True)
class NeckGrowth:
    """Time course of one coalescence, in frames (real numbers)."""

    contact: float
    neck_frames: float = 5.0
    exponent: float = 3.0
    relax_frames: float = 6.0


def neck_ratio(growth: NeckGrowth, n_frames: int) -> Floats:
    """Return the wanted neck over the smaller radius (n_frames,), held at `NECK_RATIO` after the merge."""
    since = np.clip((np.arange(n_frames) - growth.contact) / growth.neck_frames, 0, 1)
    return np.asarray(NECK_RATIO * since ** (1 / growth.exponent))


def closeness(growth: NeckGrowth, n_frames: int, larger: float, smaller: float) -> Floats:
    """Return s (n_frames,) for spheres of these radii in contact: 1 until the contact, 0 when round."""
    w = neck_ratio(growth, n_frames) * smaller / BLEND_GAIN
    s = (np.sqrt(larger**2 - w**2) + np.sqrt(smaller**2 - w**2)) / (larger + smaller)
    after = np.arange(n_frames) - growth.contact - growth.neck_frames
    s *= np.exp(-np.maximum(after, 0) / growth.relax_frames)
    return np.asarray(np.where(s < 0.02, 0.0, s))


def merge_grains(
    group: ParticleGroup, places: Floats, turn: Floats, growth: NeckGrowth
) -> tuple[GrainPaths, int] | None:
    """Return the paths and the merge frame of grains in contact at ``places`` (n, 2), turned by (n,).

    None where their necks reach `NECK_RATIO` so far apart in time that it would be two events, or where the
    child does not live for `MIN_CHILD_FRAMES` within the movie.
    """
    radii = np.sort(group.radius_px)
    s = closeness(growth, group.n_frames, float(radii[-1]), float(radii[0]))
    reach = min(np.sqrt(radii[0] * radii[-1]), 1.2 * radii[0])
    blend = reach**2 * (1 - s**2)
    n, last = group.radius_px.size, group.n_frames - 1
    joining = replace(
        GrainPaths.of_group(group, places * s[:, None, None], turn),
        blend=np.tile(blend[:, None], n),
        roundness=np.tile((1 - s)[:, None], n),
    )
    g = _growth_factors(joining, s, group.power)
    paths = replace(
        joining,
        place_px=places * (s * g)[:, None, None],
        radius_px=group.radius_px * g[:, None],
        blend=np.tile((blend * g**2)[:, None], n),
    )

    def n_bodies(t: int) -> int:
        return int(connected_components(joins(paths.grains(t), group.radius_px))[0])

    first = int(np.ceil(growth.contact))
    merge_frame = first_frame_for_good(lambda t: n_bodies(t) == 1, first, last)
    first_neck = first_frame_for_good(lambda t: n_bodies(t) < n, first, last)
    if merge_frame is None or first_neck is None:
        return None
    if merge_frame - first_neck >= MIN_CHILD_FRAMES or merge_frame + MIN_CHILD_FRAMES > group.n_frames:
        return None
    return paths, merge_frame


def content(grains: Grains, power: int) -> float:
    """Measure the volume (px^3, ``power`` 3) or projected area (px^2, 2) of a small body on a fine grid."""
    fine, _, shape = _on_fine_grid(grains)
    scale = fine.radius_px[0] / grains.radius_px[0]
    projection = project(fine, *shape, n_layers=1)
    measured = projection.thickness_px.sum(dtype=np.float64) if power == 3 else (projection.owner >= 0).sum()
    return float(measured / scale**power)


def _growth_factors(joining: GrainPaths, s: Floats, power: int) -> Floats:
    """Return g (T,), by which the body must be scaled to keep its content; 1 until the contact."""
    total = content(joining.grains(0), power)
    g = np.ones(s.size)
    for t in np.flatnonzero(s < 1).tolist():
        is_at_rest = s[t] == 0 and s[t - 1] == 0
        g[t] = g[t - 1] if is_at_rest else (total / content(joining.grains(t), power)) ** (1 / power)
    return g


def joins(grains: Grains, radius_px: Floats, ratio: float = NECK_RATIO) -> NDArray[np.bool_]:
    """Tell which pairs (n, n) are joined by a neck of half width ``ratio`` of the smaller ``radius_px`` (n,).

    A neck is as wide as the widest disc that passes from one centre to the other inside the projection.
    """
    fine, centres, shape = _on_fine_grid(grains)
    scale = fine.radius_px[0] / grains.radius_px[0]
    room = distance_transform_edt(project(fine, *shape, n_layers=1).owner[0] >= 0) - 0.5
    joined = np.eye(len(grains), dtype=bool)
    for i, j in zip(*np.triu_indices(len(grains), 1), strict=True):
        rooms, _ = label(room >= ratio * scale * min(radius_px[i], radius_px[j]))
        at_i, at_j = rooms[tuple(centres[i])], rooms[tuple(centres[j])]
        joined[i, j] = joined[j, i] = at_i == at_j and at_i > 0
    return joined


def first_frame_for_good(holds: Callable[[int], bool], first: int, last: int) -> int | None:
    """Return the first frame in [first, last] where ``holds``, which once true stays true; None if never."""
    return first + bisect_left(range(first, last), True, key=holds) if holds(last) else None


def _on_fine_grid(grains: Grains) -> tuple[Grains, NDArray[np.int64], tuple[int, int]]:
    """Scale and shift grains to a grid of their own; also the grid positions of their centres."""
    scale = _STEPS_PER_RADIUS / float(grains.radius_px.min())
    extent = grains.radius_px * grains.contours.max(axis=1)[grains.contour] + 2 * np.sqrt(grains.blend)
    low_y, low_x = float((grains.y_px - extent).min()), float((grains.x_px - extent).min())
    high_y, high_x = float((grains.y_px + extent).max()), float((grains.x_px + extent).max())
    fine = replace(
        grains,
        y_px=(grains.y_px - low_y) * scale + 2,
        x_px=(grains.x_px - low_x) * scale + 2,
        radius_px=grains.radius_px * scale,
        blend=grains.blend * scale**2,
        layer=np.zeros_like(grains.layer),
    )
    centres = np.rint(np.column_stack([fine.y_px, fine.x_px])).astype(np.int64)
    return fine, centres, (int((high_y - low_y) * scale) + 5, int((high_x - low_x) * scale) + 5)
