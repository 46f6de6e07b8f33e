import json
from pathlib import Path

import numpy as np

from temtrack.cli import output

ROWS = [
    {
        "input": Path("a.tif"),
        "mean_diameter_nm": 4.25,
        "dose_rate_e_px_s": 8.0,
        "merged": True,
        "parent_ids": [1, 2],
        "note": None,
    },
    {"input": Path("b" * 120 + ".tif"), "mean_diameter_nm": float("nan"), "merged": False, "parent_ids": []},
]


def test_a_table_in_a_pipe_breaks_no_cell_and_names_units(capsys):
    output.show_rows(ROWS, as_json=False)
    shown = capsys.readouterr()
    assert "mean diameter (nm)" in shown.out
    assert "dose rate (e/px/s)" in shown.out
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
