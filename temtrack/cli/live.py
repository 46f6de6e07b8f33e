"""What `temtrack track --follow` tells while a movie is being written."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from temtrack.cli import output
from temtrack.cli.command_line import request
from temtrack.cli.inputs import Inputs
from temtrack.cli.runner import RunOptions
from temtrack.errors import UsageError

if TYPE_CHECKING:
    from temtrack.pipeline.live import Event
    from temtrack.pipeline.options import TrackOptions


def follow(
    inputs: Inputs, out: Path, how: TrackOptions, run: RunOptions, idle_s: float | None, device: str
) -> None:
    """Track one movie while it is being written; Ctrl-C finishes what came, a second one stops at once.

    Raises
    ------
    UsageError
        Where many movies are given.
    TemtrackError
        As `temtrack.pipeline.live.follow_into`.
    """
    if inputs.many or run.dry_run:
        raise UsageError("--follow: takes one movie, and no --dry-run")
    (job,) = inputs.jobs
    if job.refusal is not None and not job.source.parent.is_dir():
        raise job.refusal
    from temtrack.pipeline.live import Watch, follow_into
    from temtrack.pipeline.tracking_plan import TrackStage

    stage, tell = TrackStage.load(how, device), partial(_tell, as_json=run.as_json)
    with _stopped_by_interrupt() as stop:
        asked, watch = request(run.force, run.resume), Watch(idle_s, stop, tell)
        _, report = follow_into(job.source, out, stage, asked, watch)
    lineage = report.lineage
    counts = {"n_frames": lineage.n_frames, "n_tracks": len(lineage.tracks), "n_merges": len(lineage.merges)}
    tell({"event": "finished", **counts})


def _tell(event: Event, as_json: bool) -> None:
    """Print an event: as a line of JSON on stdout, or merges there and the rest as messages."""
    if as_json:
        output.show_text(json.dumps(event, ensure_ascii=False))
    elif event["event"] in ("left_out", "slow"):
        output.warn(event["message"])
    elif event["event"] == "merge":
        parents = " + ".join(map(str, event["parent_ids"]))
        place = f"y={event['y_px']:.0f}, x={event['x_px']:.0f}"
        output.show_text(f"merge in frame {event['frame']}: {parents} became {event['child_id']} at {place}")
    elif event["event"] == "frames":
        waiting = f", waiting for {event['waiting_for']}" if event["waiting_for"] else ""
        output.tell(f"{event['n_done']} frames tracked, {event['n_behind']} behind{waiting}")
    else:
        output.show_rows([{name: value for name, value in event.items() if name != "event"}], as_json=False)


@contextmanager
def _stopped_by_interrupt() -> Iterator[threading.Event]:
    """Give an event that Ctrl-C sets; a second one interrupts as usual."""
    stop = threading.Event()

    def note(number: int, frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        output.tell("finishing what came; Ctrl-C again stops at once")

    before = signal.signal(signal.SIGINT, note)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
