"""``corrections.jsonl``: a line for each correction, appended and never changed; undo and redo are lines too.

The first line says which movie it is about. A line is on the disk before a correction counts as made, so
that a process that dies loses nothing; one that it left unfinished is passed over, told of, and removed
with the next correction.
"""

from __future__ import annotations

import getpass
import json
import os
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from temtrack.errors import InputError, OutputError, warn
from temtrack.formats.store.atomic import locked
from temtrack.masks import Run
from temtrack.review.corrections import Correction
from temtrack.review.edited import EditedRun
from temtrack.review.kinds import KINDS
from temtrack.review.places import Needless, Stale

LOG_NAME = "corrections.jsonl"

_FORMAT, _VERSION = "temtrack-corrections", 1
_LOCK_NAME, _WAIT_S = ".corrections.lock", 10.0
_NAMES = {kind: name for name, kind in KINDS.items()}


@dataclass(frozen=True)
class Reversal:
    """A correction taken back, or made again."""

    action: Literal["undo", "redo"]
    of: str


@dataclass(frozen=True)
class Entry:
    """A line of the log: what was done, by whom, when and why; ``item`` is what of the queue it answers."""

    id: str
    time: str
    author: str
    done: Correction | Reversal
    why: str = ""
    item: str = ""

    @classmethod
    def now(cls, done: Correction | Reversal, why: str = "", item: str = "", author: str = "") -> Entry:
        """Return an entry of this moment; its author is who is logged in, where none is given."""
        moment = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(secrets.token_hex(6), moment, author or _user(), done, why, item)

    @property
    def kind(self) -> str:
        """How the log calls what was done."""
        return self.done.action if isinstance(self.done, Reversal) else _NAMES[type(self.done)]

    def to_json(self) -> dict[str, Any]:
        """Return the entry as it stands in the file."""
        facts = {"id": self.id, "time": self.time, "author": self.author, "why": self.why, "item": self.item}
        told = in_words(self.done)
        return {"kind": told.pop("kind"), **{name: fact for name, fact in facts.items() if fact}, **told}

    @classmethod
    def from_json(cls, record: Any) -> Entry:
        """Return the entry that `to_json` wrote; ``ValueError`` where it is none."""
        if not isinstance(record, dict):
            raise ValueError("is no JSON object")
        left = dict(record)
        kind = left.pop("kind", None)
        facts = {name: left.pop(name, "") for name in ("id", "time", "author", "why", "item")}
        if not all(isinstance(fact, str) for fact in facts.values()) or not facts["id"]:
            raise ValueError("has no id, or a fact that is no text")
        if kind in ("undo", "redo"):
            return cls(done=Reversal(kind, str(left.get("of", ""))), **facts)
        if kind not in KINDS:
            raise ValueError(f"kind {kind!r} is unknown; allowed are {', '.join([*KINDS, 'undo', 'redo'])}")
        return cls(done=parse(kind, left), **facts)


def in_words(done: Correction | Reversal) -> dict[str, Any]:
    """Return kind and fields of a correction, as they stand in the file."""
    if isinstance(done, Reversal):
        return {"kind": done.action, "of": done.of}
    return {"kind": _NAMES[type(done)], **asdict(done)}


def parse(kind: str, fields: Any) -> Correction:
    """Return the correction of a kind with these fields, as JSON holds them; ``ValueError`` if it is none."""
    try:
        correction: Correction = _adapter(kind).validate_json(json.dumps(fields))
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{kind}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    return correction


@cache
def _adapter(kind: str) -> TypeAdapter[Any]:
    return TypeAdapter(KINDS[kind])


