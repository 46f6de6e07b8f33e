"""Whether masks and the lineage beside them tell the same: the one place that refuses where they do not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from temtrack.errors import InputError
from temtrack.formats.store.lineage import LINEAGE_NAME
from temtrack.formats.store.masks import mask_name
from temtrack.imaging.runs import encode_run_lengths
from temtrack.lineage import Lineage
from temtrack.masks import Labels, Masks


def refuse_other_frames(folder: Path, masks: Masks, lineage: Lineage) -> None:
    """Refuse a lineage of another number of frames.

    Raises
    ------
    InputError
        Where it is one; the message names the first file that is missing.
    """
    if lineage.n_frames == len(masks):
        return
    names = {path.name for path in masks.files}
    missing = next((name for t in range(lineage.n_frames) if (name := mask_name(t)) not in names), None)
    gap = f", {missing} is missing" if missing and mask_name(0) in names | {missing} else ""
    raise _refusal(folder, f"it tells of {lineage.n_frames} frames, the folder holds {len(masks)} masks{gap}")


def fitted(masks: Masks, lineage: Lineage, is_whole: bool) -> Masks:
    """Return masks that are compared with their lineage as they are read.

    Parameters
    ----------
    masks, lineage
        What lies in one folder.
    is_whole
        Whether each id stands in every frame of its life, as tracking leaves it; else it may be hidden in
        some, but not in its first and last.
    """
    lives = {track.id: (track.start, track.end) for track in lineage.tracks}
    ids = np.array(list(lives), dtype=np.int64)
    starts, ends = np.array(list(lives.values()), dtype=np.int64).reshape(-1, 2).T

    def read(t: int) -> Labels:
        labels = masks.read_frame(t)
        present = np.unique(encode_run_lengths(labels).ids)
        alive = (starts <= t) & (t <= ends)
        sure = alive if is_whole else (starts == t) | (ends == t)
        strange = np.setdiff1d(present, ids[alive])
        lacking = np.setdiff1d(ids[sure], present)
        for verb, some in (("holds", strange), ("lacks", lacking)):
            if some.size:
                one = int(some[0])
                told = "stands in frames {} to {}".format(*lives[one]) if one in lives else "is unknown"
                raise _refusal(masks.path, f"the mask of frame {t} {verb} id {one}, which there {told}")
        return labels

    return replace(masks, read_frame=read)


def _refusal(folder: Path, difference: str) -> InputError:
    return InputError(
        f"{folder / LINEAGE_NAME}: does not fit the masks: {difference}; run `temtrack track` again, or"
        f" remove {LINEAGE_NAME} to find merges from the masks alone"
    )
