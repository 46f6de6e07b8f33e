"""A masks folder with all that lies beside the masks: lineage, ``run.json``, tables of other programs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from temtrack.calibration import UNCALIBRATED, Calibration, DoseRate, FrameTimes, PixelSize
from temtrack.errors import InputError
from temtrack.formats.fingerprint import fingerprint
from temtrack.formats.store.atomic import whole_file
from temtrack.formats.store.fit import fitted, refuse_other_frames
from temtrack.formats.store.lineage import LINEAGE_NAME, ctc_parents, read_ctc_table, read_lineage
from temtrack.formats.store.masks import list_masks, read_masks_in_time
from temtrack.formats.store.scores import SCORES_NAME, read_scores
from temtrack.masks import Masks, Run
from temtrack.movie import Movie
from temtrack.provenance import Provenance, Source
from temtrack.tables.column import Table

T = TypeVar("T")

RUN_NAME = "run.json"

_CTC_TABLES = ("man_track.txt", "res_track.txt")
_SEG_NAME = re.compile(r"man_seg(\d+)\.tiff?", re.IGNORECASE)


def open_run(path: Path | str) -> Run:
    """Open masks of this program or another; a CTC truth by its ``TRA`` (and ``SEG``), also from above.

    Masks are read when they are asked for, and then compared with the lineage that lies beside them.

    Raises
    ------
    InputError
        Where there are no masks, or a file beside them is damaged or does not fit. Later, when its frame is
        asked for: if a mask does not fit the lineage.
    """
    path, contours = Path(path), dict[int, Path]()
    if (path / "TRA").is_dir():
        segmented = sorted((path / "SEG").iterdir()) if (path / "SEG").is_dir() else []
        named = ((_SEG_NAME.fullmatch(one.name), one) for one in segmented)
        path, contours = path / "TRA", {int(match[1]): one for match, one in named if match is not None}
    masks = read_masks_in_time(path)
    lineage = read_lineage(path / LINEAGE_NAME) if (path / LINEAGE_NAME).is_file() else None
    if lineage is None:
        table = next((path / name for name in _CTC_TABLES if (path / name).is_file()), None)
        parents = {} if table is None else read_ctc_table(table)
    else:
        refuse_other_frames(path, masks, lineage)  # before the record, which tells of each frame
        parents = ctc_parents(lineage)
    known = _read_record(path / RUN_NAME, masks) if (path / RUN_NAME).is_file() else {}
    known["sightings"] = read_scores(path)
    if lineage is not None:
        record = known.get("provenance")
        is_corrected = record is not None and (record.action == "correct" or "corrections" in record.inputs)
        is_tracked = known.get("gap_filled") is not None and not is_corrected
        masks = fitted(masks, lineage, is_whole=is_tracked)
    return Run(masks, lineage, **known, ctc_parents=parents, contours=contours)


def write_run(
    folder: Path,
    provenance: Provenance,
    calibration: Calibration = UNCALIBRATED,
    frames: Mapping[str, object] | None = None,
) -> None:
    """Write ``run.json``: what was run on what, scale and time, and what was noted of each frame.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    size, times, started = calibration.pixel_size, calibration.frame_times, calibration.started
    dose = calibration.dose_rate
    known = {
        "pixel_size_nm": size and size.nm,
        "pixel_size_source": size and size.source,
        "frame_times_s": times and times.seconds.tolist(),
        "frame_times_source": times and times.source,
        "started": started and started.isoformat(),
        "dose_rate_e_px_s": dose and dose.per_px_s,
        "dose_rate_source": dose and dose.source,
    }
    record = {**provenance.to_json(), "calibration": known, "frames": frames or {}}
    with whole_file(folder / RUN_NAME) as part:
        part.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def movie_source(movie: Movie) -> Source:
    """Return a movie as an input of what is made from it.

    Raises
    ------
    InputError
        Where a file of it cannot be read.
    """
    sha256_hex = fingerprint(movie.origins) if movie.digest is None else movie.digest()
    return Source(str(movie.path), sha256_hex)


def sources_of(run: Run) -> dict[str, Source]:
    """Return what tables of a run are made from: its masks, what lies beside them, and its corrections.

    Raises
    ------
    InputError
        Where a file cannot be read.
    """
    parts = {"masks": run.masks.files, "lineage": list_beside(run.path)}
    told = {} if run.provenance is None else run.provenance.inputs
    corrections = {part: source for part, source in told.items() if part == "corrections"}
    return {part: Source(str(run.path), fingerprint(files)) for part, files in parts.items()} | corrections


