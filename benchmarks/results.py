"""What a benchmark found, as a JSON file from which ``docs/`` makes the page of accuracies.

Each file tells the figures and all that is needed to find them again: data, split, seed, command, commit,
date and machine. A figure that was measured earlier names the commit of its own.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]

#: A row of a table: the columns' titles with the values, in order.
Row = Mapping[str, Any]


@dataclass(frozen=True)
class ResultTable:
    """Rows of equal columns, with a title and sentences (Markdown) that belong to them."""

    title: str
    rows: Sequence[Row]
    note: str = ""


@dataclass(frozen=True)
class BenchmarkResult:
    """What was measured, on what, and how to measure it again."""

    title: str
    data: str
    split: str
    seed: str
    tables: Sequence[ResultTable]
    command: str = field(default_factory=lambda: this_command())
    commit: str = field(default_factory=lambda: this_commit())
    date: str = field(default_factory=lambda: datetime.datetime.now(datetime.UTC).date().isoformat())
    machine: str = field(default_factory=lambda: this_machine())
    note: str = ""


#: Options that only say where the result goes.
_PLACES = ("--json", "--png")


def this_command() -> str:
    """Return the command line of this process, without what only says where things are on this machine."""
    words = iter(sys.argv[1:])
    kept = []
    for word in words:
        if word in _PLACES:
            next(words, None)
        elif not word.startswith(tuple(f"{place}=" for place in _PLACES)):
            kept.append(Path(word).name if Path(word).is_absolute() else word)
    return shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *kept])


def this_commit() -> str:
    """Return the commit of the checkout, marked where something in it differs."""

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    is_changed = git("status", "--porcelain", "--untracked-files=no", "--", "temtrack", "models.toml")
    return git("rev-parse", "--short=7", "HEAD") + (" with changes" if is_changed else "")


def this_machine() -> str:
    """Return what of a machine decides on times and last digits; never its name."""
    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    bf16 = "with" if torch.ops.mkldnn._is_mkldnn_bf16_supported() else "without"
    return (
        f"{os.cpu_count()} cores ({platform.machine()}, {bf16} bfloat16), {gpu}, "
        f"torch {torch.__version__.partition('+')[0]} with {torch.get_num_threads()} threads"
    )


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--json FILE`` to a benchmark's options."""
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the result, for docs/accuracy")


def publish(result: BenchmarkResult, path: Path | None) -> None:
    """Print a result, and write it where a file was asked for."""
    print(to_markdown(result.tables), flush=True)
    if path is not None:
        write_result(path, result)


def write_result(path: Path, result: BenchmarkResult) -> None:
    """Write a result."""
    path.write_text(json.dumps(asdict(result), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_result(path: Path) -> BenchmarkResult:
    """Read a result."""
    facts = json.loads(path.read_text(encoding="utf-8"))
    return BenchmarkResult(**{**facts, "tables": [ResultTable(**table) for table in facts["tables"]]})


def to_markdown(tables: Sequence[ResultTable], title: str = "{}") -> str:
    """Return tables in Markdown, each below its title, written as ``title`` says, and above its note."""
    parts = [part for t in tables for part in (title.format(t.title), _rows(t.rows), t.note) if part]
    return "\n\n".join(parts)


def _rows(rows: Sequence[Row]) -> str:
    names = list(rows[0])
    lines = [names, ["---"] * len(names), *([told(row[name]) for name in names] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def told(value: object) -> str:
    """Return a value as it stands in a table."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}" if abs(value) < 100 else f"{value:.0f}"
    return str(value)
