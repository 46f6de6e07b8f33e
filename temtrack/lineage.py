"""The family tree of the particles of a movie: tracks, merges and splits.

Words (a *merge* is a coalescence):

- The *merge frame* is the first frame in which the child stands as one particle; the parents end the
  frame before. The *contact frame* is the first frame of the lasting contact that led to it.
- Fates: ``present`` (at the end of the movie), ``left`` (the field), ``merged``, ``dissolved``, ``split``,
  ``lost``. Origins: ``present`` (at the start), ``entered``, ``nucleated``, ``merge`` (child of a merge),
  ``split`` (split off), ``found`` (appeared at full size inside the field).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: A merge is complete where the neck's half width reaches this share of the smaller parent's radius.
NECK_RATIO = 0.3

#: A child that merges on within fewer frames than this is no particle of its own: the events become one,
#: with all parents, in the frame of the last joining; until then the parents stay apart in the masks.
MIN_CHILD_FRAMES = 3

Fate = Literal["present", "left", "merged", "dissolved", "split", "lost"]
Origin = Literal["present", "entered", "nucleated", "merge", "split", "found"]


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
    """Parents that became one child; ``y_px``, ``x_px`` is the child's centre in the merge frame."""

    frame: int
    child: int
    parents: tuple[int, ...]
    contact_frame: int
    y_px: float
    x_px: float


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