def fingerprint_run(path: Path, tables: Iterable[Table] = ()) -> str:
    """Return the hash of masks, of what their tracker left beside them, and of those tables that lie there.

    Raises
    ------
    InputError
        Where there are no masks.
    """
    lying = (path / f"{table.name}.parquet" for table in tables)
    return fingerprint([*list_masks(path), *list_beside(path), *(one for one in lying if one.is_file())])


def list_beside(path: Path) -> list[Path]:
    """Return what a tracker left beside the masks of a folder, where it is there: lineage, record, scores."""
    names = (LINEAGE_NAME, RUN_NAME, SCORES_NAME)
    return [path / name for name in names if (path / name).is_file()]


def _read_record(path: Path, masks: Masks) -> dict[str, Any]:
    """Return what a ``run.json`` tells, as the fields of `Run`."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: is no JSON ({error}); remove it to analyse the masks alone") from error
    if not isinstance(record, dict):
        raise InputError(f"{path}: is no JSON object; remove it to analyse the masks alone")
    n_frames, frames = len(masks), record.get("frames") or {}

    def read(name: str, of: Any, convert: Callable[[Any], T]) -> T | None:
        try:
            return None if of.get(name) is None else convert(of[name])
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
            raise InputError(f"{path}: '{name}' is damaged ({error}); run `temtrack track` again") from error

    return {
        "provenance": read("inputs", {"inputs": record} if "action" in record else {}, Provenance.from_json),
        "calibration": read("calibration", record, lambda one: _calibration(one, n_frames)) or UNCALIBRATED,
        "gap_filled": read("gap_filled", frames, lambda of: {int(t): frozenset(i) for t, i in of.items()}),
        "quality": read("quality", frames, lambda words: _quality(words, n_frames)),
        "seen_fraction": read("seen_fraction", frames, lambda shares: _shares(shares, n_frames)),
        "frame_range": read("frame_range", frames, lambda numbers: _frame_range(numbers, n_frames)),
        "reviewed": frozenset(read("reviewed", frames, lambda of: [(int(t), int(i)) for t, i in of]) or ()),
        "refit": read("refit", frames, _refit),
    }


def _calibration(record: dict[str, Any], n_frames: int) -> Calibration:
    names = ("pixel_size_nm", "frame_times_s", "started", "dose_rate_e_px_s")
    size, times, started, dose = (record.get(name) for name in names)
    nm = None if size is None else float(size)
    rate = None if dose is None else float(dose)
    seconds = None if times is None else np.asarray(times, dtype=np.float64)
    above_0 = all(one is None or 0 < one < np.inf for one in (nm, rate))
    if not above_0 or not (seconds is None or np.isfinite(seconds).all()):
        raise ValueError("a number is not finite, or the pixel size or dose rate not above 0")
    if seconds is not None and seconds.shape != (n_frames,):
        raise ValueError(f"the times of {seconds.size} frames for {n_frames} masks")
    return Calibration(
        None if nm is None else PixelSize(nm, str(record.get("pixel_size_source") or "")),
        None if seconds is None else FrameTimes(seconds, str(record.get("frame_times_source") or "")),
        started=None if started is None else datetime.fromisoformat(started),
        dose_rate=None if rate is None else DoseRate(rate, str(record.get("dose_rate_source") or "")),
    )


def _quality(words: list[str | None], n_frames: int) -> list[str | None]:
    is_list = isinstance(words, list) and len(words) == n_frames
    if not is_list or not all(isinstance(word, str | None) for word in words):
        raise ValueError(f"no list of {n_frames} words")
    return words


def _refit(numbers: list[float]) -> tuple[float, float]:
    offset, slope = map(float, numbers)
    if not (np.isfinite(offset) and 0 < slope < np.inf):
        raise ValueError("a number is not finite, or the slope not above 0")
    return offset, slope


def _shares(numbers: list[float | None], n_frames: int) -> list[float | None]:
    shares = [None if number is None else float(number) for number in numbers]
    if len(shares) != n_frames or not all(one is None or 0 <= one <= 1 for one in shares):
        raise ValueError(f"no list of {n_frames} shares from 0 to 1")
    return shares


def _frame_range(numbers: list[int], n_frames: int) -> range:
    frames = range(*numbers)
    if frames.start < 0 or frames.step < 1 or len(frames) != n_frames:
        raise ValueError(f"{frames} for {n_frames} masks")
    return frames
