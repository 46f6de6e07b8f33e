"""The lineage on disk: ``res_track.txt`` for CTC tools, ``lineage.json`` with all parents and merges."""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import numpy as np

from temtrack.errors import InputError
from temtrack.formats.store.atomic import whole_file
from temtrack.lineage import Fate, Lineage, Merge, Origin, Track

LINEAGE_NAME, CTC_TABLE_NAME = "lineage.json", "res_track.txt"

_FORMAT, _VERSION = "temtrack-lineage", 1

#: A mask holds ids of up to ten digits.
_WHOLE = re.compile("[0-9]{1,10}")


def write_ctc_table(path: Path, lineage: Lineage) -> None:
    """Write the tracks as lines ``L B E P``: id, first and last frame, one parent or 0.

    The table holds one parent: the first of `Track.parents`, which is the largest. In CTC's rules a parent
    ends before its children begin, so one that only shed a piece and lives on is not named.
    """
    parents = ctc_parents(lineage)
    lines = [f"{t.id} {t.start} {t.end} {parents.get(t.id, 0)}\n" for t in lineage.tracks]
    with whole_file(path) as part:
        part.write_text("".join(lines), encoding="ascii")


def ctc_parents(lineage: Lineage) -> dict[int, int]:
    """Return the one parent that a CTC table can hold, by the ids that have one; see `write_ctc_table`."""
    ends = {track.id: track.end for track in lineage.tracks}
    first = {track: track.parents[0] for track in lineage.tracks if track.parents}
    return {track.id: parent for track, parent in first.items() if ends[parent] < track.start}


def read_ctc_table(path: Path) -> dict[int, int]:
    """Read which id has which parent from a CTC table, as `ctc_parents` gives them.

    Raises
    ------
    InputError
        If the file cannot be read, or a line is not four whole numbers.
    """
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: track table cannot be read: {error}") from error
    parents = {}
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if len(words) not in (0, 4) or not all(_WHOLE.fullmatch(word) for word in words):
            raise InputError(
                f"{path}: line {number} is {line!r}; allowed are four whole numbers: id, first frame, last"
                " frame, parent or 0"
            )
        if words and int(words[3]):
            parents[int(words[0])] = int(words[3])
    return parents


def write_lineage(path: Path, lineage: Lineage) -> None:
    """Write all of the lineage as JSON, with the version of its layout."""
    document = {"format": _FORMAT, "version": _VERSION, **asdict(lineage)}
    with whole_file(path) as part:
        part.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def read_lineage(path: Path) -> Lineage:
    """Read what `write_lineage` wrote.

    Raises
    ------
    InputError
        If the file is missing, no lineage of a known version, or contradicts itself.
    """
    document = _document(path)
    try:
        lineage = Lineage(
            n_frames=int(document["n_frames"]),
            tracks=tuple(_track(entry) for entry in document["tracks"]),
            merges=tuple(
                Merge.from_row({**entry, "child_id": entry["child"], "parent_ids": entry["parents"]})
                for entry in document["merges"]
            ),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        reason = f"field {error} is missing" if isinstance(error, KeyError) else str(error)
        raise InputError(f"{path}: lineage is damaged: {reason}; run `temtrack track` again") from error
    _refuse_contradictions(path, lineage)
    return lineage


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: lineage cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is not JSON ({error}); run `temtrack track` again") from error
    found = (document.get("format"), document.get("version")) if isinstance(document, dict) else None
    if found != (_FORMAT, _VERSION):
        raise InputError(f"{path}: is no {_FORMAT} file of version {_VERSION}, but {found}")
    return dict(document)


def _track(entry: dict[str, Any]) -> Track:
    if entry["origin"] not in get_args(Origin) or entry["fate"] not in get_args(Fate):
        raise ValueError(f"track {entry['id']} has origin {entry['origin']!r} and fate {entry['fate']!r}")
    numbers = {name: int(entry[name]) for name in ("id", "start", "end")}
    parents = tuple(int(p) for p in entry["parents"])
    return Track(**numbers, origin=entry["origin"], fate=entry["fate"], parents=parents)


def _refuse_contradictions(path: Path, lineage: Lineage) -> None:
    ids = [track.id for track in lineage.tracks]
    known = set(ids)
    named = {p for t in lineage.tracks for p in t.parents}
    named |= {i for m in lineage.merges for i in (m.child, *m.parents)}
    backward = [t.id for t in lineage.tracks if not 0 <= t.start <= t.end < lineage.n_frames]
    if len(known) < len(ids) or min(ids, default=1) < 1 or max(ids, default=1) > np.iinfo(np.int32).max:
        raise InputError(f"{path}: track ids are not positive and unique")
    if named - known:
        raise InputError(f"{path}: names tracks that it does not hold: {sorted(named - known)[:5]}")
    if backward:
        raise InputError(
            f"{path}: tracks {backward[:5]} do not lie within frames 0 to {lineage.n_frames - 1}"
        )
    for merge in lineage.merges:
        contact = merge.frame if merge.contact_frame is None else merge.contact_frame
        within = 0 <= contact <= merge.frame < lineage.n_frames
        if not (within and math.isfinite(merge.y_px) and math.isfinite(merge.x_px)):
            raise InputError(
                f"{path}: the merge of {merge.parents[:5]} into {merge.child} is at no place or time"
            )
