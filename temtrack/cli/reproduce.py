"""`temtrack reproduce`: run again what a result tells of, on the same input with the same models."""

from __future__ import annotations

import os
from pathlib import Path

import typer

from temtrack.cli import output
from temtrack.cli.options import OPTIONS, Device, command
from temtrack.errors import UsageError


@command(
    record=typer.Argument(
        metavar="RECORD",
        help="A run.json or the folder of one, a table (.parquet), or the mask of one image.",
    ),
    out=typer.Option("--output", "-o", metavar="DIR", help="A new folder for the results."),
    device=OPTIONS["device"],
    force=typer.Option("--force", help="Go on where input, model or version is another one."),
)
def reproduce(record: Path, out: Path, device: Device = "auto", force: bool = False) -> None:
    """Run again what a result tells of.

    Its options, inputs and models stand in the record. Paths in it count from
    the current folder, else from the nearest one above the record in which
    the input lies. On the same kind of machine the results are the same, byte
    for byte.
    """
    from temtrack.formats.store.tables import read_provenance
    from temtrack.pipeline.reproduce import changes_since, find_place, reproduce

    made, target = read_provenance(record), out.resolve()
    os.chdir(find_place(made, record))
    for change in changes_since(made):
        if not force:
            raise UsageError(f"{record}: {change}; --force runs it on what is there now")
        output.warn(f"{change}; runs on what is there now")
    reproduce(made, target, device, output.with_progress)
