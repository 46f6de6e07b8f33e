"""The command as it was typed, for the record beside what it makes."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from contextvars import ContextVar

from temtrack.cli.output import with_progress
from temtrack.errors import UsageError
from temtrack.pipeline.request import Request

_WORDS: ContextVar[tuple[str, ...]] = ContextVar("words", default=())


def command_line() -> str:
    """Return the command at hand."""
    return shlex.join(["temtrack", *_WORDS.get()])


def remember(words: Sequence[str]) -> None:
    """Take the words after ``temtrack`` as those that were typed.

    ``--resume`` is left out: what is made is the same, however often it stopped on the way.

    Raises
    ------
    UsageError
        Where one is not in UTF-8, in which the records are written.
    """
    for word in words:
        if any("\ud800" <= letter <= "\udfff" for letter in word):
            raise UsageError(f"{word!a}: is not in UTF-8, as all records are; give the file another name")
    _WORDS.set(tuple(word for word in words if word != "--resume"))


def request(force: bool = False, resume: bool = False) -> Request:
    """Return what the command at hand asks a stage for."""
    return Request(command_line(), with_progress, force, resume)
