"""What has become of each input of many: a line of JSON for each change, appended, the last one counts.

The file lies in the folder of the results. Lines are written under a lock and never changed, so that any
number of processes share one file; a line that a killed process left unfinished is passed over.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from temtrack.errors import InputError, OutputError
from temtrack.formats.store.atomic import locked

LEDGER_NAME = "batch.jsonl"

State = Literal["todo", "running", "done", "failed"]

_LOCK_NAME = ".batch.lock"
_WAIT_S = 60.0


@dataclass(frozen=True)
class Record:
    """What became of one input.

    Parameters
    ----------
    command
        Which command works on it, as ``track``.
    output
        Name of its result in the folder of the file; with `command` it tells which input this is.
    state
        ``running`` stays where the process died.
    input
        What was read.
    key
        Hash of all that decides on the result: input, parameters, models, version.
    reason
        Why it failed.
    seconds
        How long it took.
    process
        Host and number of the process that wrote this.
    result
        What the command shows of it.
    """

    command: str
    output: str
    state: State
    input: str
    key: str | None = None
    reason: str | None = None
    seconds: float | None = None
    process: str = field(default_factory=lambda: f"{platform.node()}:{os.getpid()}")
    result: Mapping[str, object] = field(default_factory=dict)


class Ledger:
    """The ledger of a folder of results.

    Raises
    ------
    InputError
        Where it is there and cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / LEDGER_NAME
        self._n_bytes_read = 0
        self._last: dict[tuple[str, str], Record] = {}

    def last(self, command: str, output: str) -> Record | None:
        """Return the newest record of an input; what other processes wrote meanwhile counts.

        Of a result that is no longer there is none: it counts as never made.
        """
        self._read_on()
        record = self._last.get((command, output))
        if record is None or record.state != "done":
            return record
        result = Path(str(record.result.get("output", output)))
        return record if (self.folder / result.name).exists() else None

    def append(self, records: Iterable[Record]) -> None:
        """Write records behind those that are there.

        Raises
        ------
        OutputError
            If they cannot be written.
        """
        told = ({name: v for name, v in asdict(one).items() if v not in (None, {})} for one in records)
        lines = "".join(json.dumps(facts, ensure_ascii=False) + "\n" for facts in told)
        with locked(self.folder, _LOCK_NAME, _WAIT_S):
            try:
                with self._path.open("ab+") as file:
                    if file.tell():
                        file.seek(-1, os.SEEK_END)
                        lines = lines if file.read(1) == b"\n" else "\n" + lines
                    file.write(lines.encode(errors="backslashreplace"))  # of names not in UTF-8
            except OSError as error:
                raise OutputError(f"{self._path}: cannot be written: {error.strerror}") from error

    def _read_on(self) -> None:
        """Take in what was appended since the last reading, up to the last whole line."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._n_bytes_read)
                new = file.read()
        except FileNotFoundError:
            return
        except OSError as error:
            raise InputError(f"{self._path}: cannot be read: {error.strerror}") from error
        whole = new[: new.rfind(b"\n") + 1]
        self._n_bytes_read += len(whole)
        for line in whole.splitlines():
            if record := _parse(line):
                self._last[record.command, record.output] = record


def _parse(line: bytes) -> Record | None:
    try:
        record = Record(**json.loads(line))
    except (ValueError, TypeError, RecursionError):
        return None
    return record if isinstance(record.command, str) and isinstance(record.output, str) else None
