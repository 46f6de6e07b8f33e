"""Which of many inputs an earlier run, or another process, has done: what ``--resume`` leaves out."""

from __future__ import annotations

import hashlib
import json
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from temtrack import __version__
from temtrack.cli.inputs import Job
from temtrack.cli.output import Row
from temtrack.errors import BusyError, InterruptedRunError, OutputError, TemtrackError, UsageError
from temtrack.formats.store.ledger import Ledger, Record, State

if TYPE_CHECKING:
    from temtrack.pipeline.recorded import Options

#: Options that name a model.
_MODELS = ("model", "tracker")


class JobStates:
    """The state of each job of one command, in the ledger beside its result.

    Parameters
    ----------
    command
        The name of the command.
    options
        They decide on the results of all jobs, with the models that they name and the version.
    content
        Tells what else decides on the result of one.

    Raises
    ------
    ModelError
        Where a model is unknown, missing or damaged.
    """

    def __init__(self, command: str, options: Options | None, content: Callable[[Job], object]) -> None:
        self._command = command
        self._shared = {} if options is None else _deciding_on_all(options)
        self._content = content
        self._ledger = cache(Ledger)
        self._keys: dict[Path, str] = {}

    def share_out(self, jobs: Sequence[Job]) -> tuple[list[Job], dict[Path, Row]]:
        """Return what is to be done, and the rows of what is done, by their source.

        Last comes what died in the middle, which may kill this process too.

        Raises
        ------
        OutputError
            If jobs were begun, and nobody said whether to go on or to start again.
        UsageError
            If jobs were done with other options or another content, and it is not said that they may be
            done anew.
        """
        begun = {job: last for job in jobs if (last := self._last(job)) is not None and last.state != "todo"}
        for job, last in begun.items():
            if not (job.request.resume or job.request.force):
                raise OutputError(
                    f"{job.target}: {last.state} by an earlier run, as {len(begun)} of {len(jobs)} inputs; "
                    "give --resume to go on, --force to do all again, or another folder"
                )
        done = {job: last.result for job, last in begun.items() if self._is_current(job, last)}
        stale = [job for job, last in begun.items() if last.state == "done" and job not in done]
        if stale and not stale[0].request.force:
            raise UsageError(
                f"{stale[0].target}: done with other options, another model or another content of "
                f"{stale[0].source}, as {len(stale)} of {len(jobs)} inputs; give the same, or --force too "
                "to do those anew"
            )
        kept = {job.source: row for job, row in done.items() if job.request.resume}
        left = [
            replace(job, request=replace(job.request, begun=job in begun))
            for job in jobs
            if job.source not in kept
        ]
        died = {job.source for job, last in begun.items() if last.state == "running"}
        return sorted(left, key=lambda job: job.source in died), kept

    def run(self, job: Job, work: Callable[[Job], Row]) -> Row:
        """Do a job and note what becomes of it; where the process dies its last note, ``running``, tells.

        Raises
        ------
        InterruptedRunError
            Where the user interrupts it.
        """
        last = self._last(job) if job.request.resume else None
        if last is not None and self._is_current(job, last):  # by another process meanwhile
            return last.result
        self.note("running", job)
        begun_s = time.monotonic()
        try:
            row = work(job)
        except BusyError:
            raise  # what becomes of it is the other process's to note
        except (KeyboardInterrupt, InterruptedRunError) as stop:
            self.note("failed", job, reason="interrupted")
            raise InterruptedRunError(
                f"{job.source}: interrupted; the same command with --resume goes on with it and the rest"
            ) from stop
        except TemtrackError as error:
            self.note("failed", job, reason=str(error), seconds=time.monotonic() - begun_s)
            raise
        self.note("done", job, key=self._key(job), seconds=time.monotonic() - begun_s, result=row)
        return row

    def note(self, state: State, *jobs: Job, seconds: float | None = None, **facts: Any) -> None:
        """Write what has become of jobs; ``facts`` are further ones of a `Record`."""
        by_folder: dict[Path, list[Record]] = defaultdict(list)
        took = None if seconds is None else round(seconds, 2)
        for job in jobs:
            record = Record(self._command, job.place.name, state, str(job.source), seconds=took, **facts)
            by_folder[job.place.parent].append(record)
        for folder, records in by_folder.items():
            self._ledger(folder).append(records)

    def _last(self, job: Job) -> Record | None:
        return self._ledger(job.place.parent).last(self._command, job.place.name)

    def _is_current(self, job: Job, last: Record) -> bool:
        """Tell whether the job is done, from the same input, options and models."""
        try:
            return last.state == "done" and last.key == self._key(job)
        except (TemtrackError, OSError):
            return False

    def _key(self, job: Job) -> str:
        """Return a hash of all that decides on the result of a job."""
        if job.source not in self._keys:
            told = json.dumps([self._shared, self._content(job)], sort_keys=True, default=str)
            self._keys[job.source] = hashlib.sha256(told.encode()).hexdigest()
        return self._keys[job.source]


def _deciding_on_all(options: Options) -> dict[str, object]:
    """Return version and options, and the hashes of the models that they name."""
    from temtrack.models.registry import hash_of_model

    named = {name: getattr(options, name) for name in _MODELS if hasattr(options, name)}
    models = {name: hash_of_model(model) for name, model in named.items()}
    return {"temtrack_version": __version__, "options": contents_of(options), "models": models}


def contents_of(options: Options) -> dict[str, object]:
    """Return options by name; of a file what is in it."""
    from temtrack.formats.fingerprint import fingerprint

    return {
        name: fingerprint([Path(value)]) if isinstance(getattr(options, name), Path) else value
        for name, value in options.to_json().items()
    }
