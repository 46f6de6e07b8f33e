"""`temtrack report`: a run on one page that opens in any browser, offline."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer

from temtrack.cli import output
from temtrack.cli.inputs import Job, gather
from temtrack.cli.options import MASKS, command
from temtrack.cli.output import Row
from temtrack.cli.runner import RunOptions, Task, run_each, show_lines
from temtrack.errors import UsageError
from temtrack.pipeline.options import TableOptions

_SUFFIXES = (".html", ".htm")


@command(
    masks=MASKS,
    out=typer.Option(
        "--output",
        "-o",
        metavar="FILE|DIR",
        help="The page, report.html where none is named; of many one page for all, or the folder for the "
        "pages, which else lie beside the masks folders as NAME.html.",
    ),
)
def report(
    masks: list[str], how: TableOptions, run: RunOptions, out: Path | None = None, movie: str | None = None
) -> None:
    """Put a run on one page: movie with contours, merges, sizes, fates, tables.

    Everything is in the one file, which opens in any browser, offline. Tables
    beside the masks are used, and measured anew where they are missing. The
    movie is the one that the masks were made from, where it still lies. Of
    many runs each gets its page, and batch.jsonl beside them tells what has
    become of each; or all stand on one page, `-o page.html`, with a table of
    them from which to choose.
    """
    from temtrack.formats.store.run import fingerprint_run
    from temtrack.tables import DRIFT, KINETICS, TABLES

    chosen = gather(masks, run.shard, beside=out is None)
    chosen.refuse_for_many("--movie", movie)
    if chosen.many and out is not None and out.suffix.lower() in _SUFFIXES:
        together, chosen = chosen.jobs, chosen.as_one()
    else:
        together = ()

    def place(job: Job) -> Path:
        if chosen.many:
            return (out or job.source.parent) / f"{job.name}.html"
        return out or Path("report.html")

    task = Task(
        how,
        load=lambda: lambda job: _report_one(how, movie, job, together),
        target=place,
        content=lambda job: fingerprint_run(job.source, (*TABLES, DRIFT, KINETICS)),
        show=show_lines if chosen.many else _show,
    )
    run_each("report", chosen, task, run)


def _report_one(how: TableOptions, movie: str | None, job: Job, together: Sequence[Job]) -> Row:
    """Write the page of one run, or of all that are to stand ``together`` on it."""
    from temtrack.formats.store.atomic import check_output_file, check_output_folder
    from temtrack.pipeline.report import write_report, write_reports

    page, request = job.place, job.request
    if page.suffix.lower() not in _SUFFIXES:
        raise UsageError(f"-o {page}: the report is a web page; give a name that ends in .html")
    check_output_folder(page.parent, force=True)  # the page may stand beside other files
    check_output_file(page, request.may_overwrite)
    for refused in (one.refusal for one in together if one.refusal is not None):
        raise refused
    if together:
        runs = write_reports(page, {one.name: one.source for one in together}, how, request)
    else:
        runs = [write_report(page, job.source, movie, how, request)]
    size = {"n_frames": sum(len(run.masks) for run in runs), "megabytes": round(page.stat().st_size / 1e6, 1)}
    return {"inputs": [str(one.source) for one in together], **size} if together else size


def _show(rows: Sequence[Row], together: Row) -> None:
    (row,) = rows
    output.show_text(f"report: {row['output']} ({row['megabytes']} MB)")
