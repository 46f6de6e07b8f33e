"""What a segmenter does beside jitter: fused and split detections, specks, bad frames, new ids."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from scenarios.regime import Fault, Labels, Regime

Sources = dict[int, tuple[int, ...]]


@dataclass
class Detections:
    """A frame's detections: ``labels`` (Y, X), and which true ids each of them covers."""

    labels: Labels
    sources: Sources = field(default_factory=dict)

    @classmethod
    def of(cls, labels: Labels) -> Detections:
        """Take true ids for detections of one particle each."""
        ids = np.unique(labels[labels > 0]).tolist()
        return cls(labels, {i: (i,) for i in ids})

    def new_id(self) -> int:
        return max(self.sources, default=0) + 1


def add_specks(rng: np.random.Generator, found: Detections, places: Labels, radius_px: float) -> None:
    """Draw a spurious detection at each of ``places`` (n, 2) where nothing else is."""
    height, width = found.labels.shape
    for y, x in places:
        r = radius_px * rng.uniform(0.2, 0.7)
        rows, columns = np.ogrid[:height, :width]
        spot = ((rows - y) ** 2 + (columns - x) ** 2 <= max(r, 1.0) ** 2) & (found.labels == 0)
        if spot.any():
            number = found.new_id()
            found.labels[spot] = number
            found.sources[number] = ()


def fuse_touching(rng: np.random.Generator, found: Detections, rate: float) -> None:
    """Give neighbours with at most one pixel between them one label, at random."""
    if not rate:
        return
    pairs = set()
    for reach in (1, 2):
        for a, b in (
            (found.labels[reach:], found.labels[:-reach]),
            (found.labels[:, reach:], found.labels[:, :-reach]),
        ):
            touching = (a > 0) & (b > 0) & (a != b)
            pairs |= set(zip(a[touching].tolist(), b[touching].tolist(), strict=True))
    for a, b in sorted({(min(pair), max(pair)) for pair in pairs}):
        both = a in found.sources and b in found.sources
        if both and found.sources[a] and found.sources[b] and rng.random() < rate:
            found.labels[found.labels == b] = a
            found.sources[a] += found.sources.pop(b)


def split_some(rng: np.random.Generator, found: Detections, rate: float) -> None:
    """Cut some detections in two along a line through their middle."""
    for number in [n for n in found.sources if rng.random() < rate]:
        y, x = np.nonzero(found.labels == number)
        angle = rng.uniform(0, 2 * np.pi)
        beyond = (y - y.mean()) * np.sin(angle) + (x - x.mean()) * np.cos(angle) > 0
        if 2 <= beyond.sum() <= y.size - 2:
            other = found.new_id()
            found.labels[y[beyond], x[beyond]] = other
            found.sources[other] = found.sources[number]


def overlay(found: Detections, other: Labels, fused_share: float) -> None:
    """Lay a second copy of the frame over the first; copies that share enough of their area become one.

    ``other`` has true ids too; ``fused_share`` of a copy's pixels on one first detection fuses them, a
    copy that stays apart shows where the first has nothing.
    """
    for number in np.unique(other[other > 0]).tolist():
        where = other == number
        under = found.labels[where]
        below = np.bincount(under)
        below[0] = 0
        host = int(below.argmax())
        free = where & (found.labels == 0)
        if below[host] > fused_share * where.sum():
            found.labels[free] = host
            found.sources[host] = tuple(dict.fromkeys((*found.sources[host], number)))
        elif free.sum() >= 3:
            copy = found.new_id()
            found.labels[free] = copy
            found.sources[copy] = (number,)


def cut(found: Detections, before: Labels | None, row: int) -> None:
    """Fill the rows from ``row`` on with those of the frame before (None: with nothing)."""
    found.labels[row:] = 0
    if before is not None:
        found.labels[row:] = before[row:]
        for number in np.unique(before[row:][before[row:] > 0]).tolist():
            found.sources.setdefault(number, (number,))


def renumber(rng: np.random.Generator, found: Detections) -> tuple[Labels, Sources]:
    """Return labels with ids at random from 1 on, as no segmenter knows who is who, and their sources."""
    present = np.unique(found.labels[found.labels > 0])
    new = rng.permutation(present.size) + 1
    table = np.zeros(int(found.labels.max(initial=0)) + 1, dtype=np.int32)
    table[present] = new
    sources = {int(n): found.sources[int(i)] for i, n in zip(present, new, strict=True)}
    return table[found.labels], sources


def draw_bad_frames(rng: np.random.Generator, regime: Regime) -> dict[int, Fault]:
    """Choose bad frames, never the first two or last two, no two side by side."""
    wanted = [kind for kind, n in sorted(regime.faults.items()) for _ in range(n)]
    free = rng.permutation(np.arange(2, regime.n_frames - 2)).tolist()
    chosen: dict[int, Fault] = {}
    for kind in wanted:
        frame = next(t for t in free if t - 1 not in chosen and t + 1 not in chosen and t not in chosen)
        chosen[frame] = kind
    return dict(sorted(chosen.items()))
