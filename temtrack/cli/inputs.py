"""The inputs of a command: many, in natural order, in shards, each with a name of its own for its result."""

from __future__ import annotations

import glob
import os
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from temtrack.errors import InputError, TemtrackError, UsageError
from temtrack.formats.locations import Url, as_path
from temtrack.pipeline.request import Request

#: Bytes that stand in no list of paths and soon come in any image or movie.
_CONTROLS = frozenset(range(32)) - frozenset(b"\0\t\n\r")

_PROBED_BYTES = 1 << 16


@dataclass(frozen=True)
class Job:
    """One input and the place of its result.

    Parameters
    ----------
    source
        What is read.
    name
        A name for the result that no other input's has.
    index
        Where the input stood among those given, from 0 on.
    refusal
        Why the input cannot be, where it cannot.
    alone
        Whether it is the only input, so that messages need not name it.
    target
        Place of the result; ``None`` where it is only shown.
    request
        How a stage is asked to do it.
    """

    source: Path
    name: str
    index: int = 0
    refusal: TemtrackError | None = None
    alone: bool = True
    target: Path | None = None
    request: Request = field(default_factory=Request)

    @property
    def place(self) -> Path:
        """The target, of a job that has one."""
        assert self.target is not None
        return self.target


@dataclass(frozen=True)
class Inputs:
    """The inputs of a command, of ``n_given`` those of its shard; of ``many``, each has its own result."""

    jobs: tuple[Job, ...]
    n_given: int
    many: bool

    def as_one(self) -> Inputs:
        """Return the first of them alone, in whose place all have one result."""
        return Inputs(tuple(replace(job, alone=True) for job in self.jobs[:1]), self.n_given, many=False)

    def refuse_for_many(self, option: str, value: object) -> None:
        """Refuse an option that is about one input where there are many.

        Raises
        ------
        UsageError
            Where there are, and it is given.
        """
        if self.many and value is not None:
            raise UsageError(f"{option}: is about one input; many were given, run it for each alone")

    def refuse_file_for_many(self, out: Path, suffixes: Sequence[str]) -> None:
        """Refuse, as the place for the results of many, a name with the end of a single result's file.

        Raises
        ------
        UsageError
            Where there are many, and it has one.
        """
        if self.many and any(suffix and out.name.lower().endswith(suffix) for suffix in suffixes):
            raise UsageError(
                f"-o {out}: of many inputs each gets a result of its name; give a folder for them"
            )


def parse_shard(text: str) -> slice:
    """Return which of all inputs ``3/16`` stands for: every 16th from the third on.

    Raises
    ------
    UsageError
        If the text is no such shard.
    """
    match = re.fullmatch(r"\s*(\d{1,6})\s*/\s*(\d{1,6})\s*", text)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise UsageError(f"--shard {text!r}: not understood; give K/N with K from 1 to N, as 3/16")
    return slice(int(match[1]) - 1, None, int(match[2]))


def find_path(word: str) -> list[Path]:
    """Return the path that a word is; whether a pattern stands for anything is told where it is read.

    Raises
    ------
    InputError
        If there is no such file or folder.
    """
    path = as_path(word)
    if not (path.exists() or isinstance(path, Url) or glob.has_magic(word)):
        raise InputError(f"{path}: there is no such file or folder; check the name")
    return [path]


