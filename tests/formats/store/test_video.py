import av
import numpy as np
import pytest

from temtrack.errors import OutputError
from temtrack.formats.store import video as video_writer
from temtrack.formats.store.video import write_video


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
