"""What was run on what, in ``run.json`` beside the results, and wherever else results tell of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import tifffile

from temtrack.errors import InputError
from temtrack.formats.decoding import refused_as
from temtrack.formats.store import tables as parquet
from temtrack.formats.store.atomic import whole_file

RUN_NAME = "run.json"


def write_run(folder: Path, facts: Mapping[str, object]) -> None:
    """Write ``run.json``.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    with whole_file(folder / RUN_NAME) as part:
        part.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def read_run(path: Path) -> dict[str, object]:
    """Read what was run from a ``run.json`` or the folder of one, a Parquet table, or the mask of one image.

    Raises
    ------
    InputError
        If the file is missing or tells of no command.
    """
    path = path / RUN_NAME if path.is_dir() else path
    with refused_as(f"{path}: cannot be read"):
        facts = _read(path)
    if not isinstance(facts, dict) or not isinstance(facts.get("command"), str):
        raise InputError(
            f"{path}: tells of no command; give a run.json, a table or a mask that temtrack wrote"
        )
    return facts


def _read(path: Path) -> object:
    if path.suffix == ".parquet":
        return parquet.read_metadata(path)
    if path.suffix in (".tif", ".tiff"):
        with tifffile.TiffFile(path) as file:
            return (file.shaped_metadata or ({},))[0]
    return json.loads(path.read_text(encoding="utf-8"))
