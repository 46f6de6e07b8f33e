"""What a person should look at, first what is most doubtful and changes most.

An item asks a question; yes and no are corrections each, where one follows. How doubtful it is comes from
confidences, or from how far a particle leaves what is usual in the movie from frame to frame.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
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
from temtrack.review.rows import MIN_JUMP, ParticleRows
from temtrack.tables import BAD_FRAMES, Tables

#: A particle that ended may go on as one that begins at most so many frames later.
MAX_GAP_FRAMES = 5

#: and whose area differs by so much at most.
MAX_AREA_FACTOR = 1.8

#: Tracks of at most so many frames that come from nowhere and go nowhere are often specks.
SPECK_FRAMES = 3

#: Jumps are looked at only where place and area differ by so much: way in radii plus the logarithm of the
#: areas' ratio.
MIN_UNLIKE = 0.5

#: Of the queue every so-manieth item is drawn at random, so that all can be judged by those reviewed.
SAMPLE_EVERY = 4

#: Of that drawing, so that the queue of a run is the same each time.
_SEED = 0

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


def make_queue(run: EditedRun, tables: Tables) -> list[Item]:
    """Return what to look at in an uncorrected run, in order.

    Parameters
    ----------
    run, tables
        As tracked, and its tables.
    """
    items = [*_Finder(run, tables).find()]
    items.sort(key=lambda item: (-item.weight, item.frame, item.key))
    rng = np.random.default_rng(_SEED)
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
        self.rows = ParticleRows(run.history)
        self.lineage = run.lineage()
        began = [t for t in self.lineage.tracks if t.origin in ("appeared", "nucleated", "entered")]
        self._began = sorted(began, key=lambda track: track.start)
        self._starts = [track.start for track in self._began]
        self._firsts = np.array([self._where(track.id, track.start) for track in self._began]).reshape(-1, 3)
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

    def _where(self, one: int, t: int) -> tuple[float, float, float]:
        """Return centre (y, x) and area of a particle in a frame; NaN where it is hidden."""
        row = self.rows.at(one, t)
        if row is None:
            return np.nan, np.nan, np.nan
        return float(self.rows.y[row]), float(self.rows.x[row]), float(self.rows.area[row])

    def _place(self, one: int, t: int) -> Place:
        row = self.rows.at(one, t)
        assert row is not None
        return self._place_of(row)

    def _place_of(self, row: int) -> Place:
        y, x = float(self.rows.y[row]), float(self.rows.x[row])
        frame = self.run.frames[int(self.rows.frame[row])]
        return Place(frame, round(y, 2), round(x, 2), float(self.rows.area[row]))

    def _merge(self, m: Merge) -> Item:
        sure = self.confidence.get((m.frame, m.child), np.nan)
        doubt = _UNKNOWN_DOUBT if np.isnan(sure) else 1 - sure
        question = f"Did {_listed(m.parents)} merge into {m.child} in frame {{f}}?"
        child = self.rows.first(m.child, m.frame)  # other programs hide some at first
        heir = min(
            (self.rows.last(one, m.frame) for one in m.parents), key=lambda row: self.rows.unlike(row, child)
        )
        at = self._place_of(child)
        no = MergeRejected(at, self._place_of(heir))
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
        rows, around = self.rows, self.rows.history.in_frame(t)
        y, x, area = self._where(track.id, t)
        away = np.hypot(rows.y[around] - y, rows.x[around] - x) - np.sqrt(rows.area[around] / np.pi)
        near = rows.particle_id[around[away < 2 * np.sqrt(area / np.pi) + 2]]
        best: tuple[int | None, float] = None, 0.0
        for one in near[near != track.id].tolist():
            life = rows.history.rows_of(one)
            frames = rows.frame[life]
            before, after = (life[(frames > low) & (frames <= low + 3)] for low in (t - 3, t))
            if (rows.frame[after] == t + 1).any():
                gain = float(np.median(rows.area[after]) - np.median(rows.area[before])) / area
                if gain > max(best[1], 0.4):
                    best = one, min(gain, 1.0)
        return best[0], 0.9 * best[1]

    def _jumps(self) -> Iterator[Item]:
        """Yield what is unlike itself a frame before: swapped, badly outlined, or another one."""
        rows, jumps = self.rows, self.rows.jumps(self.bad)
        by_frame: dict[int, list[int]] = {}
        for row in jumps.rows.tolist():
            by_frame.setdefault(int(rows.frame[row]), []).append(row)
        done: set[tuple[int, int]] = set()
        for row, size in zip(jumps.rows.tolist(), jumps.sizes.tolist(), strict=True):
            t, one, was = int(rows.frame[row]), int(rows.particle_id[row]), int(jumps.before[row])
            if {(t, one), (t - 1, one)} & done or rows.unlike(was, row) < MIN_UNLIKE:
                continue
            others = [(int(jumps.before[other]), other) for other in by_frame[t] if other != row]
            swapped = self._swapped((was, row), others)
            other = None if swapped is None else int(rows.particle_id[swapped])
            done |= {(t, one), (t, other or one)}
            yield self._jump(one, t, (was, row), other, size / (size + MIN_JUMP))

    def _jump(self, one: int, t: int, step: tuple[int, int], other: int | None, doubt: float) -> Item:
        at = self._place(one, t)
        if other is not None:
            question = f"Did {one} and {other} change names in frame {{f}}?"
            swap = IdsSwapped(at, self._place(other, t)), Confirmed("link", at.frame, at)
            return self._item("swap", t, (one, other), question, (doubt, 2), *swap)
        after, unlike = self.rows.at(one, t + 1), self.rows.unlike
        if after is not None and unlike(step[0], after) < 0.5 * unlike(*step):
            question = f"Is the outline of {one} in frame {{f}} right?"
            told = Confirmed("particle", at.frame, at), ParticleCopied(self._place(one, t - 1), at.frame)
            return self._item("outline", t, (one,), question, (doubt, 0.5), *told)
        question = f"Is {one} the same particle in frames {{b}} and {{f}}?"
        return self._item(
            "link", t, (one,), question, (doubt, 2), Confirmed("link", at.frame, at), LinkCut(at)
        )

    def _swapped(self, step: tuple[int, int], others: Sequence[tuple[int, int]]) -> int | None:
        """Return which of other steps, rows before and after, fits another's row before much better."""
        unlike = self.rows.unlike
        for other in others:
            crossed = unlike(step[0], other[1]) + unlike(other[0], step[1])
            if crossed < 0.5 * (unlike(*step) + unlike(*other)):
                return other[1]
        return None

    def _gaps(self) -> Iterator[Item]:
        """Yield the frames in which a particle lacks, though it is there before and after."""
        for track in self.lineage.tracks:
            there = self.rows.frames_of(track.id)
            for before in there[:-1][np.diff(there) > 1].tolist():
                at = self._place(track.id, before)
                question = f"Does {track.id} lack in frame {{f}}?"
                yes = ParticleCopied(at, self.run.frames[before + 1])
                no = Confirmed("particle", self.run.frames[before + 1])
                yield self._item("outline", before + 1, (track.id,), question, (0.8, 0.5), yes, no)

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
