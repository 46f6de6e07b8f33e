from pathlib import Path

import av
import numpy as np
import pytest

from temtrack.errors import OutputError
from temtrack.formats.readers.tiff import read_movie
from temtrack.formats.store import movies as video_writer
from temtrack.formats.store.movies import write_image, write_movie, write_video
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


def film(n_frames, shape=(33, 47, 3)):
    return [np.full(shape, 20 * t, dtype=np.uint8) for t in range(n_frames)]


def test_frames_sizes_and_rate_come_back(tmp_path):
    write_video(tmp_path / "film.mp4", film(10), frames_per_second=12.5)
    with av.open(str(tmp_path / "film.mp4")) as container:
        frames = list(container.decode(video=0))
        assert container.streams.video[0].average_rate == 12.5
    assert [round(frame.to_ndarray(format="gray").mean() / 20) for frame in frames] == list(range(10))
    assert (frames[0].height, frames[0].width) == (34, 48)


@pytest.mark.parametrize(
    ("frames", "words"),
    [([], "at least one frame"), ([*film(1), *film(1, (33, 50, 3))], r"of shape \(33, 50, 3\)")],
)
def test_no_film_remains_of_frames_that_make_none(tmp_path, frames, words):
    with pytest.raises(ValueError, match=words):
        write_video(tmp_path / "film.mp4", frames, frames_per_second=10)
    assert list(tmp_path.iterdir()) == []


def test_missing_encoder_and_missing_folder_are_one_line(tmp_path, monkeypatch):
    with pytest.raises(OutputError, match="cannot be written"):
        write_video(tmp_path / "nowhere" / "film.mp4", film(1), frames_per_second=10)
    monkeypatch.setattr(video_writer, "CODEC", "h999")
    with pytest.raises(OutputError, match="no encoder h999"):
        write_video(tmp_path / "film.mp4", film(1), frames_per_second=10)
