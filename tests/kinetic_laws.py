"""Tables of made-up runs that follow known laws, with the noise of a measurement.

Each function gives an `ObservedRun`; lengths are in nm and the pixel size is 0.5 nm unless it says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.special import k0

from temtrack.kinetics.observed import ObservedRun

NM_PER_PX = 0.5


@dataclass(frozen=True)
class World:
    """Size of a made-up run, and the noise of its diameters and places in nm."""

    n_particles: int = 120
    n_frames: int = 60
    frame_time_s: float = 2.0
    field_nm: float = 600.0
    diameter_nm: float = 10.0
    spread: float = 0.25
    size_noise_nm: float = 0.15
    shape_noise: float = 0.02
    flicker: float = 0.03

    @property
    def seconds(self):
        return np.arange(self.n_frames) * self.frame_time_s

    def relative_sizes(self, rng):
        """Log-normal sizes of mean 1."""
        return np.exp(rng.normal(-(self.spread**2) / 2, self.spread, self.n_particles))


def observe(world, diameters_nm, rng, fates=None, merges=None, steps_nm=None, aspect=None, bases_nm=None):
    """Turn true diameters (N, T), NaN where a particle is not there, into the tables of a run.

    ``steps_nm`` (N, T, 2) moves the particles from their places, ``bases_nm`` (N, 2) or at random.
    """
    n, n_frames = diameters_nm.shape
    bases = rng.uniform(20, world.field_nm - 20, (n, 2)) if bases_nm is None else bases_nm
    places = bases[:, None] + (0 if steps_nm is None else steps_nm)
    places = np.broadcast_to(places, (n, n_frames, 2))
    one, frame = np.nonzero(~np.isnan(diameters_nm))
    seen = (
        np.maximum(diameters_nm[one, frame] + rng.normal(0, world.size_noise_nm, one.size), 0.5) / NM_PER_PX
    )
    shape = (np.ones(diameters_nm.shape) if aspect is None else aspect)[one, frame]
    shape = shape + rng.normal(0, world.shape_noise, one.size)
    particles = pd.DataFrame(
        {
            "frame": frame,
            "particle_id": one + 1,
            "y_px": places[one, frame, 0] / NM_PER_PX,
            "x_px": places[one, frame, 1] / NM_PER_PX,
            "area_px": np.pi / 4 * seen**2,
            "equivalent_diameter_px": seen,
            "major_axis_px": seen * np.sqrt(shape),
            "minor_axis_px": seen / np.sqrt(shape),
            "touches_border": np.zeros(one.size, dtype=bool),
        }
    ).sort_values(["frame", "particle_id"], ignore_index=True)
    frames = particles.groupby("particle_id")["frame"]
    tracks = pd.DataFrame({"start_frame": frames.min(), "end_frame": frames.max()}).reset_index()
    tracks["fate"] = "present" if fates is None else [fates[one - 1] for one in tracks["particle_id"]]
    if merges is None:
        merges = pd.DataFrame(
            {
                name: []
                for name in ("event_id", "frame", "child_id", "n_parents", "contact_frame", "area_ratio")
            }
        ).assign(parent_ids=[], neck_ratios=[], gaps_px=[])
    size_px = int(world.field_nm / NM_PER_PX)
    field = (size_px, size_px)
    return ObservedRun(particles, tracks, merges, field, world.n_frames, NM_PER_PX, world.seconds)


def uncalibrated(run, scale=True, times=True):
    """The same run where nobody gave the pixel size, or the frame times."""
    run = replace(run, pixel_size_nm=None) if scale else run
    return replace(run, seconds=None) if times else run


def _scattered(world, rng):
    """Sizes (N, T) over the mean: each particle's own, and what wanders slowly about it."""
    n, t = world.n_particles, world.n_frames
    memory = 0.9
    kicks = rng.normal(0, world.flicker, (n, t))
    wander = np.empty((n, t))
    wander[:, 0] = kicks[:, 0]
    for frame in range(1, t):
        wander[:, frame] = memory * wander[:, frame - 1] + np.sqrt(1 - memory**2) * kicks[:, frame]
    return world.relative_sizes(rng)[:, None] * (1 + wander)


