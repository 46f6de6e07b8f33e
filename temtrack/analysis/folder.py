"""A masks folder and what its tracker left beside the masks: family tree, calibration, facts of the run."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from temtrack import __version__
from temtrack.analysis.masks import Masks as AnyMasks
from temtrack.analysis.masks import Tables, TrackerRecord, Watch, analyze_masks, find_family
from temtrack.errors import InputError
from temtrack.formats.fingerprint import fingerprint
from temtrack.formats.lineage_files import read_lineage
from temtrack.formats.masks import Masks, list_masks, read_masks
from temtrack.movie import Movie
from temtrack.tables import Calibration

LINEAGE_NAME, RUN_NAME = "lineage.json", "run.json"


@dataclass(frozen=True)
class MasksFolder:
    """Masks and all that is known of them.

    Parameters
    ----------
    path
        The folder, or a TIFF stack of ids.
    masks
        Ids (T, Y, X), read one frame at a time.
    record
        What this program's tracker left; empty for another program's masks.
    calibration
        Scale and time as the tracker knew them.
    facts
        Model, its hash and the like from the tracker's run, for the tables' metadata.
    """

    path: Path
    masks: Masks
    record: TrackerRecord
    calibration: Calibration
    facts: dict[str, str]

    def analyze(
        self, movie: Movie | None, calibration: Calibration, with_merges: bool, watch: Watch = iter
    ) -> Tables:
        """Measure all tables; see `analyze_masks`.

        Without a family tree beside the masks it is found from the masks, if ``with_merges``; then masks
        that are renumbered in every frame are told in other ids. Without ``with_merges`` there is no merge
        table.
        """
        record = self.record
        masks: AnyMasks = self.masks
        if with_merges and record.lineage is None:
            masks, lineage = find_family(self.masks, watch)
            record = replace(record, lineage=lineage)
        tables = analyze_masks(masks, record, movie, calibration, watch)
        return replace(
            tables, merges=tables.merges if with_merges else None, has_own_ids=masks is not self.masks
        )

    def calibrated(
        self, pixel_size_nm: float | None, frame_time_s: float | None, movie: Movie | None
    ) -> Calibration:
        """Return scale and time by the first who knows: the user, the tracker's run, the movie."""
        n_frames = len(self.masks)
        known = self.calibration
        if pixel_size_nm is not None:
            known = replace(known, pixel_size_nm=pixel_size_nm, pixel_size_source="given by --pixel-size")
        elif known.pixel_size_nm is None and movie is not None and movie.pixel_size is not None:
            size = movie.pixel_size
            known = replace(known, pixel_size_nm=size.nm, pixel_size_source=size.source)
        if frame_time_s is not None:
            seconds = np.arange(n_frames, dtype=np.float64) * frame_time_s
            known = replace(known, frame_seconds=seconds, frame_times_source="given by --frame-time")
        elif known.frame_seconds is None and movie is not None and movie.frame_times is not None:
            times = movie.frame_times
            known = replace(known, frame_seconds=times.seconds, frame_times_source=times.source)
        return known

    def metadata(self, calibration: Calibration, command: str) -> dict[str, str]:
        """Return the facts that stand in the schema metadata of each table."""
        scale = calibration.pixel_size_nm
        return {
            "temtrack_version": __version__,
            "command": command,
            "input": str(self.path),
            "input_sha256": fingerprint(list_masks(self.path)),
            **self.facts,
            "pixel_size_nm": "unknown" if scale is None else repr(scale),
            "pixel_size_source": calibration.pixel_size_source,
            "frame_times_source": calibration.frame_times_source,
        }


def open_masks_folder(path: Path) -> MasksFolder:
    """Open a masks folder of this program or another; masks are read when they are asked for.

    Raises
    ------
    InputError
        Where there are no masks, or a file that the tracker left beside them is damaged or does not fit.
    """
    masks = read_masks(path)
    run = _read_run(path / RUN_NAME)
    beside = path / LINEAGE_NAME
    lineage = read_lineage(beside) if beside.is_file() else None
    if lineage is not None and lineage.n_frames != len(masks):
        raise InputError(
            f"{beside}: tells of {lineage.n_frames} frames, the folder holds {len(masks)} masks;"
            f" run `temtrack track` again, or remove {LINEAGE_NAME} to analyse the masks alone"
        )
    record = TrackerRecord(lineage, carried=_carried(run), quality=run.get("quality"))
    return MasksFolder(path, masks, record, _calibration(run, len(masks)), _facts(run))


def _read_run(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        run = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: is no JSON ({error}); remove it to analyse the masks alone") from error
    if not isinstance(run, dict):
        raise InputError(f"{path}: is no JSON object; remove it to analyse the masks alone")
    return run


def _calibration(run: dict[str, Any], n_frames: int) -> Calibration:
    try:
        scale = None if run.get("pixel_size_nm") is None else float(run["pixel_size_nm"])
        times = run.get("frame_times_s")
        seconds = None if times is None else np.asarray(times, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{RUN_NAME}: calibration is damaged ({error}); run `temtrack track` again"
        ) from error
    if seconds is not None and seconds.shape != (n_frames,):
        raise InputError(
            f"{RUN_NAME}: tells the times of {seconds.size} frames, the folder holds {n_frames} masks;"
            " run `temtrack track` again"
        )
    return Calibration(
        pixel_size_nm=scale,
        frame_seconds=seconds,
        pixel_size_source=run.get("pixel_size_source") or "",
        frame_times_source=run.get("frame_times_source") or "",
    )


def _carried(run: dict[str, Any]) -> dict[int, frozenset[int]] | None:
    carried = run.get("carried")
    return None if carried is None else {int(frame): frozenset(ids) for frame, ids in carried.items()}


def _facts(run: dict[str, Any]) -> dict[str, str]:
    names = ("model", "model_sha256", "movie", "movie_sha256", "masks", "masks_sha256")
    return {name: str(run[name]) for name in names if run.get(name) is not None}
