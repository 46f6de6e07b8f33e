"""`temtrack evaluate`: a result against its truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer

from temtrack.cli import output
from temtrack.cli.inputs import Job, gather
from temtrack.cli.options import command
from temtrack.cli.output import Row
from temtrack.cli.runner import RunOptions, Task, run_each, show_lines
from temtrack.errors import InputError

#: Measures that a table's head spells otherwise than JSON does.
_SPELT = {
    **{name: name.upper() for name in ("f1", "pq", "ap", "det", "seg", "tra", "lnk", "hota", "idf1")},
    **{name: name.upper() for name in ("mota", "motp", "mt", "ml", "chota")},
    "iou": "IoU",
    "dice": "Dice",
    "boundary_f1": "boundary F1",
    "det_a": "DetA",
    "ass_a": "AssA",
    "loc_a": "LocA",
    "frame_error_95": "frame error, 95 %",
    "id_switches_per_10000": "per 10,000",
}

#: Measures of the tracks that count whole tracks or changes of ids: a table of their own, as one is too wide.
_OF_IDS = ("mota", "motp", "mt", "ml", "idf1", "id_switches", "id_switches_per_10000")


@command(
    pred=typer.Argument(
        metavar="PRED...",
        help="The result: a masks folder, a CTC folder, a TIFF stack, an image; of many, - for a list "
        "on stdin.",
    ),
    truth=typer.Argument(
        metavar="TRUTH", help="The true masks of the same frames; of many, a folder of them by name."
    ),
    per_event=typer.Option("--per-event", help="List each hit, missed and false merge with frame and place."),
)
def evaluate(
    pred: list[str],
    truth: Path,
    per_event: bool = False,
    shard: slice | None = None,
    keep_going: bool = True,
    as_json: bool = False,
) -> None:
    """Compare masks, tracks, merges and fates with the truth.

    A folder may hold lineage.json or, as in the Cell Tracking Challenge, man_track.txt or res_track.txt.
    Without lineage.json merges and fates are found from the masks alone.

    Many results are compared each with what bears its name in TRUTH, and shown as a table; --json shows all.
    """
    chosen = gather(pred, shard)
    task = Task(
        None,
        load=lambda: lambda job: _compare(job, _truth_of(job, truth), per_event),
        show=show_lines if chosen.many else _show,
    )
    run_each("evaluate", chosen, task, RunOptions(keep_going=keep_going, as_json=as_json))


def _truth_of(job: Job, truths: Path) -> Path:
    """Return the truth of a result; of many, what bears its name in the folder of all truths."""
    if job.alone:
        return truths
    named = truths / job.source.resolve().name
    if not named.exists():
        raise InputError(
            f"{job.source}: {named}: there is no truth of that name; of many results each needs its own"
        )
    return named


def _compare(job: Job, truth: Path, per_event: bool) -> Row:
    """Compare one result with its truth."""
    from temtrack.formats.store.run import open_run
    from temtrack.metrics.document import describe_evaluation
    from temtrack.metrics.evaluation import evaluate_masks

    found, true = open_run(job.source), open_run(truth)
    measures = describe_evaluation(evaluate_masks(found, true, output.with_progress), with_events=per_event)
    for one in (found, true) if measures["tracking"] else ():
        if one.lineage is None:
            output.tell(
                f"{one.path}: holds no lineage.json, so its merges and fates are found from the masks alone;"
                " particles in them bear new ids"
            )
    if not measures["segmentation"]["pooled"]["n_true"]:
        output.warn(f"{truth}: the truth holds no particle in any frame; most measures mean nothing")
    lineages = {"pred": found.lineage, "truth": true.lineage}
    told = {name: "masks" if one is None else "lineage.json" for name, one in lineages.items()}
    return {**_line(measures), "truth": str(true.path), "lineage": told, **measures}


def _line(measures: Row) -> Row:
    """Return what is shown of one result of many."""
    row = {name: measures["segmentation"]["pooled"][name] for name in ("iou", "f1", "pq")}
    if tracking := measures["tracking"]:
        row |= {name: tracking[name] for name in ("tra", "id_switches")}
    if merges := measures["merges"]:
        row |= {"merges_f1": merges["within_frames"][-1]["f1"], "fates_f1": measures["fates"]["macro_f1"]}
    return row


def _show(rows: Sequence[Row], together: Row) -> None:
    """Show all measures of the only result."""
    (measures,) = rows
    segmentation, n_frames = measures["segmentation"], len(measures["frames"])
    means = [{"": "mean of frames", **segmentation["mean"]}] if n_frames > 1 else []
    _table([{"": "pooled", **segmentation["pooled"]}, *means], "Segmentation")
    if tracking := measures["tracking"]:
        scores = {name: value for name, value in tracking.items() if name not in _OF_IDS}
        _table([scores], "Tracking")
        _table([{name: tracking[name] for name in _OF_IDS}], "Tracks and their ids")
    if merges := measures["merges"]:
        _show_merges(merges)
        fates = measures["fates"]
        mean = {"true_fate": "mean", "f1": fates["macro_f1"]}
        _table([*fates["confusion"], mean], "Fates, as true and as told")
        _table(merges.get("events", ()), "Events")


def _show_merges(merges: Row) -> None:
    _table(merges["within_frames"], "Merges")
    widest = merges["within_frames"][-1]
    if widest["n_hits"]:
        names = ("exact_parents", "median_frame_error", "frame_error_95")
        _table([{name: merges[name] for name in names}], f"Hits within {widest['within_frames']} frames")
    _table(merges["by_n_parents"], "Merges by number of parents")
    causes = [{"cause": cause, "n": n} for cause, n in merges["false_by_cause"].items()]
    _table(causes, "False merges")


def _table(rows: Sequence[Row], title: str) -> None:
    spelt = [{_SPELT.get(name, name): value for name, value in row.items()} for row in rows]
    output.show_rows(spelt, as_json=False, title=title)
