"""`temtrack compare`: training runs beside each other, in one table and one picture."""

from __future__ import annotations

from pathlib import Path

import typer

from temtrack.cli import output
from temtrack.cli.options import command


@command(
    runs=typer.Argument(metavar="RUN...", help="Folders of training runs, as runs/*."),
    out=typer.Option("--output", "-o", metavar="DIR", help="Folder for the curves.", show_default="here"),
)
def compare(runs: list[Path], out: Path = Path(), rows_as_json: bool = False) -> None:
    """Set training runs beside each other: their best epochs in a table, their curves in one picture.

    The best epoch is that of the lowest test loss, whose weights a run gives. Writes
    compare.png and compare.svg.
    """
    from temtrack.formats.store.atomic import check_output_folder
    from temtrack.training.compare import read_run, tabulate, write_comparison

    found = [read_run(folder) for folder in runs]
    check_output_folder(out, force=True)
    paths = write_comparison(out, found)
    output.show_rows([tabulate(run) for run in found], as_json=rows_as_json)
    output.tell(f"curves: {', '.join(map(str, paths))}")
