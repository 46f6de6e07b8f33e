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
from temtrack.pipeline.options import CorrectOptions


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
    refit_confidence=typer.Option(
        "--refit-confidence",
        help="Fit the confidence of the merges that nobody reviewed anew to those reviewed, 20 at least.",
    ),
)
def correct(
    masks: list[str], how: CorrectOptions, run: RunOptions, given: Path | None = None, out: Path | None = None
) -> None:
    """Apply corrections to a run: masks, lineage and tables, in a folder of their own.

    The run stays as it is: corrections.jsonl beside its masks tells what a
    person did, as `temtrack review` writes it. Corrections that do not apply,
    as after a new `temtrack track` of the movie, are listed with the reason.
    What changes is told: merges, shares of coalescence and ripening, rates.
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
        how,
        load=lambda: lambda job: _correct_one(given, how, job),
        target=place,
        content=content,
        show=show_lines if chosen.many else _show,
    )
    run_each("correct", chosen, task, run)


def _correct_one(given: Path | None, how: CorrectOptions, job: Job) -> Row:
    """Correct one run; return what it has of each, what changes by that, and what does not apply."""
    from temtrack.pipeline.correct import correct_file

    found, tables = correct_file(job.source, job.place, given, how, job.request)
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
        "changes": [one.to_json() for one in found.measure_changes(tables)],
        "refit": found.refit,
    }


def _show(rows: Sequence[Row], together: Row) -> None:
    """Show what the only run has now, and what does not apply to it."""
    show_lines(rows, together, title="Corrected")
    output.show_rows(rows[0]["stale"], as_json=False, title="Corrections that do not apply")
    told = [_in_words(one) for one in rows[0]["changes"]]
    output.show_rows([one for one in told if one], as_json=False, title="What they change")


def _in_words(change: Row) -> Row:
    """Return a quantity before and after with intervals, as a person reads them; nothing of an unknown."""

    def side(name: str) -> str | None:
        value, low, high = (change[f"{name}{end}"] for end in ("", "_low", "_high"))
        if value is None:
            return None
        return f"{value:.3g}" if low is None else f"{value:.3g} [{low:.3g}, {high:.3g}]"

    before, after = side("before"), side("after")
    if before is after is None:
        return {}
    return {"quantity": change["quantity"], "before": before, "after": after, "unit": change["unit"]}
