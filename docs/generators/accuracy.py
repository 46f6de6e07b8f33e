"""The page of accuracies, from the results that the benchmarks wrote."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

from results import BenchmarkResult, read_result, to_markdown  # noqa: E402

GATE = ROOT / "tests" / "accuracy" / "recorded.json"

#: The order of the page; what is not named here comes last.
ORDER = (
    "segmentation",
    "low-dose",
    "paper-tiles",
    "large-image",
    "tracking",
    "linking",
    "merges",
    "merges-segmented",
    "confidence",
    "kinetics",
    "kinetics-of-movies",
    "kinetics-of-movies-effsam",
    "kinetics-of-faults",
    "kinetics-cost",
    "kinetics-of-platinum",
)


def write() -> str:
    """Return a section for each result."""
    files = sorted((ROOT / "docs" / "accuracy").glob("*.json"), key=_place)
    results = [read_result(path) for path in (*files, GATE)]
    return "\n\n".join(part for result in results for part in section(result))


def section(result: BenchmarkResult) -> Iterator[str]:
    """Yield the parts of a result's section."""
    yield f"## {result.title}"
    yield to_markdown(result.tables, title="**{}**")
    facts = {
        "Data": result.data,
        "Split": result.split,
        "Seed": result.seed,
        "Command": f"`{result.command}`",
        "Commit": result.commit,
        "Date": result.date,
        "Machine": result.machine,
        "Note": result.note,
    }
    lines = [f"    - {name}: {value}" for name, value in facts.items() if value not in ("", "-")]
    yield "\n".join(['??? note "How it was measured"', "", *lines])


def _place(path: Path) -> tuple[int, str]:
    return ORDER.index(path.stem) if path.stem in ORDER else len(ORDER), path.stem
