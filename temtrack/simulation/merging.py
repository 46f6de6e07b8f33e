"""Episodes in which particles coalesce: two or more at once, or one after another."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from temtrack.errors import UsageError
from temtrack.simulation.coalescence import Cast, Fusion, NeckGrowth, fuse
from temtrack.simulation.episodes import N_TRIES, Episode, Union, approach, contact_distance, episode_of
from temtrack.simulation.paths import confined_walk
from temtrack.simulation.projection import Floats
from temtrack.simulation.shapes import N_ANGLES

#: Frames that two merges in a row need, from the first contact to the life of the last child.
CASCADE_FRAMES = 50
#: Frames between the roundness of the first child and its contact with the third particle.
_PAUSE_FRAMES = 8


@dataclass(frozen=True)
class _Wait:
    """Particles stay at least ``gap_px`` apart until the frame ``until``."""

    until: float = 0.0
    gap_px: float = 0.0


_NO_WAIT = _Wait()


def coalesce(rng: np.random.Generator, cast: Cast, contact: int) -> Episode:
    """Let all particles of the cast become one, their necks starting to grow at ``contact``.

    Raises
    ------
    UsageError
        Where the movie ends before the merge.
    """
    union, growth = _fusion(rng, cast, contact)
    offsets, turn = _approached(rng, cast, union, growth)
    frames = (max(0, contact - 3), min(union.merge_frame + 10, cast.n_frames - 1))
    episode = episode_of(rng, cast, offsets, union.radius_px, turn=turn, window=frames)
    unions = (Union(union.merge_frame, tuple(range(cast.radius_px.size))),)
    return replace(episode, blend=union.blend, roundness=union.roundness, unions=unions)


def cascade(rng: np.random.Generator, cast: Cast, contact: int) -> Episode:
    """Let two particles merge, and their child, once round, with a third one.

    The child is a grain of its own: it takes the place of its parents' grains when they have become a sphere.

    Raises
    ------
    UsageError
        Where the movie ends before the second merge.
    """
    pair, later = _split_cast(cast)
    first, first_growth = _fusion(rng, pair, contact, relax_frames=3.0)
    swap = int(np.argmax(first.roundness[:, 0] == 1))
    second, growth = _fusion(rng, later, max(swap, contact) + _PAUSE_FRAMES)
    one, turn_one = _approached(rng, pair, first, first_growth)
    # The third one waits beyond the reach of the pair until that has drawn together.
    extent = (pair.radius_px * pair.outlines.max(axis=1)).max()
    room = np.linalg.norm(one, axis=2).max() + extent - later.radius_px[0] + 4
    wait = _Wait(until=first.merge_frame + 4, gap_px=max(0.0, float(room)))
    two, turn_two = _approached(rng, later, second, growth, wait)
    before = (np.arange(cast.n_frames) < swap)[:, None]
    radius = np.hstack([first.radius_px * before, second.radius_px * np.hstack([~before, before | True])])
    everyone = replace(
        cast, radius_px=radius.max(axis=0), outlines=np.concatenate([pair.outlines, later.outlines])
    )
    episode = episode_of(
        rng,
        everyone,
        np.concatenate([one + two[:, :1], two], axis=1),
        radius,
        turn=np.hstack([turn_one, turn_two]),
        window=(max(0, contact - 3), min(second.merge_frame + 10, cast.n_frames - 1)),
    )
    return replace(
        episode,
        blend=np.hstack([first.blend * before, second.blend]),
        roundness=np.hstack([first.roundness, second.roundness]),
        unions=(Union(first.merge_frame, (0, 1, 2)), Union(second.merge_frame, (0, 1, 2, 3))),
    )


def _split_cast(cast: Cast) -> tuple[Cast, Cast]:
    """Return the first two particles of three; and their child, a sphere of their volume, with the third."""
    pair = replace(cast, radius_px=cast.radius_px[:2], outlines=cast.outlines[:2])
    child = (pair.radius_px**3).sum() ** (1 / 3)
    sphere = np.ones(N_ANGLES, dtype=np.float32)
    later = replace(
        cast,
        radius_px=np.array([child, cast.radius_px[2]]),
        outlines=np.stack([sphere, cast.outlines[2]]),
    )
    return pair, later


def _fusion(
    rng: np.random.Generator, cast: Cast, contact: int, relax_frames: float | None = None
) -> tuple[Fusion, NeckGrowth]:
    for _ in range(N_TRIES):
        growth = NeckGrowth(
            contact=contact,
            neck_frames=float(rng.uniform(1.5, 7)),
            exponent=float(rng.uniform(2, 5)),
            relax_frames=relax_frames or float(rng.uniform(4.5, 11)),
        )
        union = fuse(cast, *_cluster(rng, cast), growth)
        if union is not None:
            return union, growth
    raise UsageError(
        f"no coalescence of {cast.radius_px.size} particles fits between frame {contact} and the end of a "
        f"movie of {cast.n_frames} frames; ask for more frames or fewer merges"
    )


def _approached(
    rng: np.random.Generator, cast: Cast, union: Fusion, growth: NeckGrowth, wait: _Wait = _NO_WAIT
) -> tuple[Floats, Floats]:
    """Return offsets (T, n, 2) and turns (T, n) with the way to the contact: each comes in from outside."""
    n_frames, n = cast.n_frames, cast.radius_px.size
    delay = rng.uniform(0, 3, n) * (n > 2)
    free = np.column_stack([approach(rng, n_frames, growth.contact - d, wait.until) for d in delay])
    places = union.offsets[0]
    outward = places / np.maximum(np.linalg.norm(places, axis=1, keepdims=True), 1e-9)
    gap = wait.gap_px / 2 + rng.uniform(4, 9, n)
    offsets = union.offsets + (free * gap)[:, :, None] * outward
    offsets += confined_walk(rng, n_frames, n, min(cast.motion_px, 1.2)) * free[:, :, None]
    return offsets, union.turn + 0.2 * free * confined_walk(rng, n_frames, n, 1.0)[:, :, 0]


def _cluster(rng: np.random.Generator, cast: Cast) -> tuple[Floats, Floats]:
    """Draw places (n, 2) about the centre of volume, and turns (n,), of particles that just touch."""
    n = cast.radius_px.size
    turn = rng.uniform(0, 2 * np.pi, n)
    extent = cast.radius_px * cast.outlines.max(axis=1)
    places = np.zeros((n, 2))
    for new in range(1, n):
        for _ in range(N_TRIES):
            host, angle = int(rng.integers(0, new)), float(rng.uniform(-np.pi, np.pi))
            distance = contact_distance(cast, turn, host, new, angle)
            places[new] = places[host] + distance * np.array([np.sin(angle), np.cos(angle)])
            apart = np.linalg.norm(places[:new] - places[new], axis=1)
            if np.all(np.delete(apart - extent[:new] - extent[new], host) > 0):
                break
    weight = cast.radius_px[:, None] ** 3
    return places - (places * weight).sum(axis=0) / weight.sum(), turn
