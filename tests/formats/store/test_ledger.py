import subprocess
import sys

import pytest

from temtrack.errors import OutputError
from temtrack.formats.store.ledger import LEDGER_NAME, Ledger, Record

WRITE = """
import sys
from pathlib import Path
from temtrack.formats.store.ledger import Ledger, Record
file = Ledger(Path(sys.argv[1]))
for i in range(50):
    file.append([Record("track", f"{sys.argv[2]}{i}", "failed", "film.tif", reason="x" * 5000)])
"""


def test_the_last_record_counts_and_commands_are_apart(tmp_path):
    file = Ledger(tmp_path)
    (tmp_path / "a").touch()
    assert file.last("track", "a") is None
    file.append([Record("track", "a", "todo", "a.tif"), Record("track", "b", "todo", "b.tif")])
    file.append([Record("track", "a", "done", "a.tif", key="k", seconds=1.5, result={"tracks": 3})])
    file.append([Record("analyze", "b", "failed", "b", reason="why")])
    assert file.last("track", "a") == Record(
        "track", "a", "done", "a.tif", "k", seconds=1.5, result={"tracks": 3}
    )
    assert [file.last(command, "b").state for command in ("track", "analyze")] == ["todo", "failed"]
    assert Ledger(tmp_path).last("track", "a").state == "done"


def test_a_line_that_was_cut_off_harms_no_other(tmp_path):
    file = Ledger(tmp_path)
    file.append([Record("track", "a", "running", "a.tif")])
    with (tmp_path / LEDGER_NAME).open("a") as torn:
        torn.write('{"command": "track", "output": "a", "st')
    assert file.last("track", "a").state == "running"
    file.append([Record("track", "b", "failed", "b.tif")])
    assert [file.last("track", name).state for name in "ab"] == ["running", "failed"]


def test_processes_that_write_at_once_lose_nothing(tmp_path):
    writers = [subprocess.Popen([sys.executable, "-c", WRITE, tmp_path, name]) for name in "ab"]
    assert [writer.wait() for writer in writers] == [0, 0]
    file = Ledger(tmp_path)
    assert all(file.last("track", f"{name}{i}") for name in "ab" for i in range(50))
    assert [path.name for path in tmp_path.iterdir()] == [LEDGER_NAME]


def test_what_was_done_and_is_gone_counts_as_never_made(tmp_path):
    file = Ledger(tmp_path)
    file.append(
        [Record("segment", name, "done", "b.tif", result={"output": "x/b_mask.tif"}) for name in "bc"]
    )
    file.append([Record("track", "a", "done", "a.tif")])
    (tmp_path / "b_mask.tif").touch()
    assert file.last("segment", "b").state == "done"
    assert file.last("track", "a") is None


def test_a_folder_in_its_place_is_told(tmp_path):
    (tmp_path / LEDGER_NAME).mkdir()
    with pytest.raises(OutputError, match=LEDGER_NAME):
        Ledger(tmp_path).append([Record("track", "a", "todo", "a.tif")])
