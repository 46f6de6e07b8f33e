"""Parquet tables: units of columns in the field metadata, provenance in the schema metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import tifffile

from temtrack.calibration import Calibration, DoseRate, FrameTemperatures, FrameTimes, PixelSize
from temtrack.errors import InputError
from temtrack.formats.decoding import refused_as
from temtrack.formats.fingerprint import fingerprint
from temtrack.formats.store.atomic import whole_file
from temtrack.formats.store.run import RUN_NAME
from temtrack.masks import Masks
from temtrack.provenance import Provenance
from temtrack.tables import FRAMES, MERGES, PARTICLES, TABLES, Tables


def write_table(path: Path, table: pa.Table, metadata: Mapping[str, str]) -> None:
    """Write a table, with `metadata` in its schema beside what stands there.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    facts = {**(table.schema.metadata or {}), **metadata}
    with whole_file(path) as part:
        pq.write_table(table.replace_schema_metadata(facts), part)


def write_tables(folder: Path, tables: Tables, provenance: Provenance) -> None:
    """Write the tables of a run, each with what it was made from and its calibration.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    facts = provenance.metadata() | calibration_metadata(tables.calibration)
    if tables.is_relinked:
        facts["ids"] = "found by linking: those of the masks do not last from frame to frame"
    (folder / f"{MERGES.name}.parquet").unlink(missing_ok=True)  # an older one would not fit the others
    for name, table in tables.items():
        write_table(folder / f"{name}.parquet", table, facts)


def calibration_metadata(known: Calibration) -> dict[str, str]:
    """Return scale, dose rate and the sources of scale, time, temperature and dose as texts by name."""
    size, dose = known.pixel_size, known.dose_rate
    of_dose = {"dose_rate_e_px_s": repr(dose.per_px_s), "dose_rate_source": dose.source} if dose else {}
    return {
        "pixel_size_nm": "unknown" if size is None else repr(size.nm),
        "pixel_size_source": "" if size is None else size.source,
        "frame_times_source": "" if known.frame_times is None else known.frame_times.source,
        "temperature_source": "" if known.temperatures is None else known.temperatures.source,
        **of_dose,
    }


def read_tables(folder: Path, masks: Masks, of_particles: Sequence[str] | None = None) -> Tables | None:
    """Read the tables of a run that lie in a folder.

    ``None`` where one lacks, was made of other masks, or by a version that measured less.

    Parameters
    ----------
    folder, masks
        Where they lie, and what they are of.
    of_particles
        The columns that are wanted of the particles, see `Table.part`; all where it is ``None``.

    Raises
    ------
    InputError
        If a file is no Parquet table.
    """
    paths = {table.name: folder / f"{table.name}.parquet" for table in TABLES}
    if not all(path.is_file() for path in paths.values()):
        return None
    current = fingerprint(masks.files)
    if any(read_metadata(path).get("masks_sha256") != current for path in paths.values()):
        return None
    if any(not table.is_held_by(pq.read_schema(paths[table.name])) for table in TABLES):
        return None
    found = {name: read_arrow(path) for name, path in paths.items() if name != PARTICLES.name}
    found[PARTICLES.name] = _read_particles(paths[PARTICLES.name], of_particles)
    facts = read_metadata(paths[PARTICLES.name])
    field_px = masks.height, masks.width
    return Tables(
        **found,
        field_px=field_px,
        calibration=_calibration(found[FRAMES.name], facts),
        is_relinked="ids" in facts,
    )


def _read_particles(path: Path, names: Sequence[str] | None) -> pa.Table:
    """Read some columns, one at a time: those of a long run are gigabytes as they lie in the file."""
    if names is None:
        return read_arrow(path)
    with refused_as(f"{path}: cannot be read as a Parquet table"), pq.ParquetFile(path) as file:
        parts = [PARTICLES.part(file.read([name]), [name]) for name in names]
    pa.default_memory_pool().release_unused()
    return pa.table({name: part[name] for name, part in zip(names, parts, strict=True)})


def _calibration(frames: pa.Table, facts: Mapping[str, str]) -> Calibration:
    stored = facts.get("pixel_size_nm", "unknown")
    size = None if stored == "unknown" else PixelSize(float(stored), facts.get("pixel_size_source", ""))
    dose = facts.get("dose_rate_e_px_s")
    seconds, celsius = (
        frames[name].to_numpy().astype(np.float64) if name in frames.column_names else None
        for name in ("time_s", "temperature_c")
    )
    return Calibration(
        size,
        None if seconds is None else FrameTimes(seconds, facts.get("frame_times_source", "")),
        None if celsius is None else FrameTemperatures(celsius, facts.get("temperature_source", "")),
        dose_rate=None if dose is None else DoseRate(float(dose), facts.get("dose_rate_source", "")),
    )


def read_table(path: Path) -> pd.DataFrame:
    """Read all columns of a Parquet table.

    Raises
    ------
    InputError
        If the file is missing or no Parquet table.
    """
    frame: pd.DataFrame = read_arrow(path).to_pandas()
    return frame


def read_arrow(path: Path) -> pa.Table:
    """Read a Parquet table as it is: ``to_pylist`` gives its rows, with ``None`` where a value is missing."""
    with refused_as(f"{path}: cannot be read as a Parquet table"):
        return pq.read_table(path)


def read_metadata(path: Path) -> dict[str, str]:
    """Read the facts of the run that stand in the table: version, command, model, input, calibration.

    Raises
    ------
    InputError
        If the file is missing or no Parquet table.
    """
    with refused_as(f"{path}: cannot be read as a Parquet table"):
        stored = pq.read_schema(path).metadata or {}
        return {key.decode(): value.decode() for key, value in stored.items()}


def read_provenance(path: Path) -> Provenance:
    """Read the record in a ``run.json`` or the folder of one, a Parquet table, or the mask of one image.

    Raises
    ------
    InputError
        If the file is missing or holds no record.
    """
    path = path / RUN_NAME if path.is_dir() else path
    with refused_as(f"{path}: cannot be read"):
        if path.suffix == ".parquet":
            record = json.loads(read_metadata(path).get("provenance", "null"))
        elif path.suffix in (".tif", ".tiff"):
            with tifffile.TiffFile(path) as file:
                record = (file.shaped_metadata or ({},))[0]
        else:
            record = json.loads(path.read_text(encoding="utf-8"))
    try:
        return Provenance.from_json(record)
    except ValueError as error:
        raise InputError(
            f"{path}: {error}; give a run.json, a table or a mask that temtrack wrote"
        ) from error