def growing(rng, exponent=3.0, ratio=1.8, world=None):
    world = world or World()
    return observe(world, grow(world, rng, exponent, ratio), rng)


def grow(world, rng, exponent=3.0, ratio=1.8):
    """Diameters (N, T): each keeps its share of a mean that follows ``<d>^n = <d0>^n + K t``."""
    start, end = world.diameter_nm**exponent, (ratio * world.diameter_nm) ** exponent
    mean = (start + (end - start) * world.seconds / world.seconds[-1]) ** (1 / exponent)
    return _scattered(world, rng) * mean


def growth_constant(exponent=3.0, ratio=1.8, world=None):
    world = world or World()
    return world.diameter_nm**exponent * (ratio**exponent - 1) / world.seconds[-1]


def losing_dispersion(rng, order=2, rate=0.05, final=0.3, world=None):
    world = world or World(n_frames=80)
    return observe(world, lose_dispersion(world, rng, order, rate, final), rng)


def lose_dispersion(world, rng, order=2, rate=0.05, final=0.3):
    """Diameters (N, T) whose dispersion follows the general power law expression."""
    t = world.seconds
    if order == 1:
        y = final + (1 - final) * np.exp(-rate * t)
    else:
        y = final + (1 - final) / (1 + rate * (1 - final) * t)
    return _scattered(world, rng) * world.diameter_nm / y


def ripening(rng, rate=3.0, world=None, power=2.0):
    world = world or World(spread=0.3)
    return _observe_vanishing(world, ripen(world, rng, rate, power=power), rng)


def ripen(world, rng, rate=3.0, least_nm=1.5, power=2.0):
    """Diameters (N, T): large ones grow on what small ones lose, ``dV/dt ~ d^power (1/d* - 1/d)``.

    The volume stays; ``dd/dt = rate d^(power - 2) (1/d* - 1/d)``.
    """
    d = world.diameter_nm * world.relative_sizes(rng)
    substeps = 40
    step_s = world.frame_time_s / substeps
    seen = np.full((d.size, world.n_frames), np.nan)
    for frame in range(world.n_frames):
        alive = d > 0
        seen[alive, frame] = d[alive]
        for _ in range(substeps):
            alive = d > least_nm
            critical = (d[alive] ** power).sum() / (d[alive] ** (power - 1)).sum()
            d[alive] += rate * step_s * d[alive] ** (power - 2) * (1 / critical - 1 / d[alive])
            d[d <= least_nm] = 0
    return seen


def exchanging(rng, screening_nm=None, rate=60.0, world=None):
    """Particles in places that stay exchange volume, ``dV_i/dt ~ sum_j f_ij (1/d_j - 1/d_i)``.

    f is K0 of the distance over the screening length, or the same for all pairs: a mean field.
    """
    world = world or World(n_particles=200, n_frames=50, field_nm=300.0, spread=0.3)
    bases = np.empty((0, 2))
    while len(bases) < world.n_particles:
        one = rng.uniform(10, world.field_nm - 10, 2)
        if not len(bases) or np.linalg.norm(bases - one, axis=1).min() > 1.2 * world.diameter_nm:
            bases = np.vstack([bases, one])
    d, seen, substeps = world.diameter_nm * world.relative_sizes(rng), [], 5
    apart = np.linalg.norm(bases[:, None] - bases[None], axis=2) + 1e9 * np.eye(d.size)
    exchange = np.full(apart.shape, 1.0) if screening_nm is None else k0(apart / screening_nm)
    exchange = exchange / exchange.sum(axis=1).mean()
    for _ in range(world.n_frames):
        seen.append(np.where(d > 1.5, d, np.nan))
        for _ in range(substeps):
            alive = d > 1.5
            curvature = np.where(alive, 1 / np.maximum(d, 1.5), 0)
            gain = exchange @ curvature - (exchange @ alive) * curvature
            d = np.where(
                alive, d + rate * gain / np.maximum(d, 1.5) ** 2 * world.frame_time_s / substeps, 0.0
            )
    diameters = np.stack(seen, axis=1)
    fates = np.where(np.isnan(diameters[:, -1]), "dissolved", "present")
    return observe(world, diameters, rng, fates, bases_nm=bases)


