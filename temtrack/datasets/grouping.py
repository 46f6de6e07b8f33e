"""Which tiles are kept, what stands together on one side of the split, and which groups on the test side.

What stands together are the frames of a source, a folder, or what a rule says.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from temtrack.datasets.sources import Source
from temtrack.errors import InputError, UsageError
from temtrack.formats.decoding import refused_as
from temtrack.formats.store.tables import read_table

#: Gives the group of a frame of a source.
GroupOf = Callable[[Source, int], str]

_TABLE = re.compile(r"(?P<path>.+\.(?:csv|parquet)):(?P<column>[^:]+)", re.IGNORECASE)
_ALLOWED = (
    "allowed are source, folder, frame, TABLE.csv:COLUMN, or a regular expression with one group, as '^(.+)_'"
)


def grouping(rule: str) -> GroupOf:
    r"""Return what a rule means.

    Parameters
    ----------
    rule
        ``source``: all frames of a file. ``folder``: all files of a folder. ``frame``: each frame for itself,
        though frames of a movie look alike. ``TABLE.csv:COLUMN`` (or ``.parquet``): the entry of the row
        whose first column names the file. Otherwise a regular expression, searched for in the source's
        name, whose one group is the answer: ``^(.+)_\d+$``.

    Raises
    ------
    UsageError
        If the rule means nothing.
    InputError
        If the table lacks the column. Later, for a source that the table or the expression does not know.
    """
    if rule in _PLAIN:
        return _PLAIN[rule]
    table = _TABLE.fullmatch(rule)
    return _by_table(Path(table["path"]), table["column"]) if table else _by_pattern(rule)


_PLAIN: dict[str, GroupOf] = {
    "source": lambda source, frame: source.name,
    "folder": lambda source, frame: str(source.images.parent),
    "frame": lambda source, frame: f"{source.name} frame {frame}",
}


def _by_pattern(rule: str) -> GroupOf:
    try:
        pattern = re.compile(rule)
    except re.error as error:
        raise UsageError(f"--group-by {rule!r}: is no regular expression ({error}); {_ALLOWED}") from error
    if pattern.groups != 1:
        raise UsageError(f"--group-by {rule!r}: not understood; {_ALLOWED}")

    def group_of(source: Source, frame: int) -> str:
        match = pattern.search(source.name)
        if match is None or match[1] is None:
            raise InputError(
                f"{source.images}: --group-by {rule!r} finds nothing in the name {source.name!r}"
            )
        return match[1]

    return group_of


def _by_table(path: Path, column: str) -> GroupOf:
    if not path.is_file():
        raise InputError(f"{path}: there is no such table for --group-by; check the name")
    if path.suffix.lower() == ".parquet":
        table = read_table(path)
    else:
        with refused_as(f"{path}: cannot be read as a table"):
            table = pd.read_csv(path, dtype=str)
    if column not in table.columns[1:]:
        raise InputError(
            f"{path}: has no column {column!r} beside the first, which names the files; "
            f"allowed are {', '.join(map(str, table.columns[1:]))}"
        )
    groups = dict(zip(table.iloc[:, 0].astype(str), table[column].astype(str), strict=True))

    def group_of(source: Source, frame: int) -> str:
        for name in (source.images.name, source.images.stem, source.name):
            if name in groups:
                return groups[name]
        raise InputError(f"{source.images}: {path} has no row for it; add {source.images.name!r}")

    return group_of


def choose_test_groups(groups: Sequence[str], test_fraction: float, rng: np.random.Generator) -> set[str]:
    """Choose whole groups for the test side, given that of each tile.

    ``test_fraction`` in [0, 1) is the share of the tiles wanted there; it is met as near as a random order of
    groups allows. Either side has at least one group where there are two.
    """
    sizes = Counter(groups)
    if test_fraction == 0 or len(sizes) < 2:
        return set()
    wanted, n_test, chosen = test_fraction * len(groups), 0, set[str]()
    names = sorted(sizes)
    for i in rng.permutation(len(names)):
        size = sizes[names[i]]
        nearer = abs(n_test + size - wanted) < abs(n_test - wanted)
        if nearer and len(chosen) + 1 < len(names):
            chosen.add(names[i])
            n_test += size
    return chosen or {min(names, key=lambda name: sizes[name])}


def thin_out(is_empty: Sequence[bool], fraction: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Tell which tiles to keep, (N,) bool: those with particles, and a random ``fraction`` of the others."""
    keep = ~np.asarray(is_empty, bool)
    empty = np.flatnonzero(~keep)
    keep[rng.permutation(empty)[: round(fraction * len(empty))]] = True
    return keep
