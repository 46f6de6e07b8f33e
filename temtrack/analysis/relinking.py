"""The family tree of masks that nobody told it of, found from their regions alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from temtrack.analysis.id_mapping import IdMapping
from temtrack.analysis.renaming import RenamedMerges
from temtrack.imaging.labels import LabelImage
from temtrack.imaging.runs import RunLengths
from temtrack.linking.lineage_builder import LinkedFrame
from temtrack.linking.masks import LinkedMasks, link_images
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
    linked, frames = _link(progress(run.masks, "linking"))
    mapping, renamed, guests = IdMapping(), RenamedMerges(), run.gap_filled or {}
    ids = _LinkedIds()
    for t, (frame, given) in enumerate(frames):
        mapping.add(frame.image, given)
        renamed.add(given, frozenset(guests.get(t, ())))
        ids.add(given, frame.image)
    if mapping.tells_nothing():
        return replace(run, masks=ids.given_to(run.masks), lineage=linked.lineage), True
    is_own = run.provenance is not None and run.provenance.action == "track"
    return replace(run, lineage=mapping.translate(linked.lineage, renamed.merges(), is_own)), False


def relinked(masks: Masks) -> Masks:
    """Return masks in the ids that linking gives them; they are linked when a frame is first asked for."""

    @cache
    def ids() -> _LinkedIds:
        found = _LinkedIds()
        for frame, given in _link(masks)[1]:
            found.add(given, frame.image)
        return found

    return replace(masks, read_frame=lambda t: ids().give(masks[t], t))


def _link(masks: Iterable[Labels]) -> tuple[LinkedMasks, Iterator[tuple[LinkedFrame, LabelImage]]]:
    """Link masks, read once, and return with each frame what it was; only runs wait for the look-ahead."""
    waiting = deque[RunLengths]()

    def images() -> Iterator[LabelImage]:
        for image in map(LabelImage, masks):
            waiting.append(image.runs)
            yield image

    linked = link_images(images())
    return linked, ((one, LabelImage.of_runs(waiting.popleft(), one.labels.shape)) for one in linked)


@dataclass(frozen=True)
class _LinkedIds:
    """The ids that linking gives to masks, a fraction of a table's row for each particle.

    Of each frame: the new ids of the regions in the order of their given ids; and the flat places of the
    pixels that have another one, with that.
    """

    _frames: list[tuple[NDArray[np.int32], NDArray[np.int64], Labels]] = field(default_factory=list)

    def add(self, given: LabelImage, linked: LabelImage) -> None:
        """Take the next frame as it was given and as it was linked."""
        labels = linked.labels.ravel()
        new_ids = np.zeros(given.ids.size, np.int32)
        new_ids[given.region] = labels[given.runs.y_px * given.labels.shape[1] + given.runs.x_px]
        other = np.flatnonzero(given.with_ids(new_ids).labels.ravel() != labels)
        self._frames.append((new_ids, other, labels[other]))

    def give(self, given: Labels, t: int) -> Labels:
        """Return frame ``t``, (Y, X), in the ids that it was linked in."""
        new_ids, other, ids_of_other = self._frames[t]
        labels = LabelImage(given).with_ids(new_ids).labels
        labels.ravel()[other] = ids_of_other
        return labels

    def given_to(self, masks: Masks) -> Masks:
        """Return the masks in these ids."""
        return replace(masks, read_frame=lambda t: self.give(masks[t], t))
