"""The final ids, and the lineage that they make.

The linker's own ids are many: spurious detections, fragments and parents that proved to be none use some.
Final ids are given as frames are finalized, in order of appearance, and start at 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from temtrack.imaging.labels import LabelImage, Labels
from temtrack.lineage import Fate, Lineage, Merge, Origin, Track
from temtrack.linking.records import FrameRecord


@dataclass(frozen=True)
class LinkedFrame:
    """A frame whose ids are final.

    Parameters
    ----------
    frame
        0-based number.
    image
        The same id for the same particle in every frame.
    gap_filled_ids
        Ids drawn in free space where they were propagated to, since no detection was found for them.
    n_particles
        Ids in the frame.
    """

    frame: int
    image: LabelImage
    gap_filled_ids: tuple[int, ...]
    n_particles: int

    @property
    def labels(self) -> Labels:
        """The ids (Y, X), int32."""
        return self.image.labels


@dataclass
class FinalTrack:
    """Final id of a track, its first frame and its last one so far."""

    id: int
    start: int
    end: int


@dataclass
class LineageBuilder:
    """Collects origins, fates and merges in the linker's ids and gives the lineage in final ones."""

    _entries: dict[int, FinalTrack] = field(default_factory=dict)
    _origins: dict[int, tuple[Origin, tuple[int, ...]]] = field(default_factory=dict)
    _fates: dict[int, Fate] = field(default_factory=dict)
    _merges: list[Merge] = field(default_factory=list)
    _n_frames: int = 0

    def add_origin(self, track_id: int, origin: Origin, parents: tuple[int, ...] = ()) -> None:
        """State where a track comes from."""
        self._origins[track_id] = (origin, parents)

    def add_fate(self, track_id: int, fate: Fate) -> None:
        """State what became of a track; one of which nothing is stated is present at the end."""
        self._fates[track_id] = fate

    def withdraw_fate(self, track_id: int) -> None:
        """Forget what became of a track that goes on after all."""
        self._fates.pop(track_id, None)

    def add_merge(self, merge: Merge) -> None:
        """State a merge, parents in the order in which they are to be told."""
        self._merges.append(merge)
        self.add_origin(merge.child, "merge", merge.parents)
        for parent in merge.parents:
            self.add_fate(parent, "merged")

    def finalize(self, record: FrameRecord) -> LinkedFrame:
        """Return a decided frame with final ids; frames must come in order.

        Where a person told all that is there, what was filled in is left out.
        """
        hidden = record.gap_filled & self._entries.keys() if record.is_all_told else set()
        shown = record.area_px.keys() - hidden
        for i in sorted(shown):
            entry = self._entries.get(i)
            if entry is None:
                entry = self._entries[i] = FinalTrack(len(self._entries) + 1, record.frame, record.frame)
            entry.end = record.frame
        final = {i: self._entries[i].id for i in shown}
        drawn = {old: final.get(new, 0) for old, new in record.new_ids.items()}
        self._n_frames = record.frame + 1
        gap_filled = tuple(sorted(final[i] for i in record.gap_filled if i in final))
        image = record.drawn.renamed({**dict.fromkeys(hidden, 0), **final, **drawn})
        return LinkedFrame(record.frame, image, gap_filled, len(final))

    def lineage(self) -> Lineage:
        """Return all tracks and merges in final ids."""
        tracks = sorted(map(self._final_track, self._entries), key=lambda track: track.id)
        merges = sorted(map(self._final_merge, self._merges), key=lambda merge: (merge.frame, merge.child))
        return Lineage(self._n_frames, tuple(tracks), tuple(merges))

    def _final_track(self, own_id: int) -> Track:
        entry = self._entries[own_id]
        origin, parents = self._origins[own_id]
        fate = self._fates.get(own_id, "present")
        return Track(entry.id, entry.start, entry.end, origin, fate, self._final_ids(parents))

    def _final_merge(self, merge: Merge) -> Merge:
        (child,) = self._final_ids((merge.child,))
        return replace(merge, child=child, parents=self._final_ids(merge.parents))

    def _final_ids(self, own_ids: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(self._entries[i].id for i in own_ids)
