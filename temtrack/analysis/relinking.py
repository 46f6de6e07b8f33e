"""The family tree of masks that nobody told it of, found from their regions alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from temtrack.analysis.id_mapping import IdMapping
from temtrack.analysis.renaming import RenamedMerges
from temtrack.linking.masks import link_masks
from temtrack.masks import Labels, Masks, Run
from temtrack.progress import Progress, silent


def relink(run: Run, progress: Progress = silent) -> tuple[Run, bool]:
    """Find a run's family tree from its masks, in the ids that they carry.

    So merges come out also where a tracker kept a parent's id on for the child; where it gives the child a
    new id, as `temtrack track` does, the ids tell. Only where the ids are renumbered from frame to frame, and
    so name no particles, masks and family tree are in the ids that linking gives.

    Returns
    -------
    The run with its lineage, and whether its ids are other ones now.
    """
    linked = link_masks(progress(run.masks, "linking"))
    mapping, renamed, guests = IdMapping(), RenamedMerges(), run.gap_filled or {}
    for t, (frame, given) in enumerate(zip(linked, run.masks, strict=True)):
        mapping.add(frame.labels, given)
        renamed.add(given, frozenset(guests.get(t, ())))
    if mapping.tells_nothing():
        return replace(run, masks=relinked(run.masks), lineage=linked.lineage), True
    is_own = run.provenance is not None and run.provenance.action == "track"
    return replace(run, lineage=mapping.translate(linked.lineage, renamed.merges(), is_own)), False


def relinked(masks: Masks) -> Masks:
    """Return masks in the ids that linking gives them; linked anew in each walk, to keep memory small."""
    frames = _Walk(lambda: (frame.labels for frame in link_masks(masks)))
    return replace(masks, read_frame=frames.read)


class _Walk:
    """Frames that can be made only in order: one asked for again begins a new walk."""

    def __init__(self, begin: Callable[[], Iterator[Labels]]) -> None:
        self._begin = begin
        self._frames, self._next = begin(), 0

    def read(self, t: int) -> Labels:
        """Return frame ``t``; cheap where frames are asked for in order."""
        if t < self._next:
            self._frames, self._next = self._begin(), 0
        while True:
            labels = next(self._frames)
            self._next += 1
            if self._next > t:
                return labels
