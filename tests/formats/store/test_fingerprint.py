import pytest

from temtrack.errors import InputError
from temtrack.formats.store.fingerprint import fingerprint


def files(folder, **contents):
    folder.mkdir()
    for name, content in contents.items():
        (folder / name).write_text(content)
    return sorted(folder.iterdir())


def test_a_copy_has_the_same_fingerprint_and_a_change_another(tmp_path):
    original = fingerprint(files(tmp_path / "a", x="1", y="2"))
    assert fingerprint(files(tmp_path / "b", x="1", y="2")) == original
    assert fingerprint(files(tmp_path / "c", x="1", y="3")) != original
    assert fingerprint(files(tmp_path / "d", x="1", z="2")) != original


def test_a_file_that_is_gone_is_named(tmp_path):
    with pytest.raises(InputError, match=r"gone\.tif: cannot be read"):
        fingerprint([tmp_path / "gone.tif"])
