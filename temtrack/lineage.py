"""The family tree of the particles of a movie: tracks, merges and splits.

Words (a *merge* is a coalescence):

- The *merge frame* is the first frame in which the child stands as one particle; the parents end the
  frame before. The *contact frame* is the first frame of the lasting contact that led to it; there is none
  where nobody saw contact: the parents were apart in the last frame before.
- Fates: ``present`` (at the end of the movie), ``left`` (the field), ``merged``, ``dissolved``, ``split``,
  ``lost``. Origins: ``present`` (at the start), ``entered``, ``nucleated``, ``merge`` (child of a merge),
  ``split`` (split off), ``appeared`` (first seen at full size inside the field).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

#: A merge is complete where the neck's half width reaches this share of the smaller parent's radius.
NECK_RATIO = 0.3

#: A child that merges on within fewer frames than this is no particle of its own: the events become one,
#: with all parents, in the frame of the last joining; until then the parents stay apart in the masks.
MIN_CHILD_FRAMES = 3

Fate = Literal["present", "left", "merged", "dissolved", "split", "lost"]
Origin = Literal["present", "entered", "nucleated", "merge", "split", "appeared"]


@dataclass(frozen=True)
class Track:
    """One particle from its first to its last frame (both inclusive, 0-based).

    ``parents`` begin with the largest by area in its last frame: the one parent that a CTC table can hold.
    """

    id: int
    start: int
    end: int
    origin: Origin
    fate: Fate
    parents: tuple[int, ...] = ()


@dataclass(frozen=True)
class Merge:
    """Parents that became one child.

    ``contact_frame`` is before the merge frame, ``None`` where nobody saw contact; ``y_px``, ``x_px`` is the
    child's centre in the merge frame.
    """

    frame: int
    child: int
    parents: tuple[int, ...]
    contact_frame: int | None
    y_px: float
    x_px: float

    def as_row(self) -> dict[str, Any]:
        """Return the event under the names that it has in the columns of `temtrack.tables.MERGES`."""
        return {
            "frame": self.frame,
            "child_id": self.child,
            "parent_ids": list(self.parents),
            "n_parents": len(self.parents),
            "contact_frame": self.contact_frame,
            "y_px": self.y_px,
            "x_px": self.x_px,
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Merge:
        """Return the event that a row of ``merges.parquet`` tells of; a null may be ``None`` or NaN."""
        contact = row["contact_frame"]
        return cls(
            frame=int(row["frame"]),
            child=int(row["child_id"]),
            parents=tuple(int(one) for one in row["parent_ids"]),
            contact_frame=None if contact is None or math.isnan(contact) else int(contact),
            y_px=float(row["y_px"]),
            x_px=float(row["x_px"]),
        )


@dataclass(frozen=True)
class Lineage:
    """All tracks and merges of a movie, tracks in the order of their ids, merges in the order of frames."""

    n_frames: int
    tracks: tuple[Track, ...]
    merges: tuple[Merge, ...]

    def track(self, track_id: int) -> Track:
        """Return the track of that id; ``KeyError`` where there is none."""
        for track in self.tracks:
            if track.id == track_id:
                return track
        raise KeyError(track_id)