def ripening_constant(rate, power):
    """K of ``dV/dt = K r^p (1/r* - 1/r)``, of spheres, for what `ripen` is given."""
    return np.pi / 2 * rate * 2 ** (power - 1)


def fluctuating(rng, diffusion=20.0, rate=2.0, world=None):
    world = world or World(spread=0.2)
    return observe(world, fluctuate(world, rng, diffusion, rate), rng)


def fluctuate(world, rng, diffusion, rate=0.0):
    """Diameters (N, T) whose volumes wander, ``<dV^2> = 2 diffusion t``, beside an even gain or loss each."""
    n, t = world.n_particles, world.n_frames
    start = np.pi / 6 * (world.diameter_nm * world.relative_sizes(rng)) ** 3
    walk = rng.normal(0, np.sqrt(2 * diffusion * world.frame_time_s), (n, t)).cumsum(axis=1)
    drift = rate * rng.normal(0, 1, (n, 1)) * world.seconds
    return np.cbrt(6 / np.pi * np.maximum(start[:, None] + walk + drift, 20.0))


def colliding(rng, exponent=0.0, n_merges=60, world=None):
    """Two particles merge at even times, chosen among all pairs as ``r_i^exponent + r_j^exponent`` says."""
    world = world or World(n_particles=200, spread=0.4)
    frames = np.sort(rng.integers(6, world.n_frames - 1, n_merges))
    d = [np.full(world.n_frames, one) for one in world.diameter_nm * world.relative_sizes(rng)]
    fates, merges, frames = ["present"] * len(d), [], frames.tolist()
    born = [0] * len(d)
    for frame in frames:
        there = [one for one, of in enumerate(d) if born[one] < frame and not np.isnan(of[frame])]
        size = np.array([d[one][frame - 1] for one in there]) ** exponent
        pair = size[:, None] + size
        np.fill_diagonal(pair, 0)
        a, b = divmod(int(rng.choice(pair.size, p=pair.ravel() / pair.sum())), len(there))
        a, b = there[a], there[b]
        child = np.full(world.n_frames, np.nan)
        child[frame:] = np.cbrt(d[a][frame - 1] ** 3 + d[b][frame - 1] ** 3)
        for one in (a, b):
            d[one][frame:], fates[one] = np.nan, "merged"
        d.append(child)
        fates.append("present")
        born.append(frame)
        merges.append((len(merges) + 1, frame, len(d), [a + 1, b + 1], 2, np.nan, 0.9, [], []))
    names = ("event_id", "frame", "child_id", "parent_ids", "n_parents", "contact_frame", "area_ratio")
    table = pd.DataFrame(merges, columns=[*names, "neck_ratios", "gaps_px"])
    return observe(world, np.stack(d), rng, np.array(fates, dtype=object), table)


def evaporating(rng, rate=0.05, world=None, length_nm=0.0):
    world = world or World(spread=0.3)
    return _observe_vanishing(world, evaporate(world, rng, rate, length_nm=length_nm), rng)


def evaporate(world, rng, rate=0.05, least_nm=1.5, length_nm=0.0):
    """Diameters (N, T) that shrink by ``dd/dt = -rate exp(length / r)`` in nm/s; small ones vanish."""
    d = world.diameter_nm * world.relative_sizes(rng)
    substeps, seen = 10, []
    for _ in range(world.n_frames):
        seen.append(np.where(d > least_nm, d, np.nan))
        for _ in range(substeps):
            d = np.maximum(
                d - rate * np.exp(2 * length_nm / np.maximum(d, 1.0)) * world.frame_time_s / substeps, 0.1
            )
    return np.stack(seen, axis=1)


