"""The inputs of a command: many, in natural order, in shards, each with a name of its own for its result."""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from temtrack.errors import InputError, TemtrackError, UsageError


@dataclass(frozen=True)
class Shard:
    """One part of a batch: every ``of``-th input, from the ``number``-th on, counted from 1."""

    number: int
    of: int


@dataclass(frozen=True)
class Input:
    """One input, where it stood among those given, a name for its result that no other input's has.

    ``refusal`` says why the input cannot be, where it cannot.
    """

    path: Path
    index: int
    name: str
    refusal: TemtrackError | None = None


@dataclass(frozen=True)
class Job:
    """One input and the place of its result, ``None`` where it is only shown.

    ``begun`` where an earlier run left a part of the result.
    """

    input: Input
    target: Path | None
    begun: bool = False

    @property
    def source(self) -> Path:
        """What is read."""
        return self.input.path

    @property
    def place(self) -> Path:
        """The target, of a job that has one."""
        assert self.target is not None
        return self.target

    def ending(self, suffix: str) -> Job:
        """Return the job with a file or folder of that suffix as its target."""
        return replace(self, target=self.place.with_name(self.place.name + suffix))


@dataclass(frozen=True)
class Inputs:
    """The inputs that a command works on; of ``many``, each has a place of its own in the output folder."""

    each: tuple[Input, ...]
    n_given: int
    many: bool

    def only(self) -> Path:
        """Return the single input; its refusal is raised where it has one."""
        (single,) = self.each
        if single.refusal is not None:
            raise single.refusal
        return single.path

    def jobs(self, folder: Path | None) -> list[Job]:
        """Return a job for each input; its result gets the input's name in a folder, or beside the input."""
        return [Job(one, (folder or one.path.parent) / one.name) for one in self.each]

    def jobs_inside(self, folder: Path | None) -> list[Job]:
        """Return a job for each input; without a folder, its result goes into the input, which is one."""
        return [Job(one, folder / one.name if folder else one.path) for one in self.each]

    def jobs_without_result(self) -> list[Job]:
        """Return a job for each input that is only shown."""
        return [Job(one, None) for one in self.each]

    def refuse_for_many(self, option: str, value: object) -> None:
        """Refuse an option that is about one input where there are many.

        Raises
        ------
        UsageError
            Where there are, and it is given.
        """
        if self.many and value is not None:
            raise UsageError(f"{option}: is about one input; many were given, run it for each alone")

    def refuse_file(self, out: Path, suffixes: Sequence[str]) -> None:
        """Refuse, as the place for the results of many, a name with the end of a single result's file.

        Raises
        ------
        UsageError
            Where it has one.
        """
        if any(suffix and out.name.lower().endswith(suffix) for suffix in suffixes):
            raise UsageError(
                f"-o {out}: of many inputs each gets a result of its name; give a folder for them"
            )


def parse_shard(text: str) -> Shard:
    """Return the shard that a text such as ``3/16`` names.

    Raises
    ------
    UsageError
        If it names none.
    """
    match = re.fullmatch(r"\s*(\d{1,6})\s*/\s*(\d{1,6})\s*", text)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise UsageError(f"--shard {text!r}: not understood; give K/N with K from 1 to N, as 3/16")
    return Shard(int(match[1]), int(match[2]))


def gather(
    words: Sequence[str],
    shard: Shard | None = None,
    expand: Callable[[str], Iterable[Path]] | None = None,
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
        If the list on stdin is empty.
    UsageError
        If the results of two would be called the same.
    """
    from temtrack.formats.store.batch_file import BATCH_NAME  # it lies among results, which `out/*` names

    found: dict[Path, TemtrackError | None] = {}
    for word in _with_stdin(words):
        try:
            found |= dict.fromkeys([Path(word)] if expand is None else expand(word))
        except TemtrackError as error:
            found[Path(word)] = error
    if not found:
        raise InputError("no input: the list on stdin is empty")
    paths = _sorted([path for path in found if path.name != BATCH_NAME])
    names = _names_by_folder(paths) if beside else dict(zip(paths, tell_apart(paths), strict=True))
    order = {path: index for index, path in enumerate(found)}
    inputs = [Input(path, order[path], names[path], found[path]) for path in paths]
    each = inputs if shard is None else inputs[shard.number - 1 :: shard.of]
    return Inputs(tuple(each), len(inputs), many=len(inputs) > 1 or "-" in words or shard is not None)


def _sorted(paths: list[Path]) -> list[Path]:
    if len(paths) < 2:
        return paths  # most commands: they start sooner without the library
    from natsort import natsorted

    return natsorted(paths, key=str)


def _with_stdin(words: Sequence[str]) -> list[str]:
    """Put the lines of stdin, or what NULs part there, in the place of ``-``."""
    if "-" not in words:
        return list(words)
    text = sys.stdin.read()
    listed = text.split("\0") if "\0" in text else text.splitlines()
    return [word for word in words if word != "-"] + [line for line in listed if line.strip()]


def _names_by_folder(paths: Sequence[Path]) -> dict[Path, str]:
    folders: dict[Path, list[Path]] = defaultdict(list)
    for path in paths:
        folders[path.parent].append(path)
    return {
        p: name for beside in folders.values() for p, name in zip(beside, tell_apart(beside), strict=True)
    }


def tell_apart(paths: Sequence[Path]) -> list[str]:
    """Return a name for each path: its stem, and where stems are equal what comes before or behind it too.

    ``a/film.mp4`` and ``b/film.mp4`` become ``a_film`` and ``b_film``; ``film.avi`` and ``film.mp4`` become
    ``film_avi`` and ``film_mp4``. Upper and lower case count as equal, as some file systems hold them.

    Raises
    ------
    UsageError
        If two get the same name nevertheless.
    """
    names = [_stem(path) for path in paths]
    for group in _equal(names):
        longer = _first_distinct([paths[i].resolve() for i in group])
        for i, name in zip(group, longer, strict=True):
            names[i] = name
    for group in _equal(names):
        told = ", ".join(str(paths[i]) for i in group)
        raise UsageError(f"{told}: results of both would be called {names[group[0]]}; rename one of them")
    return names


def _first_distinct(paths: Sequence[Path]) -> list[str]:
    """Return the shortest names that differ: with the suffix, with a folder, with both, with two folders."""
    for n_folders in range(max(len(path.parts) for path in paths)):
        for with_suffix in (False, True):
            names = [_name(path, n_folders, with_suffix) for path in paths]
            if not _equal(names):
                return names
    return names


def _name(path: Path, n_folders: int, with_suffix: bool) -> str:
    folders = path.parts[1:-1][-n_folders:] if n_folders else ()
    return "_".join([*folders, path.name.replace(".", "_") if with_suffix else _stem(path)])


def _stem(path: Path) -> str:
    return path.resolve().name if path.is_dir() else path.stem


def _equal(names: Sequence[str]) -> list[list[int]]:
    """Return the indices of names that are equal, group by group."""
    groups: dict[str, list[int]] = defaultdict(list)
    for i, name in enumerate(names):
        groups[name.casefold()].append(i)
    return [group for group in groups.values() if len(group) > 1]
