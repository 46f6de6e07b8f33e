"""Evidence for a merge: whether the area of what is gone, and its weight, passed to the neighbour.

A particle that vanishes beside another has merged into it, or has dissolved, left or been lost. After a merge
the other one has both areas, all of both (flat particles) down to that of one sphere of their volumes, and
its centre has moved to their common one; otherwise neither changes but by chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from temtrack.linking.noise import MovieNoise, log_t

#: Areas are medians over at most so many frames on either side: one odd outline then changes nothing. Where
#: outlines jitter, those of tracks in one detection are medians over more: so many that the ratio scatters by
#: no more than `WANTED_AREA_SIGMA`.
N_AREA_FRAMES, MAX_AREA_FRAMES, WANTED_AREA_SIGMA = 5, 12, 0.07

#: However many frames, areas are no surer than this: particles grow and shrink meanwhile.
LEAST_AREA_SIGMA = 0.03

#: What is seen of one that the border cuts scatters so much, as a logarithm.
CUT_AREA_SIGMA = 0.2

#: Logarithms of the areas of new particles spread over about so much.
AREA_RANGE_LOG = 3.0

#: A merge is beyond doubt with so many nats.
SURE_NATS = 4.0

#: Before anything is measured, that a particle which vanishes at full size beside another has merged is as
#: likely as this over that it has not, in nats; less so by a nat for each scale of the gap between them.
LOG_ODDS_STEADY = 0.0

#: A child is off the common centre of its parents by about so much of the way to it.
PULL_FRACTION = 0.5

#: In this share of the merges a parent that sticks to the support takes up the other and stays where it was.
PINNED_FRACTION = 0.3

#: The same of one that was dissolving, of one that may have left the field, and of one seen so shortly
#: that it may be a spurious detection.
LOG_ODDS_DISSOLVING, LOG_ODDS_AT_BORDER, LOG_ODDS_SEEN_SHORTLY = -3.0, -3.0, -3.0


@dataclass(frozen=True)
class Vanishing:
    """What was seen of particles that vanish beside another.

    Parameters
    ----------
    other_px, gone_px
        Areas before: of the one that goes on, and the sum of those that vanish.
    after_px
        Area of the one that goes on, after.
    n_before, n_after
        Frames that these are medians of.
    pull
        How far the one that goes on moved towards those that vanish, over how far their common centre is
        from it, both in pixels; ``None`` where it was not seen.
    gap_px
        Between the outlines, before.
    log_odds
        What is known beforehand, in nats.
    n_cut
        Of the one that goes on, the sides, before and after, of which the border cuts all frames: areas on
        two say little, and on one nothing.
    """

    other_px: float
    gone_px: float
    after_px: float
    n_before: int
    n_after: int
    pull: tuple[float, float] | None
    gap_px: float
    log_odds: float
    n_cut: int = 0


def nats_for_merge(
    seen: Vanishing, noise: MovieNoise, radius_px: float, pinned_fraction: float = PINNED_FRACTION
) -> float:
    """Return how much likelier a merge is than none, as a logarithm.

    ``radius_px`` is the usual radius of the movie's particles, ``pinned_fraction`` how many of those that
    take up others stay where they are.
    """
    motion = noise.motion_px(radius_px)
    sigma = area_sigma(seen, noise)
    merged = noise.log_density_after(seen.other_px, seen.gone_px, seen.after_px, sigma)
    change = np.log(seen.after_px / seen.other_px) / sigma if seen.other_px else None
    alone = -np.log(AREA_RANGE_LOG) if change is None else float(log_t(np.array(change), 1)) - np.log(sigma)
    by_area = 0.0 if seen.n_cut == 1 else merged - alone
    nats = by_area + seen.log_odds - max(seen.gap_px, 0.0) / noise.gap_scale_px(radius_px)
    if seen.pull is not None:
        moved, expected = seen.pull
        loose = np.hypot(motion, PULL_FRACTION * expected)
        merged = log_t(np.array((moved - expected) / loose), 1) - np.log(loose)
        stayed = log_t(np.array(moved / motion), 1) - np.log(motion)
        nats += float(np.log((1 - pinned_fraction) * np.exp(merged - stayed) + pinned_fraction))
    return float(nats)


def n_area_frames(noise: MovieNoise) -> int:
    """Return over how many frames the areas of what came to share a detection are medians."""
    wanted = 2 * (noise.area_log() / WANTED_AREA_SIGMA) ** 2
    return int(np.clip(np.ceil(wanted), N_AREA_FRAMES, MAX_AREA_FRAMES))


def area_sigma(seen: Vanishing, noise: MovieNoise) -> float:
    """Return the standard deviation of the logarithm of the area after over that before."""
    frames = 1 / max(seen.n_before, 1) + 1 / seen.n_after
    least = CUT_AREA_SIGMA if seen.n_cut else LEAST_AREA_SIGMA
    return float(max(least, noise.area_log() * np.sqrt(frames)))


def tree_gaps(at: NDArray[np.float64], radius: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the gaps along the shortest tree that joins discs, (N - 1,); below 0 where they overlap.

    Parameters
    ----------
    at
        (N, 2) centres.
    radius
        (N,) radii.
    """
    gaps = np.linalg.norm(at[:, None] - at[None], axis=2) - radius[:, None] - radius[None]
    joined, apart, along = [0], list(range(1, len(at))), []
    while apart:
        among = gaps[np.ix_(joined, apart)].min(axis=0)
        along.append(float(among.min()))
        joined.append(apart.pop(int(np.argmin(among))))
    return np.array(along)
