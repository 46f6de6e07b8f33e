"""Events in which particles coalesce: two or more at once, or one after another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from temtrack.errors import UsageError
from temtrack.simulation.events import N_TRIES, Event, approach, contact_distance, direction
from temtrack.simulation.merging import NeckGrowth, merge_grains
from temtrack.simulation.paths import confined_walk
from temtrack.simulation.projection import Floats
from temtrack.simulation.shapes import N_ANGLES
from temtrack.simulation.specimen import GrainPaths, MergeEvent, ParticleGroup

#: Frames that two merges in a row need, from the first contact to the life of the last child.
CASCADE_FRAMES = 50
#: Frames between the roundness of the first child and its contact with the third particle.
_PAUSE_FRAMES = 8


def merge_together(rng: np.random.Generator, group: ParticleGroup, contact: int) -> Event:
    """Let all particles of the group become one, their necks starting to grow at ``contact``.

    Raises
    ------
    UsageError
        Where the movie ends before the merge.
    """
    paths, frame = _draw_merge(rng, group, contact)
    paths = _approached(rng, group, paths, contact)
    merges = (MergeEvent(frame, tuple(range(group.radius_px.size))),)
    return Event(_wandering(rng, group, paths), _window(group, contact, frame), merges)


def cascade(rng: np.random.Generator, group: ParticleGroup, contact: int) -> Event:
    """Let two particles merge, and their child, once round, with a third one.

    The child is a grain of its own: it takes the place of its parents' grains when they have become a sphere.

    Raises
    ------
    UsageError
        Where the movie ends before the second merge.
    """
    pair, later = _split_group(group)
    first, first_frame = _draw_merge(rng, pair, contact, relax_frames=3.0)
    swap = int(np.argmax(first.roundness[:, 0] == 1))
    second_contact = max(swap, contact) + _PAUSE_FRAMES
    second, second_frame = _draw_merge(rng, later, second_contact)
    first = _approached(rng, pair, first, contact)
    # The third one waits beyond the reach of the pair until that has drawn together.
    extent = (pair.radius_px * pair.contours.max(axis=1)).max()
    room = float(np.linalg.norm(first.place_px, axis=2).max() + extent - later.radius_px[0] + 4)
    second = _approached(rng, later, second, second_contact, earliest=first_frame + 4, gap_px=max(0.0, room))
    before = (np.arange(group.n_frames) < swap)[:, None]
    paths = GrainPaths(
        place_px=np.concatenate([first.place_px + second.place_px[:, :1], second.place_px], axis=1),
        radius_px=np.hstack(
            [first.radius_px * before, second.radius_px * np.hstack([~before, before | True])]
        ),
        turn=np.hstack([first.turn, second.turn]),
        blend=np.hstack([first.blend * before, second.blend]),
        roundness=np.hstack([first.roundness, second.roundness]),
        contours=np.concatenate([pair.contours, later.contours]),
        layer=np.concatenate([first.layer, second.layer]),
        group=np.concatenate([first.group, second.group]),
    )
    merges = MergeEvent(first_frame, (0, 1, 2)), MergeEvent(second_frame, (0, 1, 2, 3))
    return Event(_wandering(rng, group, paths), _window(group, contact, second_frame), merges)


def _split_group(group: ParticleGroup) -> tuple[ParticleGroup, ParticleGroup]:
    """Return the first two particles of three; and their child, round, with the third."""
    pair = replace(group, radius_px=group.radius_px[:2], contours=group.contours[:2])
    child = (pair.radius_px**group.power).sum() ** (1 / group.power)
    sphere = np.ones(N_ANGLES, dtype=np.float32)
    later = replace(
        group,
        radius_px=np.array([child, group.radius_px[2]]),
        contours=np.stack([sphere, group.contours[2]]),
    )
    return pair, later


def _draw_merge(
    rng: np.random.Generator, group: ParticleGroup, contact: int, relax_frames: float | None = None
) -> tuple[GrainPaths, int]:
    """Draw places and a growth of the necks with which the group merges; return paths and merge frame."""
    for _ in range(N_TRIES):
        growth = NeckGrowth(
            contact=contact,
            neck_frames=float(rng.uniform(1.5, 7)),
            exponent=float(rng.uniform(2, 5)),
            relax_frames=relax_frames or float(rng.uniform(4.5, 11)),
        )
        merged = merge_grains(group, *_cluster(rng, group), growth)
        if merged is not None:
            return merged
    raise UsageError(
        f"no coalescence of {group.radius_px.size} particles fits between frame {contact} and the end of a "
        f"movie of {group.n_frames} frames; ask for more frames or fewer merges"
    )


def _approached(
    rng: np.random.Generator,
    group: ParticleGroup,
    paths: GrainPaths,
    contact: int,
    *,
    earliest: float = 0.0,
    gap_px: float = 0.0,
) -> GrainPaths:
    """Add the way to the contact: each comes in from outside, ``gap_px`` off, not before ``earliest``."""
    n_frames, n = group.n_frames, group.radius_px.size
    delay = rng.uniform(0, 3, n) * (n > 2)
    free = np.column_stack([approach(rng, n_frames, contact - d, earliest) for d in delay])
    places = paths.place_px[0]
    outward = places / np.maximum(np.linalg.norm(places, axis=1, keepdims=True), 1e-9)
    gap = gap_px / 2 + rng.uniform(4, 9, n)
    place_px = paths.place_px + (free * gap)[:, :, None] * outward
    place_px += confined_walk(rng, n_frames, n, min(group.motion_px, 1.2)) * free[:, :, None]
    turn = paths.turn + 0.2 * free * confined_walk(rng, n_frames, n, 1.0)[:, :, 0]
    return replace(paths, place_px=place_px, turn=turn)


def _wandering(rng: np.random.Generator, group: ParticleGroup, paths: GrainPaths) -> GrainPaths:
    return replace(paths, place_px=paths.place_px + confined_walk(rng, group.n_frames, 1, group.motion_px))


def _window(group: ParticleGroup, contact: int, merge_frame: int) -> tuple[int, int]:
    """Return the frames in which all of the event has to lie inside the field."""
    return max(0, contact - 3), min(merge_frame + 10, group.n_frames - 1)


def _cluster(rng: np.random.Generator, group: ParticleGroup) -> tuple[Floats, Floats]:
    """Draw places (n, 2) about the centre of volume, and turns (n,), of particles that just touch."""
    n = group.radius_px.size
    turn = rng.uniform(0, 2 * np.pi, n)
    extent = group.radius_px * group.contours.max(axis=1)
    places = np.zeros((n, 2))
    for new in range(1, n):
        for _ in range(N_TRIES):
            host, angle = int(rng.integers(0, new)), float(rng.uniform(-np.pi, np.pi))
            places[new] = places[host] + contact_distance(group, turn, host, new, angle) * direction(angle)
            apart = np.linalg.norm(places[:new] - places[new], axis=1)
            if np.all(np.delete(apart - extent[:new] - extent[new], host) > 0):
                break
    weight = group.radius_px[:, None] ** 3
    return places - (places * weight).sum(axis=0) / weight.sum(), turn
