"""From a masks folder to the run that the fits are made on: its tables, read or measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from temtrack.analysis.folder import MasksFolder
from temtrack.analysis.kinetics.observed import ObservedRun
from temtrack.analysis.masks import Watch
from temtrack.formats.fingerprint import fingerprint
from temtrack.formats.masks import list_masks
from temtrack.formats.parquet import read_metadata, read_table
from temtrack.tables import TABLES, Calibration


def read_observed_run(
    folder: MasksFolder, pixel_size_nm: float | None, frame_time_s: float | None, watch: Watch = iter
) -> tuple[ObservedRun, Calibration]:
    """Read the tables of a masks folder; measure them, merges too, where they are missing or out of date.

    Scale and time are those given, else those of the tracker's run, else those of the tables; they are
    returned with their sources.

    Raises
    ------
    InputError
        Where masks or tables cannot be read.
    """
    calibration = folder.calibrated(pixel_size_nm, frame_time_s, None)
    tables = _read_tables(folder)
    if tables is None:
        measured = folder.analyze(None, calibration, with_merges=True, watch=watch)
        tables = {name: table.to_pandas() for name, table in measured.items()}
    else:
        calibration = _calibrated_by_tables(folder.path, tables, calibration)
    run = ObservedRun(
        particles=tables["particles"],
        tracks=tables["tracks"],
        merges=tables.get("merges"),
        field_px=(folder.masks.height, folder.masks.width),
        n_frames=len(folder.masks),
        pixel_size_nm=calibration.pixel_size_nm,
        seconds=calibration.frame_seconds,
    )
    return run, calibration


def _read_tables(folder: MasksFolder) -> dict[str, pd.DataFrame] | None:
    """Return the tables that lie in the folder; ``None`` where one lacks, or tells of other masks."""
    paths = {table.name: folder.path / f"{table.name}.parquet" for table in TABLES}
    if not all(path.is_file() for path in paths.values()):
        return None
    current = fingerprint(list_masks(folder.path))
    if any(read_metadata(path).get("input_sha256") != current for path in paths.values()):
        return None
    return {name: read_table(path) for name, path in paths.items()}


def _calibrated_by_tables(
    path: Path, tables: dict[str, pd.DataFrame], calibration: Calibration
) -> Calibration:
    """Fill in scale and time from what `analyze` was given."""
    facts = read_metadata(path / "particles.parquet")
    stored = facts.get("pixel_size_nm", "unknown")
    if calibration.pixel_size_nm is None and stored != "unknown":
        source = facts.get("pixel_size_source", "")
        calibration = replace(calibration, pixel_size_nm=float(stored), pixel_size_source=source)
    if calibration.frame_seconds is None and "time_s" in tables["frames"]:
        seconds = tables["frames"]["time_s"].to_numpy(dtype=np.float64)
        source = facts.get("frame_times_source", "")
        calibration = replace(calibration, frame_seconds=seconds, frame_times_source=source)
    return calibration