def coalescing(rng, n_merges=30, relax_s=10.0, world=None, speed_nm_s=0.3, power=3.0):
    """Pairs come near, touch, merge and become round; the volume stays, or another power of the diameter.

    The smaller parent goes to the larger one, straight at one speed; a child's area falls to 0.794 of theirs.
    """
    world = world or World()
    n, t = world.n_particles, world.n_frames
    sizes = world.diameter_nm * world.relative_sizes(rng)
    d = np.full((n + n_merges, t), np.nan)
    d[:n] = sizes[:, None]
    aspect = np.ones(d.shape)
    fates = np.full(n + n_merges, "present", dtype=object)
    bases = rng.uniform(20, world.field_nm - 20, (d.shape[0], 2))
    steps = np.zeros((*d.shape, 2))
    frames = np.sort(rng.integers(8, t - 12, n_merges))
    for event, frame in enumerate(frames):
        a, b, child = 2 * event, 2 * event + 1, n + event
        d[[a, b], frame:] = np.nan
        fates[[a, b]] = "merged"
        touching, round_ = (
            np.hypot(sizes[a], sizes[b]),
            (sizes[a] ** power + sizes[b] ** power) ** (1 / power),
        )
        small, large = (a, b) if sizes[a] < sizes[b] else (b, a)
        angle = rng.uniform(0, 2 * np.pi)
        towards = np.array([np.sin(angle), np.cos(angle)])
        bases[small] = bases[large] + towards * (sizes[a] + sizes[b]) / 2
        steps[small] = towards * speed_nm_s * np.maximum(world.seconds[frame] - world.seconds, 0)[:, None]
        since = world.seconds[frame:] - world.seconds[frame]
        d[child, frame:] = round_ + (touching - round_) * np.exp(-since / relax_s)
        aspect[child, frame:] = 1.05 + 0.9 * np.exp(-since / relax_s)
    event = np.arange(n_merges)
    merges = pd.DataFrame(
        {
            "event_id": event + 1,
            "frame": frames,
            "child_id": n + event + 1,
            "parent_ids": [[int(2 * one + 1), int(2 * one + 2)] for one in event],
            "n_parents": 2,
            "contact_frame": frames - 1,
            "area_ratio": 0.95,
            "neck_ratios": [list(ratio) for ratio in _necks(world, frames, rng)],
            "gaps_px": [list(gap) for gap in _gaps(world, frames, speed_nm_s, rng)],
        }
    )
    return observe(world, d, rng, fates, merges, steps, aspect, bases)


def disappearing(rng, order=2.0, rate=None, n=240, world=None, change_s=None, change=1.0):
    """Particles merge at a rate of ``rate N^order`` in the field, times ``change`` from ``change_s`` on.

    By default about three quarters of them vanish. Only tracks and merges mean something.
    """
    world = world or World(n_particles=n, n_frames=100)
    steps = 200
    rate = 3 / world.seconds[-1] / n ** (order - 1) if rate is None else rate
    alive, d = list(range(n)), [np.full(world.n_frames, 10.0) for _ in range(n)]
    fates, merges = ["present"] * n, []
    for frame in range(1, world.n_frames):
        for _ in range(steps):
            speed = rate * (change if change_s is not None and world.seconds[frame] > change_s else 1.0)
            if len(alive) < 2 or rng.random() > speed * len(alive) ** order * world.frame_time_s / steps:
                continue
            a, b = rng.choice(len(alive), 2, replace=False)
            a, b = alive[a], alive[b]
            if np.isnan(d[a][frame - 1]) or np.isnan(d[b][frame - 1]):
                continue  # a child of this very frame has no frame of its own yet
            for one in (a, b):
                d[one][frame:] = np.nan
                fates[one] = "merged"
            child = np.full(world.n_frames, np.nan)
            child[frame:] = 10.0
            d.append(child)
            fates.append("present")
            alive = [one for one in alive if one not in (a, b)] + [len(d) - 1]
            merges.append((len(merges) + 1, frame, len(d), [a + 1, b + 1], 2, np.nan, 0.9, [], []))
    names = ("event_id", "frame", "child_id", "parent_ids", "n_parents", "contact_frame", "area_ratio")
    table = pd.DataFrame(merges, columns=[*names, "neck_ratios", "gaps_px"])
    return observe(world, np.stack(d), rng, np.array(fates, dtype=object), table)


