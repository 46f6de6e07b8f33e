from pathlib import Path

import numpy as np
import pytest

from temtrack.errors import OutputError
from temtrack.formats.readers.tiff import read_movie
from temtrack.formats.store.tiff_stack import write_image, write_movie
from temtrack.movie import Movie

FRAMES = np.random.default_rng(0).integers(0, 60_000, (3, 8, 12)).astype(np.uint16)


def movie() -> Movie:
    return Movie(Path("made"), 3, 8, 12, FRAMES.dtype, lambda t: FRAMES[t])


def test_frames_and_calibration_come_back(tmp_path):
    write_movie(tmp_path / "m.tif", movie().calibrated(0.21, 2.0))
    read = read_movie(tmp_path / "m.tif")
    assert np.array_equal(np.stack(list(read)), FRAMES)
    assert read.pixel_size.nm == pytest.approx(0.21, rel=1e-6)
    assert read.frame_times.seconds.tolist() == [0, 2, 4]


def test_what_nobody_said_stays_absent(tmp_path):
    write_movie(tmp_path / "m.tif", movie())
    read = read_movie(tmp_path / "m.tif")
    assert read.pixel_size is None
    assert read.frame_times is None


def test_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(OutputError, match="cannot be written"):
        write_movie(tmp_path / "no" / "m.tif", movie())


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint32, np.float32, np.float64])
def test_an_image_comes_back_in_every_bit(tmp_path, dtype):
    image = FRAMES[0].astype(dtype) + dtype(3)
    write_image(tmp_path / "i.tif", image)
    read = read_movie(tmp_path / "i.tif").read_frame(0)
    assert read.dtype == dtype
    np.testing.assert_array_equal(read, image)
