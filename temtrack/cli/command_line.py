"""The command that makes a result, for the record beside it: as it was typed, or for one input alone."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import typer

from temtrack.cli.inputs import Job

_WORDS: ContextVar[tuple[str, ...]] = ContextVar("words", default=())

#: Options that say how to work, not what to make.
_HOW = frozenset({"force", "resume", "shard", "keep_going", "as_json"})


def command_line() -> str:
    """Return the command that makes what is being made."""
    return shlex.join(["temtrack", *_WORDS.get()])


def remember(words: Sequence[str]) -> None:
    """Take the words after ``temtrack`` as those that were typed.

    ``--resume`` is left out: what is made is the same, however often it stopped on the way.
    """
    _WORDS.set(tuple(word for word in words if word != "--resume"))


@contextmanager
def recorded_as(words: Sequence[str]) -> Iterator[None]:
    """Let `command_line` be these words after ``temtrack``."""
    token = _WORDS.set(tuple(words))
    try:
        yield
    finally:
        _WORDS.reset(token)


def words_alone(ctx: typer.Context, job: Job, n_given: int) -> list[str]:
    """Return the words of the command at hand as they make the result of one of its inputs alone.

    Of an option that was given once for each of ``n_given`` inputs, the input's own value is kept.
    """
    typed = shlex.split(command_line())[2:]
    own = job.input.index if n_given > 1 else None
    return rewritten(ctx.command, typed, str(job.target), str(job.source), own, n_given)


def rewritten(
    command: Any,
    words: Sequence[str],
    target: str,
    source: str | None = None,
    own: int | None = None,
    n_given: int = 1,
) -> list[str]:
    """Return the words of a command with another output, and with another input where one is given.

    Options that say how to work, as ``--resume`` and ``--force``, are left out.
    """
    # Typer's own parser, before it turns words into values: they are kept as they were typed
    raw, _, _ = command.make_parser(typer.Context(command)).parse_args(list(words))
    kept, inputs = [str(command.name)], []
    for parameter in command.params:
        given = raw.get(parameter.name)
        values = list(given) if isinstance(given, (list, tuple)) else [] if given is None else [given]
        if parameter.param_type_name == "argument":
            inputs += [word for word in values if isinstance(word, str)]
        elif "--output" in parameter.opts:
            kept += ["--output", target]
        elif parameter.name not in _HOW:
            kept += _option(parameter, values if own is None or len(values) != n_given else [values[own]])
    sources = inputs if source is None else [source]
    return [*kept, *["--"][: any(word.startswith("-") for word in sources)], *sources]


def _option(parameter: Any, values: Sequence[object]) -> list[str]:
    words: list[str] = []
    for value in values:
        if isinstance(value, bool):
            words.append((parameter.opts if value else parameter.secondary_opts)[0])
        elif isinstance(value, str):
            words += [parameter.opts[0], value]
    return words
