"""What a person should look at, first what is most doubtful and changes most.

An item asks a question; yes and no are corrections each, where one follows. How doubtful it is comes from
confidences, or from how far a particle leaves what is usual in the movie from frame to frame.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa

from temtrack.analysis.out_of_line import frames_out_of_line
from temtrack.lineage import Merge, Track
from temtrack.review.corrections import (
    Confirmed,
    Correction,
    FateTold,
    FrameExcluded,
    IdsSwapped,
    LinkCut,
    LinkMade,
    MergeAccepted,
    MergeAdded,
    MergeRejected,
    ParticleDeleted,
)
from temtrack.review.edited import EditedRun
from temtrack.review.outlines import ParticleCopied
from temtrack.review.places import Place
from temtrack.tables import BAD_FRAMES, Tables

#: A particle that ended may go on as one that begins at most so many frames later.
MAX_GAP_FRAMES = 5

#: and whose area differs by so much at most.
MAX_AREA_FACTOR = 1.8

#: Tracks of at most so many frames that come from nowhere and go nowhere are often specks.
SPECK_FRAMES = 3

#: Steps beyond so many times the usual are looked at,
MIN_JUMP = 8.0

#: and only where place and area differ by so much: way in radii plus the logarithm of the areas' ratio.
MIN_UNLIKE = 0.5

#: Of the queue every so-manieth item is drawn at random, so that all can be judged by those reviewed.
SAMPLE_EVERY = 4

#: What is looked at of particles; by the first two they are sorted.
_COLUMNS = ["particle_id", "frame", "y_px", "x_px", "area_px", "touches_border"]

#: Doubt of what nobody gave a confidence.
_UNKNOWN_DOUBT = 0.5


@dataclass(frozen=True)
class Item:
    """A question about a run.

    Parameters
    ----------
    key
        Its name in the log.
    kind
        ``merge``, ``missed merge``, ``split``, ``fate``, ``link``, ``swap``, ``outline``, ``particle`` or
        ``frame``.
    frame
        Of the run.
    ids
        The particles that it is about.
    question
        What a person is asked.
    doubt
        How likely the run is wrong there, roughly.
    change
        How many ends, beginnings or lives of particles are wrong if it is.
    yes, no
        What the answer corrects.
    is_sample
        Whether it stands at its place by chance.
    """

    key: str
    kind: str
    frame: int
    ids: tuple[int, ...]
    question: str
    doubt: float
    change: float
    yes: Correction | None
    no: Correction | None
    is_sample: bool = False

    @property
    def weight(self) -> float:
        """Doubt times what it changes."""
        return self.doubt * self.change

    @property
    def mend(self) -> Correction | None:
        """The answer that changes the run; the other one says that it is right."""
        return self.no if isinstance(self.yes, Confirmed | MergeAccepted) else self.yes


def make_queue(run: EditedRun, tables: Tables, seed: int = 0) -> list[Item]:
    """Return what to look at in an uncorrected run, in order.

    Parameters
    ----------
    run, tables
        As tracked, and its tables.
    seed
        Of what is drawn at random.
    """
    items = [*_Finder(run, tables).find()]
    items.sort(key=lambda item: (-item.weight, item.frame, item.key))
    rng = np.random.default_rng(seed)
    drawn = [items[i] for i in rng.permutation(len(items)) if items[i].kind in ("merge", *ENDS)]
    queue: dict[str, Item] = {}
    ordered, sampled = iter(items), iter(drawn)
    while len(queue) < len(items):
        is_sample = len(queue) % SAMPLE_EVERY == SAMPLE_EVERY - 1
        item = next((one for one in (sampled if is_sample else ordered) if one.key not in queue), None)
        if item is not None:
            queue[item.key] = replace(item, is_sample=is_sample)
        elif is_sample:
            sampled = iter(items)
    return list(queue.values())


#: Items about how a particle ended: among them are the merges that were missed.
ENDS = ("missed merge", "fate")


class _Finder:
    """Finds the items of a run."""

    def __init__(self, run: EditedRun, tables: Tables) -> None:
        self.run, self.tables = run, tables
        rows = tables.particles.select(_COLUMNS).sort_by([(name, "ascending") for name in _COLUMNS[:2]])
        self.rows = rows.to_pandas().set_index(_COLUMNS[:2], drop=False)
        self.lineage = run.lineage()
        self._by_frame = self.rows.groupby(level="frame")
        began = [t for t in self.lineage.tracks if t.origin in ("appeared", "nucleated", "entered")]
        self._began = sorted(began, key=lambda track: track.start)
        self._starts = [track.start for track in self._began]
        firsts = pd.MultiIndex.from_arrays([[track.id for track in self._began], self._starts])
        self._firsts = self.rows[["y_px", "x_px", "area_px"]].reindex(firsts).to_numpy()  # NaN where hidden
        self.confidence = _by(tables.merges, ("frame", "child_id"), "confidence")
        self.fates = _by(tables.tracks, ("particle_id",), "fate_confidence")
        words = tables.frames["quality"].to_pylist()
        self.bad = {t for t, word in enumerate(words) if word in BAD_FRAMES}

    def find(self) -> Iterator[Item]:
        yield from map(self._merge, self.lineage.merges)
        specks = {t.id for t in self.lineage.tracks if self._is_speck(t)}
        yield from (self._speck(t) for t in self.lineage.tracks if t.id in specks)
        yield from (self._split(t) for t in self.lineage.tracks if t.origin == "split" and t.parents)
        ended = [t for t in self.lineage.tracks if t.fate in ("lost", "dissolved", "left")]
        yield from (self._end(t) for t in ended if t.id not in specks)
        yield from self._jumps()
        yield from self._gaps()
        yield from self._frames()

    def _item(
        self,
        kind: str,
        t: int,
        ids: Sequence[int],
        question: str,
        weight: tuple[float, float],
        yes: Correction,
        no: Correction | None,
    ) -> Item:
        frame = self.run.frames[t]
        words = question.format(f=frame, b=self.run.frames[max(t - 1, 0)])
        key = f"{kind} {frame} {'+'.join(map(str, ids))}"
        return Item(key, kind, t, tuple(ids), words, float(weight[0]), weight[1], yes, no)

    def _place(self, one: int, t: int) -> Place:
        row = self.rows.loc[(one, t)]
        return Place(self.run.frames[t], round(row.y_px, 2), round(row.x_px, 2), float(row.area_px))

    def _row(self, one: int, at: Place) -> pd.Series:
        row: pd.Series = self.rows.loc[(one, self.run.frames.index(at.frame))]
        return row

    def _first(self, one: int, t: int) -> Place:
        """Return where a particle is from a frame on; other programs hide some at first."""
        return self._place(one, int(self.rows.loc[one].index[self.rows.loc[one].index >= t][0]))

    def _last(self, one: int, t: int) -> Place:
        """Return where a particle was before a frame."""
        return self._place(one, int(self.rows.loc[one].index[self.rows.loc[one].index < t][-1]))

    def _merge(self, m: Merge) -> Item:
        sure = self.confidence.get((m.frame, m.child), np.nan)
        doubt = _UNKNOWN_DOUBT if np.isnan(sure) else 1 - sure
        question = f"Did {_listed(m.parents)} merge into {m.child} in frame {{f}}?"
        at = self._first(m.child, m.frame)
        child = self._row(m.child, at)
        last = {one: self._last(one, m.frame) for one in m.parents}
        heir = min(m.parents, key=lambda one: self._unlike(self._row(one, last[one]), child))
        no = MergeRejected(at, last[heir])
        weight = doubt, len(m.parents) - 1
        return self._item("merge", m.frame, (m.child, *m.parents), question, weight, MergeAccepted(at), no)

    def _is_speck(self, track: Track) -> bool:
        is_short = track.end - track.start < SPECK_FRAMES
        return is_short and track.origin in ("appeared", "nucleated") and track.fate in ("lost", "dissolved")

    def _speck(self, track: Track) -> Item:
        at = self._place(track.id, track.start)
        question = f"Is {track.id} in frame {{f}} a particle?"
        yes, no = Confirmed("particle", at.frame, at), ParticleDeleted(at, everywhere=True)
        return self._item("particle", track.start, (track.id,), question, (0.9, 2), yes, no)

    def _split(self, track: Track) -> Item:
        at = self._place(track.id, track.start)
        question = f"Did {track.id} split off {_listed(track.parents)} in frame {{f}}?"
        yes, no = Confirmed("split", at.frame, at), LinkCut(at)
        return self._item("split", track.start, (track.id, *track.parents), question, (0.7, 1), yes, no)

    def _end(self, track: Track) -> Item:
        """Return the question how a particle ended: as another one, in another one, or as it is told."""
        t = track.end
        last = self._place(track.id, t)
        if heir := self._heir(track, last):
            first = self._place(heir.id, heir.start)
            question = f"Does {track.id} of frame {{b}} go on as {heir.id} in frame {{f}}?"
            if heir.start > t + 1:
                question = (
                    f"Does {track.id}, last seen in frame {last.frame}, go on as {heir.id} in frame {{f}}?"
                )
            told = LinkMade(last, first), Confirmed("link", first.frame, last)
            return self._item("link", heir.start, (track.id, heir.id), question, (0.8, 2), *told)
        host, gain = self._host(track)
        if host is not None:
            question = f"Did {track.id} merge into {host} in frame {{f}}?"
            child = self._place(host, t + 1)
            merge = MergeAdded(child, (self._place(host, t), last)), Confirmed("fate", last.frame, last)
            return self._item("missed merge", t + 1, (track.id, host), question, (gain, 1), *merge)
        sure = self.fates.get((track.id,), np.nan)
        doubt = _UNKNOWN_DOUBT if np.isnan(sure) else 1 - sure
        question = f"Was {track.id} {track.fate} after frame {{f}}?"
        no = None if track.fate == "lost" else FateTold(last, "lost")
        return self._item(
            "fate", t, (track.id,), question, (doubt, 1), Confirmed("fate", last.frame, last), no
        )

    def _heir(self, track: Track, last: Place) -> Track | None:
        """Return what begins soon after a particle ended, about there and as large."""
        assert last.area_px is not None
        low, high = np.searchsorted(self._starts, [track.end + 1, track.end + 1 + MAX_GAP_FRAMES])
        y, x, area = self._firsts[low:high].T
        away = np.hypot(y - last.y_px, x - last.x_px)
        factor = np.maximum(area / last.area_px, last.area_px / area)
        is_like = (away < np.sqrt(last.area_px / np.pi)) & (factor < MAX_AREA_FACTOR)
        near = [(away[i], self._began[low + i]) for i in np.flatnonzero(is_like)]
        found = [(way, other.start, other.id, other) for way, other in near]
        return min(found)[-1] if found else None

    def _host(self, track: Track) -> tuple[int | None, float]:
        """Return the neighbour that gained most of what ended, and how likely it took it."""
        t = track.end
        own = self.rows.loc[(track.id, t)]
        rows = self._in_frame(t)
        away = np.hypot(rows.y_px - own.y_px, rows.x_px - own.x_px) - np.sqrt(rows.area_px / np.pi)
        near = rows[(away < 2 * np.sqrt(own.area_px / np.pi) + 2) & (rows.particle_id != track.id)]
        best: tuple[int | None, float] = None, 0.0
        for one in near.particle_id.tolist():
            life = self.rows.loc[one].area_px
            before, after = (
                life[(life.index > lo) & (life.index <= hi)] for lo, hi in ((t - 3, t), (t, t + 3))
            )
            if len(after) and t + 1 in after.index:
                gain = float((after.median() - before.median()) / own.area_px)
                if gain > max(best[1], 0.4):
                    best = one, min(gain, 1.0)
        return best[0], 0.9 * best[1]

    def _in_frame(self, t: int) -> pd.DataFrame:
        rows: pd.DataFrame = self._by_frame.get_group(t)
        return rows

    def _jumps(self) -> Iterator[Item]:
        """Yield what is unlike itself a frame before: swapped, badly outlined, or another one."""
        ones, frames, *yx, area, is_cut = (self.rows[name].to_numpy() for name in _COLUMNS)
        is_good = ~np.isin(frames, list(self.bad))
        later = np.flatnonzero((np.diff(ones) == 0) & (np.diff(frames) == 1) & is_good[1:] & is_good[:-1]) + 1
        ones, frames = ones[later], frames[later]
        if not len(later):
            return
        steps = pd.DataFrame(np.column_stack([at[later] - at[later - 1] for at in yx]))
        off = np.hypot(*(steps - steps.groupby(frames).transform("median")).to_numpy().T)
        grown = np.abs(np.log(area[later] / area[later - 1]))
        grown[is_cut[later] | is_cut[later - 1]] = 0.0
        jump = off / max(np.median(off), 0.2) + grown / max(np.median(grown), 0.02)
        odd = np.flatnonzero(jump > MIN_JUMP)
        odd = odd[np.argsort(-jump[odd], kind="stable")]
        done: set[tuple[int, int]] = set()
        for i in odd:
            t, one = int(frames[i]), int(ones[i])
            before, now = self.rows.loc[(one, t - 1)], self.rows.loc[(one, t)]
            if {(t, one), (t - 1, one)} & done or self._unlike(before, now) < MIN_UNLIKE:
                continue
            doubt = float(jump[i] / (jump[i] + MIN_JUMP))
            other = self._swapped(one, t, [int(ones[j]) for j in odd if frames[j] == t])
            done |= {(t, one), (t, other or one)}
            yield self._jump(one, t, other, doubt)

    def _jump(self, one: int, t: int, other: int | None, doubt: float) -> Item:
        at = self._place(one, t)
        if other is not None:
            question = f"Did {one} and {other} change names in frame {{f}}?"
            swap = IdsSwapped(at, self._place(other, t)), Confirmed("link", at.frame, at)
            return self._item("swap", t, (one, other), question, (doubt, 2), *swap)
        life = self.rows.loc[one]
        around = life.loc[t - 1], life.loc[t]
        if t + 1 in life.index and self._unlike(around[0], life.loc[t + 1]) < 0.5 * self._unlike(*around):
            question = f"Is the outline of {one} in frame {{f}} right?"
            told = Confirmed("particle", at.frame, at), ParticleCopied(self._place(one, t - 1), at.frame)
            return self._item("outline", t, (one,), question, (doubt, 0.5), *told)
        question = f"Is {one} the same particle in frames {{b}} and {{f}}?"
        return self._item(
            "link", t, (one,), question, (doubt, 2), Confirmed("link", at.frame, at), LinkCut(at)
        )

    def _unlike(self, a: pd.Series, b: pd.Series) -> float:
        """Return how unlike two rows are: way in radii, and logarithm of the areas' ratio."""
        away = float(np.hypot(a.y_px - b.y_px, a.x_px - b.x_px) / np.sqrt(max(a.area_px, b.area_px) / np.pi))
        return away + abs(float(np.log(a.area_px / b.area_px)))

    def _swapped(self, one: int, t: int, others: Sequence[int]) -> int | None:
        """Return the particle with which another fits its own frame before much better."""
        a0, a1 = self.rows.loc[(one, t - 1)], self.rows.loc[(one, t)]
        for other in others:
            if other != one:
                b0, b1 = self.rows.loc[(other, t - 1)], self.rows.loc[(other, t)]
                if self._unlike(a0, b1) + self._unlike(b0, a1) < 0.5 * (
                    self._unlike(a0, a1) + self._unlike(b0, b1)
                ):
                    return int(other)
        return None

    def _gaps(self) -> Iterator[Item]:
        """Yield the frames in which a particle lacks, though it is there before and after."""
        for track in self.lineage.tracks:
            there = self.rows.loc[track.id].index
            for before, after in pairwise(there.tolist()):
                if after > before + 1:
                    at = self._place(track.id, int(before))
                    question = f"Does {track.id} lack in frame {{f}}?"
                    yes = ParticleCopied(at, self.run.frames[before + 1])
                    no = Confirmed("particle", self.run.frames[before + 1])
                    yield self._item("outline", int(before) + 1, (track.id,), question, (0.8, 0.5), yes, no)

    def _frames(self) -> Iterator[Item]:
        counts = self.tables.frames["n_particles"].to_pylist()
        for t, usual in frames_out_of_line(counts).items():
            if t not in self.bad:
                question = f"Is frame {{f}} to be measured? It holds {counts[t]} particles, {usual:g} around."
                frame = self.run.frames[t]
                yes, no = Confirmed("frame", frame), FrameExcluded(frame)
                yield self._item("frame", t, (), question, (0.8, 1), yes, no)


def _by(table: pa.Table | None, keys: Sequence[str], value: str) -> dict[tuple[int, ...], float]:
    if table is None:
        return {}
    rows = table.select([*keys, value]).to_pylist()
    return {tuple(row[key] for key in keys): np.nan if row[value] is None else row[value] for row in rows}


def _listed(ids: Sequence[int]) -> str:
    *first, last = map(str, ids)
    return f"{', '.join(first)} and {last}" if first else last
