"""The family tree of masks that nobody told it of, found from their regions alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from temtrack.analysis.id_mapping import IdMapping
from temtrack.analysis.renaming import RenamedMerges
from temtrack.imaging.labels import LabelImage
from temtrack.linking.config import LinkingConfig
from temtrack.linking.lineage_builder import LinkedFrame
from temtrack.linking.masks import LinkedMasks, link_images
from temtrack.masks import Labels, Masks, Run
from temtrack.progress import Progress, silent

#: Gives a frame's labels, as they are read, in other ids: ``(image, t)``.
Renumber = Callable[[LabelImage, int], LabelImage]


def relink(run: Run, progress: Progress = silent) -> tuple[Run, Renumber | None]:
    """Find a run's family tree from its masks, in the ids that they carry.

    So merges come out also where a tracker kept a parent's id on for the child; where it gives the child a
    new id, as `temtrack track` does, the ids tell. Only where the ids are renumbered from frame to frame, and
    so name no particles, masks and family tree are in the ids that linking gives.

    Returns
    -------
    The run with its lineage; and, where its ids are other ones now, what gives them to its masks as read.
    """
    linked, frames = _link(progress(run.masks, "linking"))
    mapping, renamed, guests = IdMapping(), RenamedMerges(), run.gap_filled or {}
    ids = _LinkedIds()
    for t, (frame, given) in enumerate(frames):
        mapping.add(frame.image, given)
        renamed.add(given, frozenset(guests.get(t, ())))
        ids.add(given, frame.image)
    if mapping.tells_nothing():
        return replace(run, lineage=linked.lineage), ids.give
    is_own = run.provenance is not None and run.provenance.action == "track"
    return replace(run, lineage=mapping.translate(linked.lineage, renamed.merges(), is_own)), None


def relinked(masks: Masks) -> Masks:
    """Return masks in the ids that linking gives them; they are linked when a frame is first asked for."""

    @cache
    def ids() -> _LinkedIds:
        found = _LinkedIds()
        for frame, given in _link(masks)[1]:
            found.add(given, frame.image)
        return found

    return replace(masks, read_frame=lambda t: ids().give(LabelImage(masks[t]), t).labels)


def _link(masks: Iterable[Labels]) -> tuple[LinkedMasks, Iterator[tuple[LinkedFrame, LabelImage]]]:
    """Link masks, read once, and return with each frame what it was; no pixels wait for the look-ahead."""
    waiting = deque[LabelImage]()

    def images() -> Iterator[LabelImage]:
        for image in map(LabelImage, masks):
            image.gaps(LinkingConfig().contact_gap_px)  # known to linking, too, in other ids
            known = image.without_pixels()
            waiting.append(known)
            yield known

    linked = link_images(images())
    return linked, ((one, waiting.popleft()) for one in linked)


@dataclass(frozen=True)
class _LinkedIds:
    """The ids that linking gives to masks, a fraction of a table's row for each particle.

    Of each frame: the new ids of the regions in the order of their given ids; and the flat places of the
    pixels that have another one, with that.
    """

    _frames: list[tuple[NDArray[np.int32], NDArray[np.int64], Labels]] = field(default_factory=list)

    def add(self, given: LabelImage, linked: LabelImage) -> None:
        """Take the next frame as it was given and as it was linked."""
        new_ids = np.zeros(given.ids.size, np.int32)
        new_ids[given.region] = _ids_at_starts(given, linked)
        renumbered, other = given.with_ids(new_ids), np.zeros(0, np.int64)
        if not renumbered.runs.equals(linked.runs):
            other = np.flatnonzero(renumbered.labels.ravel() != linked.labels.ravel())
        ids_of_other = linked.labels.ravel()[other] if other.size else np.zeros(0, np.int32)
        self._frames.append((new_ids, other, ids_of_other))

    def give(self, given: LabelImage, t: int) -> LabelImage:
        """Return frame ``t`` in the ids that it was linked in."""
        new_ids, other, ids_of_other = self._frames[t]
        image = given.with_ids(new_ids)
        if not other.size:
            return image
        labels = image.labels
        labels.ravel()[other] = ids_of_other
        return LabelImage(labels)


def _ids_at_starts(given: LabelImage, linked: LabelImage) -> NDArray[np.int64]:
    """Return the linked ids, 0 for none, at the first pixel of each given run, (R,)."""
    width = given.shape[1]
    (start, _), (begin, end) = given.runs.spans(width), linked.runs.spans(width)
    run = np.searchsorted(begin, start, side="right") - 1
    is_in = run >= 0
    is_in[is_in] = start[is_in] < end[run[is_in]]
    return np.where(is_in, np.append(linked.runs.ids, 0)[run], 0)
