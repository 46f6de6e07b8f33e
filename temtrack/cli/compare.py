"""`temtrack compare`: training runs, or the kinetics of several movies, beside each other."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import typer

from temtrack.cli import output
from temtrack.cli.options import command


@command(
    runs=typer.Argument(metavar="RUN...", help="Folders of training runs, as runs/*, or of kinetics."),
    out=typer.Option("--output", "-o", metavar="DIR", help="Folder for the results.", show_default="here"),
)
def compare(runs: list[Path], out: Path = Path(), rows_as_json: bool = False) -> None:
    """Set training runs, or the kinetics of movies, beside each other in a table and a picture.

    Of training runs the best epoch is that of the lowest test loss, whose weights
    a run gives. Folders that `temtrack kinetics` wrote are compared with the
    first: differences with intervals, lifetimes, activation energies. Writes
    compare.png and compare.svg; of kinetics also compare.csv, and compare.md
    with a paragraph of methods.
    """
    from temtrack.formats.store.atomic import check_output_folder
    from temtrack.pipeline.compare import COMPARISON_FILES, compare_kinetics, holds_kinetics
    from temtrack.training.compare import read_run, tabulate, write_comparison

    if holds_kinetics(runs):
        check_output_folder(out, force=True)
        told = compare_kinetics(runs, out)
        together = [asdict(row) for row in told.together]
        if rows_as_json:
            output.show_json({"runs": told.rows, "together": together, "methods": told.methods})
            return
        hidden = {"reason", "method", "source", "n"}
        known = [row for row in told.rows if row["value"] is not None]
        shown = [{name: row[name] for name in row if name not in hidden} for row in known]
        output.show_rows(shown, as_json=False)
        facts = [
            {name: row[name] for name in ("quantity", "value", "low", "high", "reason")} for row in together
        ]
        output.show_rows(facts, as_json=False, title="Together")
        output.tell(f"table and methods: {', '.join(str(out / name) for name in COMPARISON_FILES)}")
        return
    found = [read_run(folder) for folder in runs]
    check_output_folder(out, force=True)
    paths = write_comparison(out, found)
    output.show_rows([tabulate(run) for run in found], as_json=rows_as_json)
    output.tell(f"curves: {', '.join(map(str, paths))}")
