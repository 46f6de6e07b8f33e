"""Many inputs, one after another: what fails is told and left out, the rest is done."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import typer

from temtrack.cli import output
from temtrack.cli.command_line import recorded_as, words_alone
from temtrack.cli.inputs import Input, Inputs, Job
from temtrack.cli.ledger import open_ledger
from temtrack.cli.output import Row
from temtrack.errors import BusyError, InterruptedRunError, PartialFailureError, TemtrackError

#: Does one job and returns what is shown of it.
Work = Callable[[Job], Row]


def failed_of(failed: Sequence[object], n_inputs: int) -> str:
    """Say how many of the inputs failed, and which."""
    return f"{len(failed)} of {n_inputs} inputs failed: {', '.join(map(str, failed))}"


@dataclass(frozen=True)
class Manner:
    """How a batch is worked through: options that all commands share."""

    resume: bool = False
    keep_going: bool = True
    force: bool = False
    as_json: bool = False


@dataclass
class Batch:
    """The jobs of one command over many inputs, and what has become of them so far.

    Parameters
    ----------
    ctx
        The command at hand.
    inputs
        What was given.
    jobs
        One for each input.
    content
        Tells what decides on the result of an input, for ``--resume``.
    manner
        How the jobs are done.
    detail
        What ``--json`` tells of a job that is done, beyond its row.
    """

    ctx: typer.Context
    inputs: Inputs
    jobs: Sequence[Job]
    content: Callable[[Job], object]
    manner: Manner
    detail: Callable[[Job], Row] = lambda job: {}
    done: dict[Input, Row] = field(default_factory=dict, init=False)
    failures: dict[Input, TemtrackError] = field(default_factory=dict, init=False)

    def run(self, load: Callable[[], Work]) -> None:
        """Do what is to be done; ``load`` makes ready what all jobs share, where there are any.

        Raises
        ------
        TemtrackError
            Where the batch cannot begin.
        InterruptedRunError
            Where the user interrupts it.
        """
        self._ledger = open_ledger(self.ctx, self.content)
        pending = self._ledger.pending(self.jobs, self.manner.resume, self.manner.force)
        left = {job.input for job in pending}
        for job in self.jobs:
            if job.input not in left:
                self._skip(job)
        if not pending:
            return
        work = load()
        self._ledger.note(pending, "todo")
        for job in output.with_progress(pending, str(self.ctx.command.name), total=len(self.jobs)):
            self._do(job, work)
            if self.failures and not self.manner.keep_going:
                break

    def show(self) -> None:
        """Show a table of what is done; ``--json`` showed it at once."""
        if not self.manner.as_json:
            rows = [self.done[job.input] for job in self.jobs if job.input in self.done]
            output.show_rows(rows, as_json=False)

    def _skip(self, job: Job) -> None:
        """Take over what an earlier run, or another process, did."""
        self._done(job, self._ledger.row(job))

    def _do(self, job: Job, work: Work) -> None:
        """Do a job and note what becomes of it; where the process dies its last note, ``running``, tells."""
        if self.manner.resume and self._ledger.is_done(job):
            self._skip(job)
            return
        self._ledger.note([job], "running")
        begun_s = time.monotonic()
        try:
            row = self._work(job, work)
            self._ledger.note([job], "done", seconds=time.monotonic() - begun_s, row=row)
        except (KeyboardInterrupt, InterruptedRunError) as stop:
            self._ledger.note([job], "failed", reason="interrupted")
            raise InterruptedRunError(
                f"{job.source}: interrupted; the same command with --resume goes on with it and the rest"
            ) from stop
        except BusyError as error:
            self._failed(job, error)  # what becomes of it is the other process's to note
        except TemtrackError as error:
            self._failed(job, error, time.monotonic() - begun_s)
        except Exception as error:  # a bug, or no memory left: the other inputs may not meet it
            output.tell(traceback.format_exc().rstrip())
            told = TemtrackError(f"{job.source}: {type(error).__name__}: {error}")
            self._failed(job, told, time.monotonic() - begun_s)
        else:
            self._done(job, row)

    def _work(self, job: Job, work: Work) -> Row:
        if job.input.refusal is not None:
            raise job.input.refusal
        with recorded_as(words_alone(self.ctx, job, self.inputs.n_given)):
            return work(job)

    def _done(self, job: Job, row: Row) -> None:
        self.done[job.input] = row
        self._tell(job, {"state": "done", **row})

    def _failed(self, job: Job, error: TemtrackError, seconds: float | None = None) -> None:
        self.failures[job.input] = error
        if seconds is not None:
            self._ledger.note([job], "failed", reason=str(error), seconds=seconds)
        output.fail(str(error))
        self._tell(job, {"state": "failed", "reason": str(error)})

    def _tell(self, job: Job, facts: Row) -> None:
        if self.manner.as_json:
            more = self.detail(job) if job.input in self.done else {}
            output.show_json_line({"input": str(job.source), **facts, **more})

    def finish(self) -> None:
        """Name what failed.

        Raises
        ------
        PartialFailureError
            Where some inputs failed and others are done (exit 3).
        TemtrackError
            Where all failed (exit 1).
        """
        if not self.failures:
            return
        summary = failed_of([failed.path for failed in self.failures], len(self.jobs))
        n_left = len(self.jobs) - len(self.failures) - len(self.done)
        rest = f"{n_left} are not begun" if n_left else "the others are done"
        raise PartialFailureError(f"{summary}; {rest}") if self.done else TemtrackError(summary)
