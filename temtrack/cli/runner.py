"""The runner of commands: one input or many, all by the same work; what fails is told, the rest is done.

A command gathers its inputs, says in a `Task` what becomes of each of them, and gives both to `run_each`::

    inputs = gather(masks, options.shard)
    task = Task(how, load=lambda: work, target=lambda job: out / job.name if inputs.many else out)
    run_each("analyze", inputs, task, options)

One input is done as many are, but no ledger is kept beside its result, and its error ends the command.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from temtrack.cli import output
from temtrack.cli.command_line import request
from temtrack.cli.inputs import Inputs, Job
from temtrack.cli.output import Row
from temtrack.errors import InterruptedRunError, PartialFailureError, TemtrackError

if TYPE_CHECKING:
    from temtrack.cli.resume import JobStates
    from temtrack.pipeline.recorded import Options

#: Does one job and returns what is shown of it on one line.
Work = Callable[[Job], Row]

_NESTED = (Mapping, list)


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How a command goes through its inputs: options that all such commands share."""

    shard: slice | None = None
    resume: bool = False
    keep_going: bool = True
    force: bool = False
    as_json: bool = False
    dry_run: bool = False


def show_lines(rows: Sequence[Row], together: Row, title: str | None = None) -> None:
    """Show a table with a line for each input, without what is nested in a row for ``--json``."""
    lines = [{k: v for k, v in row.items() if k != "state" and not isinstance(v, _NESTED)} for row in rows]
    output.show_rows(lines, as_json=False, title=title)


@dataclass(frozen=True)
class Task:
    """What a command does with each of its inputs.

    Parameters
    ----------
    options
        What decides on all results, beside models and version.
    load
        Makes ready what all jobs share, as a model, and returns the work on one; called where there is any.
    target
        Tells the place of a job's result; ``None`` for a command that only shows.
    content
        Tells what else decides on the result of a job: what is in its input.
    detail
        Tells what ``--json`` and `show` give of a job that is done beyond its row, by its result.
    show
        Shows a person the rows of what is done, and what they tell together.
    together
        Tells what the inputs that are done tell together, by their rows.
    """

    options: Options | None
    load: Callable[[], Work]
    target: Callable[[Job], Path] | None = None
    content: Callable[[Job], object] = lambda job: None
    detail: Callable[[Job], Row] = lambda job: {}
    show: Callable[[Sequence[Row], Row], None] = show_lines
    together: Callable[[Sequence[Row]], Row] = lambda rows: {}


def run_each(command: str, inputs: Inputs, task: Task, options: RunOptions) -> None:
    """Do the task of a command with each input, and show what came of it.

    With ``--json`` that is one document, of one input as of many: ``inputs`` with the ``input``, ``output``,
    ``state`` (``done``, ``failed`` with a ``reason``, or ``todo``) and row of each, and how many ``failed``.

    Raises
    ------
    PartialFailureError
        Where some of many inputs failed and others are done (exit 3).
    TemtrackError
        Where the task cannot begin, or the only input or all of many failed.
    InterruptedRunError
        Where the user interrupts it.
    """
    asked, states = request(options.force, options.resume), None
    jobs = [replace(job, target=task.target and task.target(job), request=asked) for job in inputs.jobs]
    if inputs.many and task.target is not None:
        from temtrack.cli.resume import JobStates  # one input starts sooner without it

        states = JobStates(command, task.options, task.content)
    run = _Run(jobs, task, options, states)
    run.do(command)
    run.show()
    run.finish()


@dataclass
class _Run:
    """The jobs of one command, and what has become of them so far."""

    jobs: Sequence[Job]
    task: Task
    options: RunOptions
    states: JobStates | None
    rows: dict[Path, Row] = field(default_factory=dict)
    failures: dict[Path, TemtrackError] = field(default_factory=dict)

    def do(self, command: str) -> None:
        """Do what is to be done, unless that is only to be shown; what an earlier run did is taken over."""
        pending = self.jobs
        if self.states:
            pending, self.rows = self.states.share_out(self.jobs)
        if self.options.dry_run:
            self.failures = {job.source: job.refusal for job in pending if job.refusal is not None}
            return
        work = self.task.load() if any(job.refusal is None for job in pending) else _refuse
        if self.states:
            # one that was begun stays so: what lies at its place is its own, whatever stops this process
            self.states.note("todo", *(job for job in pending if not job.request.begun))
        is_only = len(self.jobs) == 1 and self.jobs[0].alone
        for job in pending if is_only else output.with_progress(pending, command, total=len(self.jobs)):
            self._do(job, partial(_attempt, work if job.refusal is None else _refuse))
            if self.failures and not self.options.keep_going:
                break

    def _do(self, job: Job, work: Work) -> None:
        output.note(f"{job.source}{f' into {job.target}' if job.target else ''}")
        try:
            self.rows[job.source] = self.states.run(job, work) if self.states else work(job)
        except InterruptedRunError:
            raise
        except TemtrackError as error:
            self.failures[job.source] = error
            if not job.alone:  # else it ends the command
                output.fail(str(error))

    def show(self) -> None:
        """Show what is done, or what would be with which options; as JSON what failed or is left too."""
        entries = [self._entry(job) for job in self.jobs]
        done = [entry for entry in entries if entry["state"] == "done"]
        given = {} if self.task.options is None else self.task.options.to_json()
        together = {"options": given} if self.options.dry_run else self.task.together(done)
        if self.options.as_json:
            output.show_json({"inputs": entries, "failed": len(self.failures), **together})
        elif self.options.dry_run:
            names = ("input", "output", "state", "reason")
            plan = [{name: entry.get(name) for name in names} for entry in entries]
            output.show_rows(plan, as_json=False, title="Would be done")
            set_ones = [{"option": name, "value": v} for name, v in given.items() if v is not None]
            output.show_rows(set_ones, as_json=False, title="Options")
        elif done:
            self.task.show(done, together)

    def _entry(self, job: Job) -> Row:
        place: Row = {"input": str(job.source)} | ({"output": str(job.target)} if job.target else {})
        if job.source in self.rows:
            return {**place, "state": "done", **self.rows[job.source], **self.task.detail(job)}
        if job.source in self.failures:
            return {**place, "state": "failed", "reason": str(self.failures[job.source])}
        return {**place, "state": "todo"}

    def finish(self) -> None:
        """Name what failed."""
        if not self.failures:
            return
        if len(self.jobs) == 1 and self.jobs[0].alone:
            raise self.failures[self.jobs[0].source]
        summary = failed_of(list(self.failures), len(self.jobs))
        n_left = len(self.jobs) - len(self.failures) - len(self.rows)
        rest = f"{n_left} are not begun" if n_left else "the others are done"
        raise PartialFailureError(f"{summary}; {rest}") if self.rows else TemtrackError(summary)


def failed_of(failed: Sequence[object], n_inputs: int) -> str:
    """Say how many of the inputs failed, and which."""
    return f"{len(failed)} of {n_inputs} inputs failed: {', '.join(map(str, failed))}"


def _attempt(work: Work, job: Job) -> Row:
    """Do a job; of many, a bug or too little memory is told and becomes an error: others may not meet it."""
    try:
        return work(job)
    except TemtrackError:
        raise
    except Exception as error:
        if job.alone:
            raise
        output.tell(traceback.format_exc().rstrip())
        raise TemtrackError(f"{job.source}: {type(error).__name__}: {error}") from error


def _refuse(job: Job) -> Row:
    assert job.refusal is not None
    raise job.refusal
