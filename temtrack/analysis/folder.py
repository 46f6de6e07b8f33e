"""A masks folder and what its tracker left beside the masks: family tree, calibration, facts of the run."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from temtrack import __version__
from temtrack.analysis.masks import TrackerRecord
from temtrack.analysis.series import MaskSeries
from temtrack.errors import InputError
from temtrack.formats.store.fingerprint import fingerprint
from temtrack.formats.store.lineage import read_lineage
from temtrack.formats.store.masks import Masks, list_masks, read_masks
from temtrack.movie import Movie
from temtrack.tables import Calibration, Table

LINEAGE_NAME, RUN_NAME = "lineage.json", "run.json"


@dataclass(frozen=True)
class MasksFolder(MaskSeries):
    """A masks folder and what its tracker left in it.

    Parameters
    ----------
    path
        The folder, or a TIFF stack of ids.
    masks
        Ids (T, Y, X), read one frame at a time.
    facts
        Model, its hash and the like from the tracker's run, for the tables' metadata.
    piece
        Which frames of its movie the tracker was given; ``None`` for all.
    started
        The microscope's clock at the time 0 s; ``None`` where the tracker did not know it.
    """

    masks: Masks
    path: Path
    facts: dict[str, str]
    piece: range | None = None
    started: datetime | None = None

    @property
    def numbers_in_movie(self) -> NDArray[np.intp]:
        """Number that each frame has in the movie that the tracker was given a piece of, (T,)."""
        return super().numbers_in_movie if self.piece is None else np.array(self.piece)

    def piece_of(self, movie: Movie) -> Movie:
        """Return those frames of the tracker's movie that the masks are of."""
        piece = self.piece
        is_whole = piece is not None and len(movie) > max(len(self.masks), piece[-1])
        return movie.take(piece) if piece is not None and is_whole else movie

    def metadata(self, calibration: Calibration, command: str) -> dict[str, str]:
        """Return the facts that stand in the schema metadata of each table."""
        scale = calibration.pixel_size_nm
        return {
            "temtrack_version": __version__,
            "command": command,
            "input": str(self.path),
            "input_sha256": fingerprint(list_masks(self.path)),
            "beside_sha256": fingerprint(list_beside(self.path)),
            **self.facts,
            "pixel_size_nm": "unknown" if scale is None else repr(scale),
            "pixel_size_source": calibration.pixel_size_source,
            "frame_times_source": calibration.frame_times_source,
            "temperature_source": calibration.temperature_source,
        }


def list_beside(path: Path) -> list[Path]:
    """Return what a tracker left beside the masks of a folder, where it is there: family tree and record."""
    return [path / name for name in (LINEAGE_NAME, RUN_NAME) if (path / name).is_file()]


def fingerprint_with_tables(path: Path, tables: Iterable[Table]) -> str:
    """Return the hash of masks, of what their tracker left beside them, and of those tables that lie there.

    Raises
    ------
    InputError
        Where there are no masks.
    """
    lying = (path / f"{table.name}.parquet" for table in tables)
    return fingerprint([*list_masks(path), *list_beside(path), *(one for one in lying if one.is_file())])


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
    record = TrackerRecord(lineage, carried=_carried(run), quality=_quality(run, len(masks)))
    piece, started = _piece(run, len(masks)), _started(run)
    return MasksFolder(masks, record, _calibration(run, len(masks)), path, _facts(run), piece, started)


def _read_run(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        run = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: is no JSON ({error}); remove it to analyse the masks alone") from error
    if not isinstance(run, dict):
        raise InputError(f"{path}: is no JSON object; remove it to analyse the masks alone")
    return run


def _calibration(run: dict[str, Any], n_frames: int) -> Calibration:
    try:
        scale = None if run.get("pixel_size_nm") is None else float(run["pixel_size_nm"])
        times = run.get("frame_times_s")
        seconds = None if times is None else np.asarray(times, dtype=np.float64)
        if not (scale is None or 0 < scale < np.inf) or not (seconds is None or np.isfinite(seconds).all()):
            raise ValueError("a number is not finite, or the pixel size not above 0")
    except (TypeError, ValueError, OverflowError) as error:
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
        pixel_size_source=str(run.get("pixel_size_source") or ""),
        frame_times_source=str(run.get("frame_times_source") or ""),
    )


def _carried(run: dict[str, Any]) -> dict[int, frozenset[int]] | None:
    carried = run.get("carried")
    try:
        return None if carried is None else {int(frame): frozenset(ids) for frame, ids in carried.items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise InputError(f"{RUN_NAME}: 'carried' is damaged ({error}); run `temtrack track` again") from error


def _quality(run: dict[str, Any], n_frames: int) -> list[str] | None:
    quality = run.get("quality")
    if quality is None:
        return None
    if not isinstance(quality, list) or [type(word) for word in quality] != [str] * n_frames:
        raise InputError(f"{RUN_NAME}: 'quality' is no list of {n_frames} words; run `temtrack track` again")
    return quality


def _piece(run: dict[str, Any], n_frames: int) -> range | None:
    if run.get("frames") is None:
        return None
    try:
        piece = range(*run["frames"])
        if piece.start < 0 or piece.step < 1 or len(piece) != n_frames:
            raise ValueError(f"{piece} for {n_frames} masks")
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{RUN_NAME}: 'frames' is damaged ({error}); run `temtrack track` again") from error
    return piece


def _started(run: dict[str, Any]) -> datetime | None:
    try:
        return None if run.get("started") is None else datetime.fromisoformat(run["started"])
    except (TypeError, ValueError) as error:
        raise InputError(f"{RUN_NAME}: 'started' is damaged ({error}); run `temtrack track` again") from error


def _facts(run: dict[str, Any]) -> dict[str, str]:
    names = ("model", "model_sha256", "movie", "movie_sha256", "masks", "masks_sha256")
    return {name: str(run[name]) for name in names if run.get(name) is not None}
