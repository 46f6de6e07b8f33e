"""What was run on what, read back from wherever a result tells of it."""

from __future__ import annotations

import json
from pathlib import Path

import tifffile

from temtrack.errors import InputError
from temtrack.formats.decoding import refused_as
from temtrack.formats.store.run import RUN_NAME
from temtrack.formats.store.tables import read_metadata
from temtrack.provenance import Provenance


def read_provenance(path: Path) -> Provenance:
    """Read the record in a ``run.json`` or the folder of one, a Parquet table, or the mask of one image.

    Raises
    ------
    InputError
        If the file is missing or holds no record.
    """
    path = path / RUN_NAME if path.is_dir() else path
    with refused_as(f"{path}: cannot be read"):
        record = _read(path)
    try:
        return Provenance.from_json(record)
    except ValueError as error:
        raise InputError(
            f"{path}: {error}; give a run.json, a table or a mask that temtrack wrote"
        ) from error


def _read(path: Path) -> object:
    if path.suffix == ".parquet":
        return json.loads(read_metadata(path).get("provenance", "null"))
    if path.suffix in (".tif", ".tiff"):
        with tifffile.TiffFile(path) as file:
            return (file.shaped_metadata or ({},))[0]
    return json.loads(path.read_text(encoding="utf-8"))
