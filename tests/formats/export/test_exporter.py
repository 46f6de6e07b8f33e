import pytest

from temtrack.errors import OutputError, UsageError
from temtrack.formats.export import Exporter

FOLDER = Exporter(print, contents="a|b")


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
