"""The benchmarks can be started, and what one writes tells how to measure it again."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
#: What benchmarks share, and is none itself.
PARTS = {"disturbances", "endings", "kinetics_apart", "law_movies", "results", "rivals", "seen"}
SCRIPTS = sorted(path.stem for path in BENCHMARKS.glob("*.py") if path.stem not in PARTS)

#: Imports all scripts in one process, where each of them alone would begin torch anew.
IMPORT_ALL = """
import importlib, sys
sys.path[:0] = sys.argv[1:3]
for name in sys.argv[3:]:
    importlib.import_module(name)
"""


def test_all_of_them_can_be_imported():
    names = [name for name in SCRIPTS if name != "merges" or find_spec("laptrack")]
    words = [BENCHMARKS, BENCHMARKS.parent / "tests", *names]
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, *words], cwd=BENCHMARKS.parent, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", SCRIPTS)
def test_each_can_write_its_result(name):
    text = (BENCHMARKS / f"{name}.py").read_text(encoding="utf-8")
    assert "add_json_option(" in text or "write_result(" in text


def test_a_result_says_how_to_measure_it_again(tmp_path):
    words = ["--side", "32", "--dims", "4", "--repeats", "1", "--threads", "1"]
    done = subprocess.run(
        [sys.executable, BENCHMARKS / "scan.py", *words, "--json", tmp_path / "scan.json"],
        cwd=BENCHMARKS.parent,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads((tmp_path / "scan.json").read_text(encoding="utf-8"))
    assert told["command"] == f"python benchmarks/scan.py {' '.join(words)}"
    assert len(told["commit"].split()[0]) >= 7
    assert "cores" in told["machine"]
    assert [row["scan"] for row in told["tables"][0]["rows"]] == ["chunked", "step by step"]
    assert "| channels | scan |" in done.stdout
