"""Where the grains of a still scene lie: free, in chains and heaps, touching, necked or overlapping."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from temtrack.lineage import NECK_RATIO
from temtrack.simulation.projection import Floats, Grains, Projection, measure_necks

#: Storeys that overlapping particles are spread over.
N_LAYERS = 3

#: Grains of a scene, whatever its coverage asks for.
MAX_GRAINS = 1500


@dataclass(frozen=True)
class Arrangement:
    """How many grains there are, of what size, and how they hang together.

    ``attached`` is the fraction of grains set beside another one; there, ``gap``, ``neck`` and ``overlap``
    weigh a narrow slit, a neck of any width, and a projected overlap. ``chained`` favours the last grain
    set (1) over any (0). ``flatness`` leads from spheres (0) to plates with sharp edges (1).
    """

    coverage: float
    mean_radius_px: float
    log_sigma: float
    attached: float = 0.4
    gap: float = 0.4
    neck: float = 0.4
    overlap: float = 0.2
    chained: float = 0.5
    flatness: float = 0.0
    lattice: bool = False


def arrange(
    rng: np.random.Generator, plan: Arrangement, contours: NDArray[np.float32], height: int, width: int
) -> Grains:
    """Lay out grains on a canvas of (height, width) px, contours drawn from the bank ``contours``."""
    mean_area = np.pi * plan.mean_radius_px**2 * np.exp(2 * plan.log_sigma**2)
    n_total = min(rng.poisson(plan.coverage * height * width / mean_area), MAX_GRAINS)
    n_seeds = int(np.ceil(n_total * (1 - plan.attached)))
    grains = _seeds(rng, plan, contours, n_seeds, height, width)
    newest = np.arange(len(grains))
    for n_round in _rounds(n_total - n_seeds):
        if not len(grains):
            break
        chain = rng.random(n_round) < plan.chained
        parents = np.where(chain, rng.choice(newest, n_round), rng.integers(0, len(grains), n_round))
        before = len(grains)
        grains = _settle(grains, _beside(rng, plan, grains, parents), parents)
        newest = np.arange(before, len(grains)) if len(grains) > before else newest
    return _blended(grains)


def label_particles(projection: Projection, grains: Grains) -> NDArray[np.int32]:
    """Give grains joined by necks of at least `NECK_RATIO` of the smaller radius one label; (N,) from 1."""
    pairs, half_width = measure_necks(projection, grains)
    smaller = grains.radius_px[pairs].min(axis=1, initial=np.inf)
    joined = pairs[half_width >= NECK_RATIO * smaller]
    links = (np.ones(len(joined)), (joined[:, 0], joined[:, 1]))
    _, label = connected_components(coo_matrix(links, shape=(len(grains), len(grains))), directed=False)
    return np.asarray(label + 1, dtype=np.int32)


def select(grains: Grains, keep: NDArray[np.integer] | NDArray[np.bool_]) -> Grains:
    """Return the grains that an index or boolean array ``keep`` picks."""
    return replace(
        grains,
        **{name: getattr(grains, name)[keep] for name in grains.__dataclass_fields__ if name != "contours"},
    )


def _rounds(n_attached: int) -> list[int]:
    """Split the attached grains over up to six rounds, so that later ones may hang on earlier ones."""
    n_rounds = min(6, max(1, n_attached))
    return [n_attached // n_rounds + (i < n_attached % n_rounds) for i in range(n_rounds)]


def _draw(
    rng: np.random.Generator, plan: Arrangement, contours: NDArray[np.float32], y: Floats, x: Floats
) -> Grains:
    n = y.size
    radius = plan.mean_radius_px * np.exp(rng.normal(0, plan.log_sigma, n))
    return Grains(
        y_px=y,
        x_px=x,
        radius_px=radius.clip(1.0, 4 * plan.mean_radius_px),
        contour=rng.integers(0, len(contours), n),
        contours=contours,
        turn=rng.uniform(0, 2 * np.pi, n),
        height=np.exp(rng.normal(0, 0.15, n)),
        profile=np.full(n, 0.5 - 0.4 * plan.flatness),
        cluster=np.arange(n),
        blend=np.zeros(n),
        layer=np.zeros(n, dtype=np.int64),
    )


def _seeds(
    rng: np.random.Generator,
    plan: Arrangement,
    contours: NDArray[np.float32],
    n: int,
    height: int,
    width: int,
) -> Grains:
    """Free grains: thrown at random, large ones first, or on a jittered hexagonal lattice."""
    n_tries = 3 * n if not plan.lattice else n
    if plan.lattice and n > 0:
        y, x = lattice_sites(rng, 2.15 * plan.mean_radius_px, height, width, 0.04)
        picked = rng.permutation(y.size)[:n_tries]
        y, x = y[picked], x[picked]
    else:
        y, x = rng.uniform(0, height, n_tries), rng.uniform(0, width, n_tries)
    tried = _draw(rng, plan, contours, y, x)
    tried = select(tried, np.argsort(-tried.radius_px[:n]) if plan.lattice else np.argsort(-tried.radius_px))
    nobody = select(tried, np.zeros(0, dtype=np.int64))
    settled = _settle(nobody, tried, np.full(len(tried), -1))
    return select(settled, np.sort(rng.permutation(len(settled))[:n]))


def lattice_sites(
    rng: np.random.Generator, pitch: float, height: float, width: float, disorder: float
) -> tuple[Floats, Floats]:
    """Draw the sites, y and x, of a hexagonal lattice; ``disorder`` is in pitches."""
    reach = int(np.hypot(height, width) / pitch) + 2
    i, j = np.mgrid[-reach : reach + 1, -reach : reach + 1].reshape(2, -1)
    angle = rng.uniform(0, np.pi)
    u, v = pitch * (i + 0.5 * j), pitch * np.sqrt(0.75) * j
    y = height / 2 + u * np.sin(angle) + v * np.cos(angle) + rng.normal(0, disorder * pitch, i.size)
    x = width / 2 + u * np.cos(angle) - v * np.sin(angle) + rng.normal(0, disorder * pitch, i.size)
    inside = (y > 0) & (y < height) & (x > 0) & (x < width)
    return y[inside], x[inside]


def _beside(
    rng: np.random.Generator, plan: Arrangement, grains: Grains, parents: NDArray[np.int64]
) -> Grains:
    """Draw one grain beside each parent: at a slit, with a neck, or overlapping in projection."""
    host = select(grains, parents)
    new = _draw(rng, plan, grains.contours, host.y_px, host.x_px)
    n = len(new)
    direction = rng.uniform(-np.pi, np.pi, n)
    a, b = host.reach_px(direction), new.reach_px(direction + np.pi)
    weights = np.array([plan.gap, plan.neck, plan.overlap])
    kind = rng.choice(3, n, p=weights / weights.sum())
    slit = a + b + rng.uniform(0.3, 2.5, n)
    # As many necks below NECK_RATIO as above: to tell touching from grown together is what is hard.
    wanted = np.where(rng.random(n) < 0.5, rng.uniform(0.05, 0.27, n), rng.uniform(0.3, 0.95, n))
    neck = wanted * np.minimum(host.radius_px, new.radius_px) / np.sqrt(1 + np.log(2))
    neck = np.minimum(neck, 0.95 * np.minimum(a, b))
    necked = np.sqrt(a**2 - neck**2) + np.sqrt(b**2 - neck**2)
    over = np.maximum((a + b) * rng.uniform(0.4, 0.95, n), np.abs(a - b) + 2)
    distance = np.choose(kind, [slit, necked, over])
    own_cluster = grains.cluster.max() + 1 + np.arange(n)
    return replace(
        new,
        y_px=host.y_px + distance * np.sin(direction),
        x_px=host.x_px + distance * np.cos(direction),
        cluster=np.where(kind == 1, host.cluster, own_cluster),
        blend=np.where(kind == 1, neck**2, 0.0),
        layer=np.where(kind == 2, (host.layer + 1) % N_LAYERS, host.layer),
    )


def _settle(old: Grains, new: Grains, parents: NDArray[np.int64]) -> Grains:
    """Append those of ``new`` that run into nobody but their parent; earlier ones have precedence."""
    n_old = len(old)
    everyone = _append(old, new)
    extent = everyone.radius_px * (0.5 + 0.5 * everyone.contours.max(axis=1)[everyone.contour])
    alive = [True] * len(everyone)
    if len(everyone) > 1:
        tree = cKDTree(np.column_stack([everyone.y_px, everyone.x_px]))
        pairs = tree.query_pairs(2 * float(extent.max()), output_type="ndarray")
        i, j = pairs.min(axis=1), pairs.max(axis=1)
        apart = np.hypot(everyone.y_px[i] - everyone.y_px[j], everyone.x_px[i] - everyone.x_px[j])
        parent = np.append(np.full(n_old, -1), parents)
        clash = (
            (apart < extent[i] + extent[j])
            & (everyone.layer[i] == everyone.layer[j])
            & (j >= n_old)
            & (parent[j] != i)
        )
        order = np.lexsort((j[clash], i[clash]))
        for first, second in zip(i[clash][order].tolist(), j[clash][order].tolist(), strict=True):
            if alive[first]:
                alive[second] = False
    return select(everyone, np.array(alive, dtype=bool))


def _append(old: Grains, new: Grains) -> Grains:
    return replace(
        old,
        **{
            name: np.concatenate([getattr(old, name), getattr(new, name)])
            for name in old.__dataclass_fields__
            if name != "contours"
        },
    )


def _blended(grains: Grains) -> Grains:
    """Give each cluster one blend, that of its narrowest neck, so that no neck grows far beyond its plan."""
    if not len(grains):
        return grains
    narrowest = np.full(grains.cluster.max() + 1, np.inf)
    necked = grains.blend > 0
    np.minimum.at(narrowest, grains.cluster[necked], grains.blend[necked])
    blend = narrowest[grains.cluster]
    return replace(grains, blend=np.where(np.isfinite(blend), blend, 0.0))
