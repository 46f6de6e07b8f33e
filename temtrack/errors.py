"""Every error that a user can mend, and the exit code that each one ends in.

::

    TemtrackError            exit 1
    ├── UsageError           exit 2   an option or argument has a value that is not allowed
    ├── InputError           exit 1   an input is missing, unreadable or of the wrong kind
    ├── OutputError          exit 1   an output cannot be written, or would overwrite something
    │   └── BusyError        exit 1   another process is writing there
    ├── ModelError           exit 1   a model is unknown, incomplete, or does not fit its checksum
    ├── TrainingError        exit 1   training cannot go on
    ├── InterruptedRunError  exit 130 the user stopped a run that can go on later
    └── PartialFailureError  exit 3   some inputs failed, the others are done

A message is one line: what failed, the value received, what is allowed, the next step.
Only these errors become one line on stderr; anything else is a bug and keeps its traceback.
"""

from __future__ import annotations

import difflib
import sys
import warnings
from collections.abc import Iterable


class TemtrackError(Exception):
    """Root of all errors that temtrack raises on purpose."""

    exit_code = 1


class UsageError(TemtrackError):
    """An option or argument has a value that is not allowed."""

    exit_code = 2


class InputError(TemtrackError):
    """An input is missing, unreadable or of the wrong kind."""


class OutputError(TemtrackError):
    """An output cannot be written, or would overwrite something."""


class BusyError(OutputError):
    """Another process is writing there."""


class ModelError(TemtrackError):
    """A model is unknown, incomplete, or does not fit its checksum."""


class TrainingError(TemtrackError):
    """Training cannot go on."""


class InterruptedRunError(TemtrackError):
    """The user stopped a run that can go on later."""

    exit_code = 130


class PartialFailureError(TemtrackError):
    """Some inputs failed; the others are done."""

    exit_code = 3


class TemtrackWarning(UserWarning):
    """Something that may not be as the user expects; the commands show it as one line."""


class TemtrackNotice(TemtrackWarning):
    """Something that the user may want to know and that is as it should be."""


def warn(message: str, kind: type[TemtrackWarning] = TemtrackWarning) -> None:
    """Warn the user, at the line that called temtrack."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).partition(".")[0] == "temtrack":
        frame, level = frame.f_back, level + 1
    warnings.warn(message, kind, stacklevel=level)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the known name that is nearest to a mistyped one, or nothing."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean '{near[0]}'?" if near else ""
