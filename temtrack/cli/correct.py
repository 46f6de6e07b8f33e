"""`temtrack correct`: a run with the corrections of a person."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer

from temtrack.cli import output
from temtrack.cli.inputs import Job, gather
from temtrack.cli.options import MASKS, command
from temtrack.cli.output import Row
from temtrack.cli.runner import RunOptions, Task, run_each, show_lines


@command(
    masks=MASKS,
    given=typer.Option(
        "--from",
        metavar="FILE|DIR",
        help="Corrections that join those beside the masks: a corrections.jsonl of the same movie, masks "
        "edited in napari or Fiji, a TrackMate XML or a GEFF with other links.",
    ),
    out=typer.Option(
        "--output",
        "-o",
        metavar="DIR",
        help="Folder for the corrected run, beside the masks as NAME_corrected where none is named; of many, "
        "the folder for all of them.",
    ),
)
def correct(masks: list[str], run: RunOptions, given: Path | None = None, out: Path | None = None) -> None:
    """Apply corrections to a run: masks, lineage and tables, in a folder of their own.

    The run stays as it is: corrections.jsonl beside its masks tells what a
    person did, as `temtrack review` writes it. Corrections that do not apply,
    as after a new `temtrack track` of the movie, are listed with the reason.
    """
    from temtrack.formats.fingerprint import fingerprint
    from temtrack.formats.store.run import fingerprint_run
    from temtrack.review.log import LOG_NAME

    chosen = gather(masks, run.shard, beside=out is None)
    chosen.refuse_for_many("--from", given)

    def place(job: Job) -> Path:
        if out is None:
            folder = job.source.resolve()
            return job.source.parent / f"{folder.name if folder.is_dir() else folder.stem}_corrected"
        return out / job.name if chosen.many else out

    def content(job: Job) -> object:
        log = job.source / LOG_NAME
        return [fingerprint_run(job.source), fingerprint([log]) if log.is_file() else None]

    task = Task(
        None,
        load=lambda: lambda job: _correct_one(given, job),
        target=place,
        content=content,
        show=show_lines if chosen.many else _show,
    )
    run_each("correct", chosen, task, run)


def _correct_one(given: Path | None, job: Job) -> Row:
    """Correct one run; return what it had of each and has, and what does not apply."""
    from temtrack.pipeline.correct import correct_file

    found = correct_file(job.source, job.place, given, job.request)
    assert found.run.lineage is not None
    stale = [
        {"kind": entry.kind, "time": entry.time, "author": entry.author, "reason": reason}
        for entry, reason in found.stale
    ]
    return {
        "n_corrections": len(found.applied),
        "n_new": found.added,
        "n_stale": len(found.stale),
        "n_tracks": len(found.run.lineage.tracks),
        "n_merges": len(found.run.lineage.merges),
        "stale": stale,
    }


def _show(rows: Sequence[Row], together: Row) -> None:
    """Show what the only run has now, and what does not apply to it."""
    show_lines(rows, together, title="Corrected")
    output.show_rows(rows[0]["stale"], as_json=False, title="Corrections that do not apply")
