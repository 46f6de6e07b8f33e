import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from temtrack.errors import BusyError, OutputError
from temtrack.formats.store.atomic import (
    LOCK_NAME,
    check_output_file,
    check_output_folder,
    locked,
    remove_leftovers,
    whole_file,
    whole_folder,
)


def test_a_file_appears_whole(tmp_path):
    path = tmp_path / "table.csv"
    with whole_file(path) as part:
        part.write_text("done")
        assert part.suffix == ".csv"
        assert not path.exists()
    assert path.read_text() == "done"
    assert list(tmp_path.iterdir()) == [path]
    assert path.stat().st_mode & 0o044  # as readable for others as any new file


@pytest.mark.parametrize("interruption", [ValueError, KeyboardInterrupt])
def test_an_interruption_leaves_the_old_file(tmp_path, interruption):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(interruption), whole_file(path) as part:  # noqa: PT012 - the block is the test
        part.write_text("half")
        raise interruption
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_ends_in_one_line(tmp_path):
    with (
        pytest.raises(OutputError, match=r"table\.csv: cannot be written: No space left"),
        whole_file(tmp_path / "table.csv"),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert not any(tmp_path.iterdir())


def test_a_missing_folder_ends_in_one_line(tmp_path):
    with pytest.raises(OutputError, match="No such file"), whole_file(tmp_path / "none" / "table.csv"):
        pytest.fail("the block must not run")


def test_output_folder_is_made_and_must_be_empty(tmp_path):
    folder = tmp_path / "a" / "b"
    check_output_folder(folder, force=False)
    check_output_folder(folder, force=False)
    assert not any(folder.iterdir())
    (folder / "mask0000.tif").touch()
    with pytest.raises(OutputError, match="not empty; give --force"):
        check_output_folder(folder, force=False)
    check_output_folder(folder, force=True)
    assert (folder / "mask0000.tif").exists()


def test_what_cannot_be_an_output_folder_is_refused(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="is a file"):
        check_output_folder(tmp_path / "file", force=True)
    with pytest.raises(OutputError, match="cannot be written"):
        check_output_folder(tmp_path / "file" / "below", force=True)

    def refuse(*args, **kwargs):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "mkdir", refuse)  # root may write anywhere, so no real read-only folder
    with pytest.raises(OutputError, match="Permission denied"):
        check_output_folder(tmp_path / "locked", force=False)


def test_output_file_is_not_overwritten_without_force(tmp_path):
    path = tmp_path / "report.html"
    check_output_file(path, force=False)
    path.touch()
    check_output_file(path, force=True)
    with pytest.raises(OutputError, match="exists already; give --force"):
        check_output_file(path, force=False)
    with pytest.raises(OutputError, match="is a folder"):
        check_output_file(tmp_path, force=True)


def test_leftovers_of_one_file_are_its_own(tmp_path):
    for name in ("a.tif", "b.tif", "ä" * 100 + ".tif"):
        with whole_file(tmp_path / name) as part:
            (tmp_path / part.name.replace(part.suffix, "-of-a-killed-process.tif")).touch()
    remove_leftovers(tmp_path, "a.tif")
    left = {path.name.startswith(".writing-") for path in tmp_path.iterdir()}
    assert left == {True, False}
    assert len(list(tmp_path.glob(".writing-*"))) == 2
    remove_leftovers(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tif", "b.tif", "ä" * 100 + ".tif"]


HOLD = """
import sys, time
from pathlib import Path
from temtrack.formats.store.atomic import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_another_process_is_refused_until_the_holder_is_gone_however_it_went(tmp_path):
    holder = subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE, text=True)
    with holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(BusyError, match="another process is writing into it"), locked(tmp_path):
            pass
        holder.kill()
    assert (tmp_path / LOCK_NAME).exists()  # left by the dead, and held by nobody
    with locked(tmp_path):
        pass
    assert not any(tmp_path.iterdir())


def test_it_is_given_back_where_the_work_fails(tmp_path):
    with pytest.raises(ZeroDivisionError), locked(tmp_path / "new"):
        raise ZeroDivisionError
    with locked(tmp_path / "new"):
        pass


def test_a_place_that_cannot_be_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"), locked(tmp_path / "file" / "below"):
        pass


def fail_halfway(part, stop):
    (part / "a").write_text("new")
    raise stop


def test_a_folder_appears_whole(tmp_path):
    with whole_folder(tmp_path / "out") as part:
        (part / "a").write_text("1")
        assert not (tmp_path / "out").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out/a").read_text() == "1"


@pytest.mark.parametrize("stop", [ValueError, KeyboardInterrupt])
def test_an_unfinished_folder_leaves_nothing_and_the_older_one_stays(tmp_path, stop):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a").write_text("old")
    with pytest.raises(stop), whole_folder(tmp_path / "out") as part:
        fail_halfway(part, stop)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out/a").read_text() == "old"


def test_a_folder_takes_the_place_of_an_older_one(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a").write_text("old")
    with whole_folder(tmp_path / "out") as part:
        (part / "b").write_text("new")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["b"]


def test_a_full_disk_is_one_error_for_a_folder(tmp_path):
    with pytest.raises(OutputError, match="No space left"), whole_folder(tmp_path / "out"):
        raise OSError(28, "No space left on device")
