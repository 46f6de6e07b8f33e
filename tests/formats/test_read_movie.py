import pytest
import tifffile

from temtrack.errors import InputError
from temtrack.formats.readers import read_movie


def make(path, content):
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("missing.tif", None, "no such file"),
        ("empty.tif", b"", "empty"),
        ("empty.mp4", b"", "empty"),
        ("text.tif", b"not an image at all", "does not fit its name"),
        ("text.png", b"not an image at all", "does not fit its name"),
        ("text.mp4", b"not a video at all", "cannot be read as video"),
        ("table.xlsx", b"PK..", r"'.xlsx' is not supported; allowed are .tif"),
        ("README", b"hello", "is not supported; allowed are .tif"),
        ("no*.png", None, "no file matches"),
    ],
)
def test_what_is_no_movie_is_refused_in_one_line(tmp_path, name, content, reason):
    path = tmp_path / name if content is None else make(tmp_path / name, content)
    with pytest.raises(InputError, match=reason) as caught:
        read_movie(path)
    assert "\n" not in str(caught.value)
    assert name in str(caught.value)


def test_folders_without_images_are_refused(tmp_path):
    with pytest.raises(InputError, match="no image; allowed are"):
        read_movie(tmp_path)
    make(tmp_path / "notes.txt", b"500 kx")
    with pytest.raises(InputError, match="no image"):
        read_movie(tmp_path)


def test_content_counts_before_the_name(tmp_path, frames):
    tifffile.imwrite(tmp_path / "movie.tif", frames)
    (tmp_path / "movie.tif").rename(tmp_path / "movie.dat")
    assert read_movie(tmp_path / "movie.dat").n_frames == 12


def test_brackets_in_a_name_are_no_pattern(tmp_path, frames):
    tifffile.imwrite(tmp_path / "movie [1].tif", frames)
    assert read_movie(tmp_path / "movie [1].tif").n_frames == 12
