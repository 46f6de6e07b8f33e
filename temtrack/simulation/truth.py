"""The truth of a simulated movie: which id each grain bears in each frame, and the lineage."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label as label_pieces

from temtrack.lineage import Fate, Lineage, Merge, Origin, Track
from temtrack.simulation.projection import Floats, Grains, project
from temtrack.simulation.specimen import LEAST_RADIUS_PX, Specimen

#: A particle is in the field where at least this much of it is.
_LEAST_AREA_PX = 8
#: A particle that comes back into the field after at most this many frames is the same track.
_MAX_ABSENCE_FRAMES = 3


@dataclass(frozen=True)
class Truth:
    """``ids`` (T, N) int32, the id of each grain in each frame, 0 where it is not in the field; lineage."""

    ids: NDArray[np.int32]
    lineage: Lineage


@dataclass(frozen=True)
class _Particle:
    """Grains that are one particle from ``first`` to ``last`` frame, with how it came and went in itself."""

    grains: NDArray[np.int64]
    first: int
    last: int
    origin: Origin
    fate: Fate


def derive_truth(specimen: Specimen, height: int, width: int) -> Truth:
    """Find out who is in the field of (height, width) px when, give ids in the order of appearance."""
    particles = _particles(specimen)
    seen = _in_field(specimen, particles, height, width)
    spans = sorted(
        (start, k, end) for k in range(len(particles)) for start, end in _spans(np.flatnonzero(seen[:, k]))
    )
    ids = np.zeros(specimen.paths.radius_px.shape, dtype=np.int32)
    tracks = []
    for number, (start, k, end) in enumerate(spans, start=1):  # parents before their child
        frames = start + np.flatnonzero(seen[start : end + 1, k])
        ids[np.ix_(frames, particles[k].grains)] = number
        tracks.append(_track(number, start, end, particles[k], ids, specimen))
    merges = [_merge(specimen, track, ids, height, width) for track in tracks if track.origin == "merge"]
    ordered = tuple(sorted(merges, key=lambda merge: (merge.frame, merge.child)))
    return Truth(ids, Lineage(specimen.n_frames, tuple(tracks), ordered))


def _particles(specimen: Specimen) -> list[_Particle]:
    """List every particle there ever is: grains by themselves, and the children of merges."""
    alive = specimen.paths.radius_px >= LEAST_RADIUS_PX
    last_frame = specimen.n_frames - 1
    joining = {grain: merge.frame for merge in reversed(specimen.merges) for grain in merge.grains}
    particles: list[_Particle] = []
    holder: dict[int, int] = {}
    for grain in range(alive.shape[1]):
        frames = np.flatnonzero(alive[:, grain])
        ends = joining.get(grain, last_frame + 1)
        if not frames.size or frames[0] >= ends:  # a grain that is born inside a child
            continue
        last = min(int(frames[-1]), ends - 1)
        fate: Fate = "merged" if grain in joining else "dissolved" if last < last_frame else "present"
        origin: Origin = "nucleated" if frames[0] > 0 else "present"
        holder[grain] = len(particles)
        particles.append(_Particle(np.array([grain]), int(frames[0]), last, origin, fate))
    for merge in specimen.merges:
        for k in {holder[grain] for grain in merge.grains if grain in holder}:
            particles[k] = replace(particles[k], last=merge.frame - 1, fate="merged")
        holder.update(dict.fromkeys(merge.grains, len(particles)))
        particles.append(_Particle(np.array(merge.grains), merge.frame, last_frame, "merge", "present"))
    return particles


def _in_field(specimen: Specimen, particles: list[_Particle], height: int, width: int) -> NDArray[np.bool_]:
    """Tell (T, P) in which frames enough of each particle lies in the field, covered or not."""
    extent, size = specimen.paths.extent_px(), (height, width)
    y, x = np.moveaxis(specimen.paths.place_px, 2, 0)
    inside = (y > extent) & (y < height - 1 - extent) & (x > extent) & (x < width - 1 - extent)
    outside = (y < -extent - 1) | (y > height + extent) | (x < -extent - 1) | (x > width + extent)
    seen = np.zeros((specimen.n_frames, len(particles)), dtype=bool)
    for k, particle in enumerate(particles):
        for t in range(particle.first, particle.last + 1):
            if inside[t, particle.grains].all():
                seen[t, k] = True
            elif not outside[t, particle.grains].all():
                area = _area_in_field(
                    specimen.paths.grains(t, particle.grains), extent[t, particle.grains], size
                )
                seen[t, k] = area >= _LEAST_AREA_PX
    return seen


def _area_in_field(grains: Grains, extent_px: Floats, size: tuple[int, int]) -> int:
    """Count the pixels of a body in a field of ``size``, on a canvas no larger than the body."""
    low, high = [], []
    for centre, side in zip((grains.y_px, grains.x_px), size, strict=True):
        low.append(int(np.clip(np.floor((centre - extent_px).min()), 0, side)))
        high.append(int(np.clip(np.ceil((centre + extent_px).max()) + 1, 0, side)))
    moved = replace(grains, y_px=grains.y_px - low[0], x_px=grains.x_px - low[1])
    return int(np.count_nonzero(project(moved, high[0] - low[0], high[1] - low[1]).owner >= 0))


def _spans(frames: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Cut the frames in which a particle is seen into tracks, first and last; short absences do not cut."""
    if not frames.size:
        return []
    cuts = np.flatnonzero(np.diff(frames) > _MAX_ABSENCE_FRAMES + 1) + 1
    return [(int(part[0]), int(part[-1])) for part in np.split(frames, cuts)]


def _track(
    number: int, start: int, end: int, particle: _Particle, ids: NDArray[np.int32], specimen: Specimen
) -> Track:
    """Return a track of a particle: it may come and go over the edge, or as the particle itself does."""
    last_frame = specimen.n_frames - 1
    origin: Origin = "present" if start == 0 else particle.origin if start == particle.first else "entered"
    fate: Fate = "present" if end == last_frame else particle.fate if end == particle.last else "left"
    parents: tuple[int, ...] = ()
    if origin == "merge":
        before = ids[start - 1, particle.grains]
        radii = specimen.paths.radius_px[start - 1, particle.grains]
        sizes = {int(i): float((radii[before == i] ** 3).sum()) for i in set(before[before > 0])}
        parents = tuple(sorted(sizes, key=lambda i: (-sizes[i], i)))
    return Track(number, start, end, origin, fate, parents)


def _merge(specimen: Specimen, child: Track, ids: NDArray[np.int32], height: int, width: int) -> Merge:
    grains = np.flatnonzero(ids[child.start] == child.id)
    contact = child.start
    while contact > 0 and _all_touch(specimen, contact - 1, grains, height, width):
        contact -= 1
    owner = project(specimen.paths.grains(child.start, grains), height, width).owner[0]
    y, x = np.nonzero(owner >= 0)
    seen = contact if contact < child.start else None
    return Merge(child.start, child.id, child.parents, seen, float(y.mean()), float(x.mean()))


def _all_touch(specimen: Specimen, t: int, grains: NDArray[np.int64], height: int, width: int) -> bool:
    owner = project(specimen.paths.grains(t, grains), height, width).owner[0]
    _, n_pieces = label_pieces(owner >= 0, structure=np.ones((3, 3)))
    return bool(n_pieces == 1)
