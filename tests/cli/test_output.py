import io
import json
import time
from pathlib import Path

import numpy as np
from rich.console import Console

from temtrack.cli import output

ROWS = [
    {"input": Path("a.tif"), "mean_diameter_nm": 4.25, "merged": True, "parent_ids": [1, 2], "note": None},
    {"input": Path("b" * 120 + ".tif"), "mean_diameter_nm": float("nan"), "merged": False, "parent_ids": []},
]


def test_a_table_in_a_pipe_breaks_no_cell_and_names_units(capsys):
    output.show_rows(ROWS, as_json=False)
    shown = capsys.readouterr()
    assert "mean diameter (nm)" in shown.out
    assert "b" * 120 + ".tif" in shown.out
    assert "4.25" in shown.out
    assert "1, 2" in shown.out
    assert "note" not in shown.out
    assert shown.err == ""


def test_json_is_plain_and_missing_is_null(capsys):
    output.show_rows(ROWS, as_json=True)
    rows = json.loads(capsys.readouterr().out)
    assert rows[0] == {**ROWS[0], "input": "a.tif"}
    assert rows[1]["mean_diameter_nm"] is None
    output.show_json({"counts": np.arange(3), "share": np.float32(0.5), "long": "x" * 300})
    assert json.loads(capsys.readouterr().out) == {"counts": [0, 1, 2], "share": 0.5, "long": "x" * 300}


def test_messages_go_to_stderr_in_one_line_each(capsys):
    output.warn("nothing found in [a].tif")
    output.fail("cannot\nread")
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == "temtrack: warning: nothing found in [a].tif\ntemtrack: error: cannot read\n"


def test_progress_leaves_no_trace_outside_a_terminal(capsys):
    assert list(output.with_progress(iter("abc"), "letters", total=3)) == ["a", "b", "c"]
    shown = capsys.readouterr()
    assert shown.out == shown.err == ""


def test_progress_in_a_terminal_shows_the_rate_and_counts_what_was_done_before(monkeypatch):
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=100)
    monkeypatch.setattr(output, "_MESSAGES", console)
    for _ in output.with_progress(range(6, 10), "tracking", total=10, unit="frames"):
        time.sleep(0.12)  # bars are drawn ten times a second
    assert "frames/s" in written.getvalue()
    assert "6/10" in written.getvalue()
    assert "10/10" in written.getvalue()