def mixed(rng, n_true=14, n_doubtful=8, n_dissolved=14):
    """Merges that are true, some that are not told with a confidence of 0.5, and particles that dissolve."""
    run = coalescing(rng, n_true + n_doubtful)
    confidence = np.append(np.ones(n_true), np.full(n_doubtful, 0.5))
    fates = run.tracks["fate"].to_numpy(dtype=object).copy()
    last = np.flatnonzero(run.tracks["particle_id"].to_numpy() <= 120)[-n_dissolved:]
    fates[last] = "dissolved"
    half = run.merges.assign(confidence=rng.permutation(confidence))
    return replace(run, merges=half, tracks=run.tracks.assign(fate=fates))


def _gaps(world, frames, speed_nm_s, rng):
    """What is left of the way in px, 20 frames to 1 frame before the merge, fewer at the movie's start."""
    for frame in frames:
        left = speed_nm_s * world.frame_time_s * np.arange(min(20, frame), 0, -1)
        yield np.maximum(left + rng.normal(0, 0.1, left.size), 0.01) / NM_PER_PX


def _necks(world, frames, rng, exponent=5.0, n_seen=15):
    """x/R = (B t)^(1/n) from the frame before the merge on."""
    since = world.frame_time_s * (1 + np.arange(n_seen))
    return 0.35 * (since / since[0]) ** (1 / exponent) + rng.normal(0, 0.01, (frames.size, n_seen))


def _observe_vanishing(world, diameters, rng):
    fates = np.where(np.isnan(diameters[:, -1]), "dissolved", "present")
    return observe(world, diameters, rng, fates)


def diffusing(
    rng, diffusion=0.5, error_nm=0.3, drift_nm=0.4, world=None, size_exponent=0.0, hurst=0.5, mobile=1.0
):
    """Particles walk at random under a common drift, seen with an error of localisation.

    ``D = diffusion (d / mean)^-size_exponent``, MSD ~ t^(2 hurst), and only a share of them is mobile.
    """
    world = world or World(n_particles=80)
    n, t = world.n_particles, world.n_frames
    sizes = world.relative_sizes(rng)
    own = diffusion * sizes**-size_exponent * (np.arange(n) < mobile * n)
    walk = wander(world, rng, own, hurst)
    drift = rng.normal(0, drift_nm, (1, t, 2)).cumsum(axis=1)
    diameters = np.broadcast_to(world.diameter_nm * sizes[:, None], (n, t))
    return observe(world, diameters, rng, steps_nm=walk + drift + rng.normal(0, error_nm, (n, t, 2)))


def wander(world, rng, diffusion, hurst=0.5):
    """Ways (N, T, 2) of Brownian motion in nm, of which each particle may have its own D; or fractional ones.

    At other exponents the MSD is ``4 D dt (t / dt)^(2 hurst)``.
    """
    step = np.sqrt(2 * np.broadcast_to(diffusion, world.n_particles) * world.frame_time_s)[:, None, None]
    if hurst == 0.5:
        return (rng.normal(0, 1, (world.n_particles, world.n_frames, 2)) * step).cumsum(axis=1)
    t = np.arange(1, world.n_frames + 1.0)
    power = 2 * hurst
    covariance = (t[:, None] ** power + t**power - np.abs(t[:, None] - t) ** power) / 2
    root = np.linalg.cholesky(covariance)
    return np.einsum("ts,nsk->ntk", root, rng.normal(0, 1, (world.n_particles, world.n_frames, 2))) * step
