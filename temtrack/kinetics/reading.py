"""From a masks folder to the run that the fits are made on: its tables, read or measured."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from temtrack.analysis.folder import MasksFolder
from temtrack.analysis.masks import Watch
from temtrack.formats.decoding import refused_as
from temtrack.formats.store.fingerprint import fingerprint
from temtrack.formats.store.masks import Masks, list_masks
from temtrack.formats.store.tables import read_metadata, read_rows, read_table
from temtrack.kinetics.estimate import Estimate
from temtrack.kinetics.observed import ObservedRun
from temtrack.movie import Movie
from temtrack.tables import TABLES, Calibration


@dataclass(frozen=True)
class RunTables:
    """The tables of a masks folder as pandas frames, with the scale and time that they stand in.

    ``has_own_ids`` where the masks' ids name no particles, and the tables use others, found by linking.
    """

    particles: pd.DataFrame
    tracks: pd.DataFrame
    frames: pd.DataFrame
    merges: pd.DataFrame
    calibration: Calibration
    has_own_ids: bool

    def observed(self, masks: Masks) -> ObservedRun:
        """Return what the fits are made on."""
        return ObservedRun(
            particles=self.particles,
            tracks=self.tracks,
            merges=self.merges,
            field_px=(masks.height, masks.width),
            n_frames=len(masks),
            pixel_size_nm=self.calibration.pixel_size_nm,
            seconds=self.calibration.frame_seconds,
        )


def read_run_tables(
    folder: MasksFolder,
    pixel_size_nm: float | None,
    frame_time_s: float | None,
    movie: Movie | None = None,
    watch: Watch = iter,
) -> RunTables:
    """Read the tables of a masks folder; measure them, merges too, where they are missing or out of date.

    Scale and time are those given, else those of the tracker's run, else those of the movie or the tables.

    Raises
    ------
    InputError
        Where masks or tables cannot be read.
    """
    calibration = folder.calibrated(pixel_size_nm, frame_time_s, movie)
    tables = _read_tables(folder)
    if tables is None:
        measured = folder.analyze(movie, calibration, with_merges=True, watch=watch)
        tables = {name: table.to_pandas() for name, table in measured.items()}
        has_own_ids = measured.has_own_ids
    else:
        calibration = _calibrated_by_tables(folder.path, tables, calibration)
        has_own_ids = "ids" in read_metadata(folder.path / "particles.parquet")
    return RunTables(**tables, calibration=calibration, has_own_ids=has_own_ids)


def read_observed_run(
    folder: MasksFolder, pixel_size_nm: float | None, frame_time_s: float | None, watch: Watch = iter
) -> tuple[ObservedRun, Calibration]:
    """Read what the fits are made on, and its scale and time with their sources; see `read_run_tables`."""
    tables = read_run_tables(folder, pixel_size_nm, frame_time_s, watch=watch)
    return tables.observed(folder.masks), tables.calibration


def read_estimates(path: Path) -> list[Estimate]:
    """Read the estimates of a ``kinetics.parquet`` back.

    Raises
    ------
    InputError
        If the file is missing or another table.
    """
    rows = read_rows(path)
    with refused_as(f"{path}: is no table of kinetics"):
        return [Estimate(**row) for row in rows]


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
    if calibration.frame_celsius is None and "temperature_c" in tables["frames"]:
        celsius = tables["frames"]["temperature_c"].to_numpy(dtype=np.float64)
        source = facts.get("temperature_source", "")
        calibration = replace(calibration, frame_celsius=celsius, temperature_source=source)
    return calibration
