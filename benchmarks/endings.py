"""Merges for trackers that know none: what ends beside a particle that grows by as much went into it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from seen import Event

#: Areas before and after a merge are means of so many frames, since outlines jitter.
N_AREA_FRAMES = 3


@dataclass(frozen=True)
class Ending:
    """A track that ends before the movie does, and its neighbours in the next frame, the nearest first.

    ``growth`` of each neighbour is by how much its area grew, in units of the ended track's area.
    """

    track: int
    neighbours: list[int]
    growth: list[float]


def give_ended_tracks(
    particles: pd.DataFrame, ids: NDArray[np.integer], reach_px: float, misfit: float
) -> list[Event]:
    """Let each track that ends go into the neighbour whose area grew most nearly by its own, as a merge.

    It is the obvious addition to trackers that know no merges. A neighbour lives before and after, within the
    reach, and its growth differs from the ended track's area by at most ``misfit`` times that area.
    """

    def grown(end: Ending) -> int | None:
        fits = [(abs(g - 1), k) for g, k in zip(end.growth, end.neighbours, strict=True)]
        return min(fits)[1] if fits and min(fits)[0] <= misfit else None

    return merges_of(particles, ids, reach_px, grown)


def merges_of(
    particles: pd.DataFrame,
    ids: NDArray[np.integer],
    reach_px: float,
    choose: Callable[[Ending], int | None],
) -> list[Event]:
    """Gather the tracks that end in the same neighbour in the same frame; the child has its id."""
    into: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for frame, end in _endings(particles, ids, reach_px):
        heir = choose(end)
        if heir is not None:
            into[frame, heir].append(end.track)
    return [(frame, heir, (heir, *ended)) for (frame, heir), ended in into.items()]


def _endings(
    particles: pd.DataFrame, ids: NDArray[np.integer], reach_px: float
) -> Iterator[tuple[int, Ending]]:
    """Yield the frame after each track's last one, and the ending."""
    tracks = dict(iter(particles.groupby(np.asarray(ids))))
    frames = {k: rows["frame"].to_numpy() for k, rows in tracks.items()}
    areas = {k: rows["area"].to_numpy(float) for k, rows in tracks.items()}
    n_frames = int(particles["frame"].max()) + 1
    alive = {t: rows.index.to_numpy() for t, rows in particles.groupby("frame")}
    place = particles[["y", "x"]].to_numpy()
    for track, rows in tracks.items():
        frame = int(frames[track][-1]) + 1
        if frame not in alive or frame >= n_frames:
            continue
        away = np.linalg.norm(place[alive[frame]] - place[rows.index[-1]], axis=1)
        near = [int(ids[alive[frame][k]]) for k in np.argsort(away) if away[k] <= reach_px]
        near = [k for k in near if frames[k][0] < frame]
        own = areas[track][-N_AREA_FRAMES:].mean()
        growth = []
        for k in near:
            cut = int(np.searchsorted(frames[k], frame))
            before, after = areas[k][max(0, cut - N_AREA_FRAMES) : cut], areas[k][cut : cut + N_AREA_FRAMES]
            growth.append(float(after.mean() - before.mean()) / own)
        yield frame, Ending(int(track), near, growth)
