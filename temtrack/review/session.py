"""A run under review: what the page is told of it, and the corrections that it asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from threading import Lock
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, TypeAdapter

from temtrack.kinetics.changes import Change
from temtrack.masks import Labels, Run
from temtrack.review.corrections import Correction
from temtrack.review.drawing import Ask, answered, brushed, parts_at
from temtrack.review.edited import EditedRun
from temtrack.review.estimate import estimate_merges
from temtrack.review.log import Entry, Log, append, parse
from temtrack.review.outlines import ParticleDivided, ParticleOutlined, rings_of
from temtrack.review.places import Stale
from temtrack.review.queue import Item
from temtrack.review.shown import ShownFrames, contours_json

#: Points (y, x) as a page tells them.
_POINTS: TypeAdapter[list[tuple[float, float]]] = TypeAdapter(
    Annotated[list[tuple[float, float]], Field(min_length=1, max_length=10_000)],
    config=ConfigDict(allow_inf_nan=False),
)


@dataclass
class Session:
    """A run under review: what the page shows, and the corrections made on it.

    Parameters
    ----------
    shown
        The run as tracked, and its movie.
    base
        The run without corrections.
    log
        Those made so far.
    queue
        What to look at.
    ask
        The model that answers points and boxes; ``None`` where there is none.
    measure
        Measures what entries of the log change in the results; ``None`` where nothing does.
    """

    shown: ShownFrames
    base: EditedRun
    log: Log
    queue: list[Item]
    ask: Ask | None = None
    measure: Callable[[Sequence[Entry]], Sequence[Change]] | None = None
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self.base = self.base.reading(self.shown.one_at_a_time)
        self.edited, self.stale = self.log.apply(self.base)
        self._changed: list[int] = []

    @property
    def run(self) -> Run:
        """The run as tracked."""
        return self.shown.run

    @property
    def has_model(self) -> bool:
        """Whether points and boxes are answered."""
        return self.ask is not None and self.shown.movie is not None

    def describe(self) -> dict[str, Any]:
        """Return the queue, and whether points and boxes are answered."""
        return {
            "has_model": self.has_model,
            "queue": [
                {
                    "key": item.key,
                    "kind": item.kind,
                    "t": item.frame,
                    "question": item.question,
                    "ids": item.ids,
                    "has_no": item.no is not None,
                    "is_sample": item.is_sample,
                    "places": [[p["y_px"], p["x_px"]] for p in _places(asdict(item)["yes"])],
                }
                for item in self.queue
            ],
        }

    def state(self) -> dict[str, Any]:
        """Return what corrections change: the log, the items that it answers, and how good the merges are.

        ``changed`` are the frames that look otherwise since the last correction.
        """
        standing, stale = self.log.standing(), {entry.id: reason for entry, reason in self.stale}
        shares = estimate_merges(self.queue, self.log)
        return {
            "revision": len(self.log.entries),
            "changed": self._changed,
            "log": [self._listed(entry, stale.get(entry.id)) for entry in standing],
            "answered": {e.item: e.kind for e in standing if e.item},
            "n_stale": len(self.stale),
            "can_undo": self.log.next_reversal("undo") is not None,
            "can_redo": self.log.next_reversal("redo") is not None,
            "n_merges": len(self.edited.merges),
            "excluded": [t for t, word in enumerate(self.edited.quality) if word == "excluded"],
            "shares": {name: _told(asdict(share)) for name, share in shares.items()},
        }

    def _listed(self, entry: Entry, stale: str | None) -> dict[str, Any]:
        """Return what the page lists of an entry; ``t`` is its frame, ``stale`` why it does not apply."""
        fields, frames = asdict(entry.done), self.base.frames
        frame = fields["frame"] if "frame" in fields else next(_places(fields))["frame"]
        return {
            "kind": entry.kind,
            "item": entry.item,
            "t": frames.index(frame) if frame in frames else None,
            "told": f"{entry.author}, {entry.time}{entry.why and f': {entry.why}'}",
            "stale": stale,
        }

    def changes(self, kind: str | None = None) -> list[dict[str, Any]]:
        """Return what the corrections so far change in the results, measured now; others go on meanwhile.

        With a ``kind`` of the queue: what they would if every open question of it showed a mistake.
        """
        if self.measure is None:
            return []
        entries = self.log.standing()
        answered = {entry.item for entry in entries}
        open_ones = [item for item in self.queue if item.kind == kind and item.key not in answered]
        entries += [Entry.now(item.mend) for item in open_ones if item.mend is not None]
        return [one.to_json() for one in self.measure(entries) if one.is_known]

    def contours(self, t: int) -> bytes:
        """Return the contours of a frame as corrected, as JSON."""
        return contours_json(self.edited.labels(t))

    def particle(self, one: int) -> dict[str, Any]:
        """Return what is known of a particle as corrected; ``KeyError`` where there is none."""
        (track,) = (track for track in self.edited.lineage().tracks if track.id == one)
        return asdict(track)

    def correct(self, told: Mapping[str, Any]) -> None:
        """Make a correction that a page asks for; it is on the disk when this returns.

        ``{"id": 3, "t": 6}`` stands for a particle in a frame of the run, ``{"t": 6}`` for a frame.
        """
        with self._lock:
            fields = {name: self._resolve(value) for name, value in told.get("fields", {}).items()}
            correction = parse(str(told.get("kind")), fields)
            self._make(correction, str(told.get("item", "")), str(told.get("why", "")))

    def answer(self, told: Mapping[str, Any]) -> None:
        """Answer an item of the queue."""
        with self._lock:
            item = next((item for item in self.queue if item.key == told.get("key")), None)
            done = None if item is None else item.yes if told.get("yes") is True else item.no
            if item is None or done is None:
                raise ValueError("there is no such answer")
            self._make(done, item.key, "")

    def draw(self, told: Mapping[str, Any]) -> None:
        """Outline a particle as a page asks for it, ``id``, or where that is absent a new one.

        ``how`` is ``brush`` or ``eraser`` along ``points`` (y, x) with a ``radius``; ``point`` or ``box``:
        what a model sees at the ``points``, of which a box has two; ``divide``: it is several, one at each.
        """
        t, how, one = self._frame_of(told), told.get("how"), told.get("id")
        points = _POINTS.validate_python(told.get("points"))
        if one is not None and one not in self.edited.particles(t):
            raise ValueError(f"particle {one!r} is not in frame {t}")
        with self._lock:
            labels = self.edited.labels(t)
            own = labels == one if one is not None else np.zeros(labels.shape, bool)
            at = None if one is None else self.edited.place(one, t)
            if how == "divide" and at is not None and len(points) > 1:
                answers = self._answer(t, points) if self.has_model else None
                parts = [rings_of(part) for part in parts_at(own, points, answers) if part.any()]
                self._make(ParticleDivided(at, tuple(parts)), "", str(told.get("why", "")))
                return
            mask = self._drawn(t, str(how), points, own, told)
            rings = rings_of(mask)
            self._make(ParticleOutlined(self.edited.frames[t], rings, at), "", str(told.get("why", "")))

    def _drawn(
        self,
        t: int,
        how: str,
        points: list[tuple[float, float]],
        own: NDArray[np.bool_],
        told: Mapping[str, Any],
    ) -> NDArray[np.bool_]:
        """Return the pixels (Y, X) of a particle as a page asks for them, where it had its ``own``."""
        if how in ("brush", "eraser"):
            radius = float(told["radius"])
            if not 0 < radius <= max(own.shape):
                raise ValueError(f"a brush of {radius} px cannot be")
            stroke = brushed(points, radius, (own.shape[0], own.shape[1]))
            return own | stroke if how == "brush" else own & ~stroke
        if how == "point":
            return self._answer(t, points) > 0
        if how == "box" and len(points) == 2:
            (y0, x0), (y1, x1) = points
            return self._answer(t, [], [(min(y0, y1), min(x0, x1), max(y0, y1), max(x0, x1))]) > 0
        raise ValueError(f"{how!r} with {len(points)} points cannot be drawn")

    def _answer(
        self, t: int, points: list[tuple[float, float]], boxes: Sequence[Sequence[float]] = ()
    ) -> Labels:
        """Return what the model says of points or boxes in a frame."""
        if self.ask is None or not self.has_model:
            raise ValueError("there is no model, or no movie, to answer a point or a box")
        areas = [area for _, _, area in self.edited.particles(t).values()]
        diameter = 2 * np.sqrt(np.median(areas) / np.pi) if areas else 0.0
        found = answered(self.ask, self.shown.frame(t), points, boxes, float(diameter))
        if not found.any():
            raise Stale("the model sees no particle there")
        return found

    def reverse(self, told: Mapping[str, Any]) -> None:
        """Undo or redo."""
        with self._lock:
            reversal = self.log.next_reversal("redo" if told.get("redo") is True else "undo")
            if reversal is None:
                raise ValueError("there is nothing to take back or to make again")
            self.log = append(self.log, [Entry.now(reversal)], self.run)
            edited, self.stale = self.log.apply(self.base)
            self._show(edited)

    def _make(self, correction: Correction, item: str, why: str) -> None:
        correction, trial = correction.as_seen_in(self.edited), self.edited.copy()
        correction.apply(trial)
        self.log = append(self.log, [Entry.now(correction, why, item)], self.run)
        self._show(trial)

    def _show(self, edited: EditedRun) -> None:
        self._changed = edited.frames_unlike(self.edited)
        self.edited = edited

    def _resolve(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._resolve(one) for one in value]
        if not isinstance(value, dict):
            return value
        t = self._frame_of(value)
        if "id" not in value:
            return self.edited.frames[t]
        if value["id"] not in self.edited.particles(t):
            raise ValueError(f"particle {value['id']!r} is not in frame {t}")
        return asdict(self.edited.place(value["id"], t))

    def _frame_of(self, told: Mapping[str, Any]) -> int:
        t = told.get("t")
        if not isinstance(t, int) or not 0 <= t < len(self.run.masks):
            raise ValueError(f"frame {t!r} is not in this run")
        return t


def _places(fields: Any) -> Iterator[dict[str, Any]]:
    """Yield the places that a correction names."""
    values = (
        fields.values() if isinstance(fields, dict) else fields if isinstance(fields, list | tuple) else ()
    )
    if isinstance(fields, dict) and "y_px" in fields:
        yield fields
    for value in values:
        yield from _places(value)


def _told(share: dict[str, Any]) -> dict[str, Any]:
    return {name: value if np.isfinite(value) else None for name, value in share.items()}
