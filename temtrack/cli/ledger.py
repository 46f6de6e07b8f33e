"""What has become of the inputs of a batch: done, begun or out of date, by its batch.jsonl."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from temtrack import __version__
from temtrack.cli.inputs import Job
from temtrack.cli.output import Row
from temtrack.errors import OutputError, TemtrackError, UsageError

if TYPE_CHECKING:
    from temtrack.formats.store.batch_file import BatchFile, Record, State

#: Options that do not decide on a result: how the work is done, and where the model runs.
_UNDECIDING = frozenset({"force", "resume", "shard", "keep_going", "as_json", "device"})

#: Options that name a model.
_MODELS = ("model", "propagator")


@dataclass
class Ledger:
    """Keeps the state of jobs in a file beside their results.

    Parameters
    ----------
    command
        Name of the command.
    facts
        What decides on the results of all jobs.
    content
        Tells what decides on the result of one input.
    """

    command: str
    facts: Mapping[str, object]
    content: Callable[[Job], object]
    _beside: dict[Path, BatchFile] = field(default_factory=dict)
    _keys: dict[Path, str] = field(default_factory=dict)

    def pending(self, jobs: Sequence[Job], resume: bool, force: bool) -> list[Job]:
        """Return what is to be done; last what died in the middle, which may kill this process too.

        Raises
        ------
        OutputError
            If jobs were begun, and nobody said whether to go on or to start again.
        UsageError
            If jobs were done with other options or another content, and it is not said that they may be
            done anew.
        """
        begun = {job.input: job for job in jobs if self._state(job) in ("running", "failed", "done")}
        if begun and not (resume or force):
            first = next(iter(begun.values()))
            raise OutputError(
                f"{first.target}: {self._state(first)} by an earlier run, as {len(begun)} of {len(jobs)} "
                "inputs; give --resume to go on, --force to do all again, or another folder"
            )
        stale = [job for job in begun.values() if self._state(job) == "done" and not self.is_done(job)]
        if stale and not force:
            raise UsageError(
                f"{stale[0].target}: done with other options, another model or another content of "
                f"{stale[0].source}, as {len(stale)} of {len(jobs)} inputs; give the same, or --force too "
                "to do those anew"
            )
        left = [job for job in jobs if not (resume and self.is_done(job))]
        left.sort(key=lambda job: self._state(job) == "running")
        return [replace(job, begun=job.input in begun) for job in left]

    def is_done(self, job: Job) -> bool:
        """Tell whether the job's result is there, from the same input, options and models."""
        record = self._last(job)
        if record is None or self._state(job) != "done":
            return False
        try:
            return record.key == self._key(job)
        except (TemtrackError, OSError):
            return False

    def row(self, job: Job) -> Row:
        """Return what was shown of a job that is done."""
        record = self._last(job)
        return {} if record is None else record.result

    def note(
        self,
        jobs: Iterable[Job],
        state: State,
        *,
        reason: str | None = None,
        seconds: float | None = None,
        row: Row | None = None,
    ) -> None:
        """Write what has become of jobs."""
        from temtrack.formats.store.batch_file import Record

        process = f"{platform.node()}:{os.getpid()}"
        by_folder: dict[Path, list[Record]] = {}
        for job in jobs:
            if job.target is None:
                continue
            record = Record(
                command=self.command,
                output=job.target.name,
                state=state,
                input=str(job.source),
                key=self._key(job) if state == "done" else None,
                reason=reason,
                seconds=None if seconds is None else round(seconds, 2),
                process=None if state == "todo" else process,
                result=row or {},
            )
            by_folder.setdefault(job.target.parent, []).append(record)
        for folder, records in by_folder.items():
            self._file(folder).append(records)

    def _state(self, job: Job) -> State | None:
        """Return the state of a job; a result that is no longer there was never made."""
        record = self._last(job)
        if record is None or job.target is None:
            return None
        result = Path(str(record.result.get("output", job.target)))
        is_gone = record.state == "done" and not (job.target.parent / result.name).exists()
        return None if is_gone else record.state

    def _last(self, job: Job) -> Record | None:
        if job.target is None:
            return None
        return self._file(job.target.parent).last(self.command, job.target.name)

    def _file(self, folder: Path) -> BatchFile:
        from temtrack.formats.store.batch_file import BatchFile

        return self._beside.setdefault(folder, BatchFile(folder))

    def _key(self, job: Job) -> str:
        """Return a hash of all that decides on the result of a job."""
        if job.source not in self._keys:
            told = json.dumps([self.facts, self.content(job)], sort_keys=True, default=str)
            self._keys[job.source] = hashlib.sha256(told.encode()).hexdigest()
        return self._keys[job.source]


def open_ledger(ctx: typer.Context, content: Callable[[Job], object]) -> Ledger:
    """Return the ledger of the command at hand: its options and the hashes of its models decide on results.

    Raises
    ------
    ModelError
        Where a model is unknown, missing or damaged.
    """
    deciding = {
        str(p.name): _content_of(ctx.params[str(p.name)])
        for p in ctx.command.params
        if p.param_type_name == "option"
        and "--output" not in p.opts
        and p.name not in _UNDECIDING
        and not p.multiple  # one value for each input: told with its content
    }
    names = [str(deciding[name]) for name in _MODELS if name in deciding]
    hashes = {name: sha256 for name in names if (sha256 := hash_of_model(name)) is not None}
    facts = {"temtrack_version": __version__, "options": deciding, "models": hashes}
    return Ledger(str(ctx.command.name), facts, content)


def _content_of(value: object) -> object:
    """Return an option's value; of a file what is in it."""
    from temtrack.formats.store.fingerprint import fingerprint

    return fingerprint([value]) if isinstance(value, Path) and value.is_file() else value


def hash_of_model(model: str) -> str | None:
    """Return the sha256 of a model's weights, of two that are joined both; ``None`` for what has no weights.

    Raises
    ------
    ModelError
        Where a model is unknown, missing or damaged.
    """
    from temtrack.models.catalog import PLAIN_METHODS
    from temtrack.models.registry import JOINT, find_model, parts_of, verify

    if model in PLAIN_METHODS:
        return None
    parts = parts_of(model)
    if len(parts) > 1:
        return JOINT.join(hash_of_model(part) or part for part in parts)
    return verify(find_model(model))
