"""Damage valid files of every kind and read them: none may crash, hang or end in a traceback.

Run ``PYTHONPATH=tests python benchmarks/fuzz.py --files 20000``. A fault is printed with the seed that makes
its file again: ``--first SEED --files 1``.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path

from damage.corpus import write_corpus
from damage.fuzzing import try_files
from results import BenchmarkResult, ResultTable, add_json_option, publish


def main() -> int:
    """Damage files and tell what came of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    add_json_option(parser)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        samples = write_corpus(Path(folder), with_real=True)
    begun = time.monotonic()
    verdicts: Counter[str] = Counter()
    for outcome in try_files(samples, range(arguments.first, arguments.first + arguments.files)):
        verdicts[outcome.verdict] += 1
        if outcome.is_fault:
            print(
                f"seed {outcome.seed} {outcome.sample} {outcome.verdict}: {outcome.told.strip()[-400:]}",
                flush=True,
            )
    print(f"{time.monotonic() - begun:.0f} s")
    rows = [{"outcome": verdict, "files": n} for verdict, n in sorted(verdicts.items())]
    result = BenchmarkResult(
        title="Damaged files",
        data=f"{sum(verdicts.values())} damaged copies of {len(samples)} kinds of files",
        split="-",
        seed=f"from {arguments.first} on",
        tables=[ResultTable("What reading them ends in: refused is one line that says why", rows)],
    )
    publish(result, arguments.json)
    return int(bool(verdicts.keys() - {"read", "refused"}))


if __name__ == "__main__":
    raise SystemExit(main())
