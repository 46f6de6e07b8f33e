"""What `kinetics` and `analyze --kinetics` share: how estimates are read back and shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from temtrack.cli import output
from temtrack.cli.inputs import Job
from temtrack.cli.output import Row

#: What a person needs on one screen; method and source stand in the table.
_SHOWN = ("quantity", "frame", "event_id", "value", "low", "high", "unit", "n", "reason")


def read_kinetics(job: Job) -> Row:
    """Return the estimates of a run that was measured."""
    from temtrack.pipeline.analyze import KINETICS_FILES, read_estimates

    return {"kinetics": [asdict(one) for one in read_estimates(job.place / KINETICS_FILES[0])]}


def show_estimates(rows: Sequence[Row], title: str) -> None:
    """Show what was found, of the first and last frames and the whole run, and why other things were not."""
    frames = [row["frame"] for row in rows if row["frame"] is not None]
    ends = (None, min(frames, default=None), max(frames, default=None))
    shown = [row for row in rows if row["value"] is not None and row["frame"] in ends]
    output.show_rows([{name: row[name] for name in _SHOWN} for row in shown], as_json=False, title=title)
    refused: dict[str, list[str]] = {}
    for row in rows:
        if row["value"] is None:
            refused.setdefault(row["reason"] or "", []).append(row["quantity"])
    reasons = [{"refused": list(dict.fromkeys(names)), "reason": why} for why, names in refused.items()]
    output.show_rows(reasons, as_json=False)
