"""Masks with what lies beside them of their tracks: folders of this program, CTC folders, stacks, images."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from temtrack.errors import InputError
from temtrack.formats.readers import tiff
from temtrack.formats.store.lineage import ctc_parents, read_ctc_table, read_lineage
from temtrack.formats.store.masks import Masks, read_labels, read_masks
from temtrack.lineage import Lineage

_CTC_TABLES = ("man_track.txt", "res_track.txt")
_SEG_NAME = re.compile(r"man_seg(\d+)\.tiff?", re.IGNORECASE)


@dataclass(frozen=True)
class TrackedMasks:
    """Masks of a movie and their tracks.

    Parameters
    ----------
    path
        What was opened.
    masks
        Ids (T, Y, X), read one frame at a time.
    lineage
        From ``lineage.json``; ``None`` where there is none.
    parents
        One parent of each id that has one, as a CTC table tells it.
    outlines
        By frame, the masks of the CTC folder ``SEG``, whose particles are outlined better; often none.
    """

    path: Path
    masks: Masks
    lineage: Lineage | None = None
    parents: Mapping[int, int] = field(default_factory=dict)
    outlines: Mapping[int, Path] = field(default_factory=dict)


def read_tracked_masks(path: Path) -> TrackedMasks:
    """Open masks; a CTC truth folder by its ``TRA`` (and ``SEG``), also from the folder that holds these.

    Raises
    ------
    InputError
        If there are no masks, or a file beside them is damaged or does not fit.
    """
    if path.is_file() and not tiff.can_read(path):
        return TrackedMasks(path, _one_image(path))
    if (path / "TRA").is_dir():
        return _read_folder(path / "TRA", _list_outlines(path / "SEG"))
    return _read_folder(path, {})


def _read_folder(path: Path, outlines: Mapping[int, Path]) -> TrackedMasks:
    masks = read_masks(path)
    beside = path / "lineage.json"
    lineage = read_lineage(beside) if beside.is_file() else None
    if lineage is not None:
        if lineage.n_frames != len(masks):
            raise InputError(
                f"{beside}: tells of {lineage.n_frames} frames, the folder holds {len(masks)} masks; remove"
                " it to find merges from the masks alone"
            )
        return TrackedMasks(path, masks, lineage, ctc_parents(lineage), outlines)
    table = next((path / name for name in _CTC_TABLES if (path / name).is_file()), None)
    return TrackedMasks(path, masks, None, {} if table is None else read_ctc_table(table), outlines)


def _list_outlines(folder: Path) -> dict[int, Path]:
    if not folder.is_dir():
        return {}
    named = ((_SEG_NAME.fullmatch(path.name), path) for path in sorted(folder.iterdir()))
    return {int(match[1]): path for match, path in named if match is not None}


def _one_image(path: Path) -> Masks:
    labels = read_labels(path)
    height, width = labels.shape
    return Masks(path, 1, height, width, lambda _: labels)
