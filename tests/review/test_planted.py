"""Twenty errors of eight kinds, planted in a simulated run, are mended in the order of the queue."""

import numpy as np
import pytest

from temtrack.analysis.measure import analyze_run
from temtrack.analysis.particles import ParticleHistory, measure_particles
from temtrack.calibration import UNCALIBRATED
from temtrack.imaging.labels import LabelImage, overlap_counts
from temtrack.masks import Run, masks_of_arrays
from temtrack.review.corrections import (
    IdsSwapped,
    LinkCut,
    LinkMade,
    MergeAdded,
    MergeFrame,
    MergeParents,
    MergeRejected,
    ParticleDeleted,
)
from temtrack.review.edited import EditedRun
from temtrack.review.elsewhere import edges_of
from temtrack.review.outlines import ParticleOutlined
from temtrack.review.places import Stale
from temtrack.review.queue import make_queue
from temtrack.simulation.config import MovieConfig
from temtrack.simulation.movie import simulate_movie

MAX_ENTRIES = 40


def editable(masks, lineage):
    rows = [measure_particles(LabelImage(labels), None, t, frozenset()) for t, labels in enumerate(masks)]
    columns = {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
    return EditedRun(masks_of_arrays(masks), ParticleHistory(columns), lineage)


class Plant:
    """Damages a run in eight ways, each where nothing else was damaged."""

    def __init__(self, run, rng):
        self.run, self.rng, self.used = run, rng, set()

    def some(self, margin=6):
        """Return a whole particle, and a frame in the middle of its life."""
        for one in self.rng.permutation(sorted(self.run.tracks)).tolist():
            life = [t for t, _ in self.run.life(one)]
            if one not in self.used and len(life) > 2 * margin:
                self.used.add(one)
                return one, int(self.rng.integers(life[margin], life[-margin]))
        raise AssertionError("too few particles")

    def merge(self, margin=6):
        for m in self.run.lineage().merges:
            known = {m.child, *m.parents}
            if not known & self.used and all(len(self.run.life(one)) > margin for one in known):
                self.used |= known
                return m
        raise AssertionError("too few merges")

    def neighbour(self, one, t):
        y, x, _ = self.run.particles(t)[one]
        there = {i: at for i, at in self.run.particles(t).items() if i not in self.used}
        there = {
            i: at
            for i, at in there.items()
            if (t - 1 in dict(self.run.life(i))) and self.run.tracks[i].end > t + 5
        }
        other = min(there, key=lambda i: np.hypot(there[i][0] - y, there[i][1] - x))
        self.used.add(other)
        return other

    def apply(self, correction):
        correction.apply(self.run)

    def broken_link(self):
        one, t = self.some()
        self.apply(LinkCut(self.run.place(one, t)))

    def swapped(self):
        one, t = self.some()
        self.apply(IdsSwapped(self.run.place(one, t), self.run.place(self.neighbour(one, t), t)))

    def missed_merge(self):
        m = self.merge()
        self.apply(MergeRejected(self.run.place(m.child, m.frame), self.run.place(m.parents[0], m.frame - 1)))

    def false_merge(self):
        one, t = self.some()
        other = self.neighbour(one, t)
        parents = tuple(self.run.place(i, t - 1) for i in (one, other))
        self.apply(MergeAdded(self.run.place(one, t), parents))

    def wrong_frame(self):
        m = self.merge()
        self.apply(MergeFrame(self.run.place(m.child, m.frame), m.frame - 3))

    def wrong_parents(self):
        m = self.merge()
        other = self.neighbour(m.parents[0], m.frame - 1)
        parents = tuple(self.run.place(i, m.frame - 1) for i in (*m.parents, other))
        self.apply(MergeParents(self.run.place(m.child, m.frame), parents))

    def speck(self):
        t = int(self.rng.integers(5, len(self.run.frames) - 5))
        free = np.argwhere(self.run.labels(t) == 0)
        y, x = free[self.rng.integers(len(free))].tolist()
        self.apply(ParticleOutlined(t, (((y, x), (y, x + 5), (y + 5, x + 5), (y + 5, x)),)))

    def bad_outline(self):
        one, t = self.some()
        mask = self.run.labels(t) == one
        self.run.outline(one, t, mask & (np.indices(mask.shape)[0] < np.argwhere(mask)[:, 0].mean()))

    def gap(self):
        one, t = self.some()
        self.apply(ParticleDeleted(self.run.place(one, t)))


PLANTED = {
    "missed_merge": 3,
    "wrong_frame": 2,
    "wrong_parents": 2,
    "false_merge": 3,
    "broken_link": 3,
    "swapped": 2,
    "speck": 2,
    "bad_outline": 2,
    "gap": 1,
}


class Truth:
    """Tells how far a run is from the truth: links, particles and pixels that differ."""

    def __init__(self, masks, lineage):
        self.masks, self.run = masks, editable(masks, lineage)
        self.edges = edges_of(self.run)
        self.seen = {}
        self.merges = {(m.frame, m.child, frozenset(m.parents)) for m in lineage.merges}

    def names(self, run):
        names, n_wrong = {}, 0.0
        for t in range(len(self.masks)):
            state = run._regions.state(t)
            key = t, *map(id, state)
            if key not in self.seen:
                self.seen[key] = state, self.compare(run, t)
            (found, wrong) = self.seen[key][1]
            names |= found
            n_wrong += wrong
        return names, n_wrong

    def compare(self, run, t):
        labels, true = run.labels(t), self.masks[t]
        shared = overlap_counts(labels, true)
        order = np.argsort(shared.n_px).tolist()
        names = {(t, int(shared.a[k])): (t, int(shared.b[k])) for k in order}
        n_strange = len(set(run.particles(t)) - {one for _, one in names})
        return names, n_strange + np.count_nonzero((labels > 0) != (true > 0)) / 100

    def distance(self, run):
        names, n_wrong = self.names(run)
        edges = {(names.get(a, a), names.get(b, b)) for a, b in edges_of(run)}
        return n_wrong + len(edges ^ self.edges)

    def f1(self, run):
        names, _ = self.names(run)
        told = set()
        for m in run.lineage().merges:
            parents = frozenset(names.get((run.life(p)[-1][0], p), (0, 0))[1] for p in m.parents)
            told.add((m.frame, names.get((m.frame, m.child), (0, 0))[1], parents))
        return 2 * len(told & self.merges) / (len(told) + len(self.merges))


def answers(run, item):
    """Return what a person may do at an item: yes, no, or for a merge say its frame or its parents."""
    yield from (one for one in (item.yes, item.no) if one is not None)
    if item.kind == "merge":
        child = item.yes.child
        yield from (MergeFrame(child, item.frame + step) for step in range(-4, 5) if step)
        before = [
            run.place(one, item.frame - 1) for one in item.ids[1:] if one in run.particles(item.frame - 1)
        ]
        yield from (
            MergeParents(child, tuple(p for p in before if p is not out)) for out in before if len(before) > 2
        )


def loose_ends(run, t):
    """Return the links from what ended about a frame to what begins there, as the strip shows them."""
    ended = [i for i, track in run.tracks.items() if track.fate == "lost" and track.end == t - 1]
    began = [i for i, track in run.tracks.items() if track.origin == "appeared" and track.start == t]
    return [LinkMade(run.place(a, t - 1), run.place(b, t)) for a in ended for b in began]


def best(run, truth, choices, limit):
    """Return the choice that brings a run nearest to the truth, if it is nearer than the limit."""
    found = None
    for choice in choices:
        trial = run.copy()
        try:
            choice.apply(trial)
        except Stale:
            continue
        if (distance := truth.distance(trial)) < limit:
            found, limit = trial, distance
    return found, limit


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2])
def test_twenty_planted_errors_are_mended_within_forty_entries(seed):
    config = MovieConfig(
        n_frames=40, height=320, width=320, n_particles=50, radius_px=7.0, merges={2: 8, 3: 1}
    )
    movie = simulate_movie(seed, config)
    masks = np.stack([movie.labels(t) for t in range(len(movie))])
    truth = Truth(masks, movie.lineage)
    plant = Plant(editable(masks, movie.lineage), np.random.default_rng(seed))
    for name, n in PLANTED.items():
        for _ in range(n):
            getattr(plant, name)()
    damaged = np.stack(list(plant.run.masks))
    run = editable(damaged, plant.run.lineage())
    assert truth.f1(run) < 0.6
    queue = make_queue(
        run, analyze_run(Run(masks_of_arrays(damaged), plant.run.lineage()), None, UNCALIBRATED)
    )
    distance, clicks, last = truth.distance(run), 0, 0
    for n, item in enumerate(queue[:MAX_ENTRIES], start=1):
        mended, distance = best(run, truth, answers(run, item), distance)
        clicks += 1
        while mended is not None:
            run, last, clicks = mended, n, clicks + 1
            mended, distance = best(run, truth, loose_ends(run, item.frame), distance)
    print(f"seed {seed}: {len(queue)} entries, the last that mends is {last}, {clicks} clicks")
    assert truth.f1(run) == 1.0
    names, _ = truth.names(run)
    assert {(names[a], names[b]) for a, b in edges_of(run)} == truth.edges