def gather(
    words: Sequence[str],
    shard: slice | None = None,
    expand: Callable[[str], Iterable[Path]] = find_path,
    *,
    beside: bool = False,
) -> Inputs:
    """Return the inputs that words name: paths, and ``-`` for a list of paths on stdin.

    They stand in natural order, which is the same on every machine; of a shard, every n-th of all. An input
    that is named twice counts once. ``expand`` tells which files a word stands for. Where results lie
    ``beside`` inputs, names need to be different within a folder only.

    Raises
    ------
    InputError
        If the list on stdin is empty, or no list.
    UsageError
        If the results of two would be called the same.
    """
    from temtrack.formats.store.ledger import LEDGER_NAME  # the help of all commands starts without it

    found: dict[Path, TemtrackError | None] = {}
    for word in _with_stdin(words):
        try:
            found |= dict.fromkeys(expand(word))
        except TemtrackError as error:
            found[as_path(word)] = error
    if not found:
        raise InputError("no input: the list on stdin is empty")
    order = {path: index for index, path in enumerate(found)}
    paths = [path for path in found if path.name != LEDGER_NAME]  # which `out/*` names too
    if len(paths) > 1:
        from natsort import natsorted  # one input starts sooner without it

        paths = natsorted(paths, key=str)
    many = len(paths) > 1 or "-" in words or shard is not None
    named = zip(paths, tell_apart(paths, beside=beside), strict=True)
    jobs = [Job(path, name, order[path], found[path], alone=not many) for path, name in named]
    return Inputs(tuple(jobs[shard or slice(None)]), len(jobs), many)


def _with_stdin(words: Sequence[str]) -> list[str]:
    """Put the lines of stdin, or what NULs part there, in the place of ``-``."""
    if "-" not in words:
        return list(words)
    start = sys.stdin.buffer.read(_PROBED_BYTES)
    if not _CONTROLS.isdisjoint(start):
        raise InputError(
            "-: what comes on stdin is no text; - stands for a list of paths there, one a line, "
            "not for an image or movie itself: give its name in place of -"
        )
    text = os.fsdecode(start + sys.stdin.buffer.read())
    listed = text.split("\0") if "\0" in text else text.splitlines()
    return [word for word in words if word != "-"] + [line for line in listed if line.strip()]


def tell_apart(paths: Sequence[Path], *, beside: bool = False) -> list[str]:
    """Return a name for each path: its stem, and where stems are equal what comes before or behind it too.

    ``a/film.mp4`` and ``b/film.mp4`` become ``a_film`` and ``b_film``, unless results lie ``beside`` them;
    ``film.avi`` and ``film.mp4`` become ``film_avi`` and ``film_mp4``. Upper and lower case count as equal,
    as some file systems hold them.

    Raises
    ------
    UsageError
        If two get the same name nevertheless.
    """
    folders = [path.parent if beside else None for path in paths]
    names = [_stem(path) for path in paths]
    for group in _equal(names, folders):
        for i, name in zip(group, _longer_names([paths[i].resolve() for i in group]), strict=True):
            names[i] = name
    for group in _equal(names, folders):
        told = ", ".join(str(paths[i]) for i in group)
        raise UsageError(f"{told}: results of both would be called {names[group[0]]}; rename one of them")
    return names


def _longer_names(paths: Sequence[Path]) -> list[str]:
    """Return names with the folders in which the paths differ, and, where they do not, with the suffix."""
    folders = [path.parent.relative_to(path.anchor) for path in paths]
    n_common = len(Path(os.path.commonpath(folders)).parts)
    places = [folder.parts[n_common:] for folder in folders]
    for names in ([_stem(path) for path in paths], [path.name.replace(".", "_") for path in paths]):
        longer = ["_".join([*place, name]) for place, name in zip(places, names, strict=True)]
        if len(set(longer)) == len(longer):
            break
    return longer


def _stem(path: Path) -> str:
    name = path.resolve().name if path.is_dir() else path.name if path.suffix == ".zarr" else path.stem
    return name.removesuffix(".zarr").removesuffix(".ome")


def _equal(names: Sequence[str], folders: Sequence[Path | None]) -> list[list[int]]:
    """Return the indices of names that are equal and lie in one folder, group by group."""
    groups: dict[tuple[Path | None, str], list[int]] = defaultdict(list)
    for i, (folder, name) in enumerate(zip(folders, names, strict=True)):
        groups[folder, name.casefold()].append(i)
    return [group for group in groups.values() if len(group) > 1]