@dataclass(frozen=True)
class Log:
    """The corrections of a run, in the order in which they were made."""

    path: Path
    entries: tuple[Entry, ...] = ()

    def standing(self) -> list[Entry]:
        """Return the corrections that were not taken back, or were made again."""
        state = {e.done.of: e.done.action for e in self.entries if isinstance(e.done, Reversal)}
        return [e for e in self.entries if not isinstance(e.done, Reversal) and state.get(e.id) != "undo"]

    def next_reversal(self, action: Literal["undo", "redo"]) -> Reversal | None:
        """Return what takes back the last correction, or makes the one taken back last again."""
        undone: list[str] = []
        done: list[str] = []
        for entry in self.entries:
            if not isinstance(entry.done, Reversal):
                done, undone = [*done, entry.id], []
            elif entry.done.action == "undo" and entry.done.of in done:
                done.remove(entry.done.of)
                undone.append(entry.done.of)
            elif entry.done.action == "redo" and entry.done.of in undone:
                undone.remove(entry.done.of)
                done.append(entry.done.of)
        left = done if action == "undo" else undone
        return Reversal(action, left[-1]) if left else None

    def apply(self, run: EditedRun) -> tuple[EditedRun, list[tuple[Entry, str]]]:
        """Return a run corrected, and the corrections that do not apply to it, each with the reason."""
        stale = []
        for entry in self.standing():
            assert isinstance(entry.done, Correction)
            try:
                run = corrected(run, entry.done)
            except Needless:
                continue
            except Stale as reason:
                stale.append((entry, str(reason)))
        return run, stale


def corrected(run: EditedRun, correction: Correction) -> EditedRun:
    """Return a copy of a run with a correction applied; ``Stale`` where it does not apply."""
    trial = run.copy()
    correction.apply(trial)
    return trial


def head_of(run: Run) -> dict[str, Any]:
    """Return the first line of a run's log: which movie it is about."""
    return {
        "format": _FORMAT,
        "version": _VERSION,
        "movie": run.movie and Path(run.movie.name).name,
        "movie_sha256": run.movie and run.movie.sha256,
        "field_px": [run.masks.height, run.masks.width],
    }


def read_log(path: Path, run: Run, must_exist: bool = False) -> Log:
    """Read the corrections of a run; none where there is no file, unless there must be one.

    Raises
    ------
    InputError
        Where it is no log, is damaged, or is about another movie; it names the line.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not must_exist:
            return Log(path)
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    whole = _whole_lines(content)
    if len(whole) < len(content):
        warn(f"{path}: its last line is unfinished, as where a process died; it is left out")
    entries = []
    for number, line in enumerate(whole.splitlines(), start=1):
        try:
            record = json.loads(line)
            if number == 1:
                _check_head(record, run)
            else:
                entries.append(Entry.from_json(record))
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path}: line {number} {_shortly(error)}") from error
    return Log(path, tuple(entries))


def append(log: Log, entries: Sequence[Entry], run: Run) -> Log:
    """Write entries behind those of a log, on the disk when this returns; return the log with them.

    Raises
    ------
    OutputError
        Where they cannot be written, or another process wrote meanwhile.
    """
    path = log.path
    with locked(path.parent, _LOCK_NAME, _WAIT_S):
        now = read_log(path, run)
        if [e.id for e in now.entries] != [e.id for e in log.entries]:
            raise OutputError(f"{path}: another process has written into it; reload it and try again")
        lines = [e.to_json() for e in entries]
        try:
            with path.open("ab+") as file:
                file.seek(0)
                n_whole = len(_whole_lines(file.read()))
                file.truncate(n_whole)
                if n_whole == 0:
                    lines = [head_of(run), *lines]
                file.write("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in lines).encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise OutputError(f"{path}: cannot be written: {error.strerror}") from error
    return Log(path, (*log.entries, *entries))


def unknown_to(log: Log, others: Iterable[Entry]) -> list[Entry]:
    """Return the entries that a log does not hold yet."""
    known = {entry.id for entry in log.entries}
    return [entry for entry in others if entry.id not in known]


def _whole_lines(content: bytes) -> bytes:
    return content[: content.rfind(b"\n") + 1]


def _check_head(record: Any, run: Run) -> None:
    own = head_of(run)
    found = (record.get("format"), record.get("version")) if isinstance(record, dict) else None
    if found != (_FORMAT, _VERSION):
        raise ValueError(f"is not the head of a {_FORMAT} file of version {_VERSION}, but {str(record)[:60]}")
    if record.get("field_px") != own["field_px"]:
        raise ValueError(f"tells of frames of {record.get('field_px')} px, the masks have {own['field_px']}")
    ours, theirs = own["movie_sha256"], record.get("movie_sha256")
    if ours and theirs and ours != theirs:
        raise ValueError(f"tells of another movie, {record.get('movie')}; the masks are of {own['movie']}")


def _shortly(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError | RecursionError):
        return f"is no JSON ({error})"
    return str(error)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"
