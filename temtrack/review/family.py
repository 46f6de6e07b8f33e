"""A family tree while it is corrected: where particles came from, how they ended, who merged into whom."""

from __future__ import annotations

from dataclasses import replace

from temtrack.lineage import Fate, Lineage, Merge, Origin


class EditedFamily:
    """The tracks and merges of a run, kept free of what cannot be.

    Parameters
    ----------
    lineage
        The family tree as it was tracked.
    """

    def __init__(self, lineage: Lineage, n_frames: int) -> None:
        self._n_frames = n_frames
        self.tracks = {track.id: track for track in lineage.tracks}
        self.merges = list(lineage.merges)
        #: Merges that a person accepted, mended or added.
        self.reviewed: set[Merge] = set()

    def _begin(self, one: int, origin: Origin, parents: tuple[int, ...] = ()) -> None:
        """Say where a particle came from; what cannot be so by its first frame is mended."""
        if one not in self.tracks:
            return
        is_first = self.tracks[one].start == 0
        if is_first and origin not in ("merge", "split"):
            origin = "present"
        elif origin == "present" and not is_first:
            origin = "appeared"
        self.tracks[one] = replace(self.tracks[one], origin=origin, parents=parents)

    def _end(self, one: int, fate: Fate) -> None:
        """Say how a particle ended; what cannot be so by its last frame is mended."""
        if one not in self.tracks:
            return
        is_last = self.tracks[one].end == self._n_frames - 1
        if is_last and fate != "split":
            fate = "present"
        elif fate == "present" and not is_last:
            fate = "lost"
        self.tracks[one] = replace(self.tracks[one], fate=fate)

    def _change(self, merge: Merge, new: Merge | None) -> None:
        """Replace a merge, or remove it."""
        if new == merge or merge not in self.merges:
            return
        self.merges.remove(merge)
        if new is not None:
            self.merges.append(new)
        if merge in self.reviewed:
            self.reviewed = self.reviewed - {merge} | ({new} if new else set())

    def _rename_source(self, old: int, new: int | None, since: int = 0) -> None:
        """Let fragments that split off a particle from a frame on come from another one."""
        for track in list(self.tracks.values()):
            if track.origin == "split" and old in track.parents and track.start >= since:
                named = (new if p == old else p for p in track.parents)
                parents = tuple(p for p in named if p is not None)
                self._begin(track.id, "split" if parents else "appeared", parents)
