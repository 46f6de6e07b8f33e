import pytest

from temtrack.errors import OutputError, UsageError
from temtrack.formats.export.exporter import Exporter, whole_folder

FOLDER = Exporter(print, contents="a|b")


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
def test_an_unfinished_one_leaves_nothing_and_the_older_one_stays(tmp_path, stop):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a").write_text("old")
    with pytest.raises(stop), whole_folder(tmp_path / "out") as part:
        fail_halfway(part, stop)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out/a").read_text() == "old"


def test_it_takes_the_place_of_an_older_one(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a").write_text("old")
    with whole_folder(tmp_path / "out") as part:
        (part / "b").write_text("new")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["b"]


def test_a_full_disk_is_one_error(tmp_path):
    with pytest.raises(OutputError, match="No space left"), whole_folder(tmp_path / "out"):
        raise OSError(28, "No space left on device")


def test_only_an_earlier_export_is_replaced(tmp_path):
    FOLDER.check_target(tmp_path / "new", force=False)
    FOLDER.check_target(tmp_path, force=False)  # empty
    (tmp_path / "a").touch()
    with pytest.raises(OutputError, match="--force"):
        FOLDER.check_target(tmp_path, force=False)
    FOLDER.check_target(tmp_path, force=True)
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(OutputError, match=r"holds thesis\.tex"):
        FOLDER.check_target(tmp_path, force=True)
    with pytest.raises(OutputError, match="is a file"):
        FOLDER.check_target(tmp_path / "a", force=True)


def test_a_file_has_the_end_that_readers_go_by(tmp_path):
    target = Exporter(print, (".ome.tif", ".ome.tiff"))
    target.check_target(tmp_path / "x.OME.TIF", force=False)
    with pytest.raises(UsageError, match=r"ends in \.ome\.tif or \.ome\.tiff"):
        target.check_target(tmp_path / "x.tif", force=False)
    (tmp_path / "x.ome.tif").touch()
    with pytest.raises(OutputError, match="--force"):
        target.check_target(tmp_path / "x.ome.tif", force=False)
