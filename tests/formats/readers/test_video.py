import numpy as np
import pytest

from temtrack.errors import InputError
from temtrack.formats.readers import read_movie
from temtrack.formats.readers.video import _Decoder

CASES = {
    "b-frames.mp4": ("libx264", "yuv420p", {"bf": "2", "g": "5"}),
    "b-frames.avi": ("libx264", "yuv420p", {"bf": "2", "g": "5"}),
    "packed.avi": ("mpeg4", "yuv420p", {"bf": "2", "g": "5"}),
    "grey.mkv": ("ffv1", "gray", {}),
    "colour.mov": ("png", "rgb24", {}),
    "vp9.webm": ("libvpx-vp9", "yuv420p", {}),
}


def number_of(frame):
    """Return the number that the brightness of a frame of the fixture tells."""
    return round((float(frame.mean()) - 10) / 20)


@pytest.mark.parametrize("name", CASES)
def test_frames_come_exactly_in_any_order(write_video, frames, name):
    codec, pix_fmt, options = CASES[name]
    movie = read_movie(write_video(name, frames, codec, pix_fmt, **options))
    assert (movie.n_frames, movie.height, movie.width) == frames.shape
    assert [number_of(frame) for frame in movie] == list(range(12))
    for t in (7, 3, 4, 11, 0, 9):
        assert number_of(movie.read_frame(t)) == t
    np.testing.assert_allclose(movie.frame_times.seconds, 0.1 * np.arange(12), atol=1e-9)
    assert movie.pixel_size is None


def test_variable_frame_rate_keeps_its_timestamps(write_video, frames):
    stamps_ms = np.cumsum([0, 40, 40, 500, 40, 40, 40, 1000, 40, 40, 40, 40])
    movie = read_movie(write_video("vfr.mp4", frames, "libx264", stamps_ms=stamps_ms))
    np.testing.assert_allclose(movie.frame_times.seconds, stamps_ms / 1000, atol=1e-6)


def test_sixteen_bits_are_kept_and_grey_is_exact(write_video, frames):
    deep = frames.astype(np.uint16) * 200
    movie = read_movie(write_video("deep.mkv", deep, "ffv1", "gray16le"))
    np.testing.assert_array_equal(movie.read_frame(5), deep[5])


def test_reading_in_order_seeks_once(write_video, frames, monkeypatch):
    movie = read_movie(write_video("movie.mp4", frames, "libx264"))
    rewinds = []
    rewind = _Decoder._rewind_before
    monkeypatch.setattr(_Decoder, "_rewind_before", lambda self, t: (rewinds.append(t), rewind(self, t)))
    list(movie)
    list(movie)
    assert rewinds == [0, 0]


@pytest.mark.parametrize("name", ["b-frames.mp4", "packed.avi", "vp9.webm", "grey.mkv"])
def test_a_truncated_video_is_refused_when_opened(write_video, frames, name):
    codec, pix_fmt, options = CASES[name]
    noise = np.random.default_rng(0).integers(0, 255, frames.shape, dtype=np.uint8)
    path = write_video(name, noise, codec, pix_fmt, **options)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match="truncated") as caught:
        read_movie(path)
    assert "\n" not in str(caught.value)


def test_a_damaged_frame_is_named_and_the_rest_still_comes(write_video, frames):
    path = write_video("movie.avi", frames, "mjpeg", "yuvj420p")
    content = bytearray(path.read_bytes())
    pictures = [i for i in range(len(content)) if content[i : i + 3] == b"\xff\xd8\xff"]
    content[pictures[4] + 100 : pictures[5] - 8] = bytes(pictures[5] - 8 - pictures[4] - 100)
    path.write_bytes(content)
    movie = read_movie(path)
    with pytest.raises(InputError, match="frame 4 of 12 is damaged"):
        movie.read_frame(4)
    assert number_of(movie.read_frame(5)) == 5


def test_sound_without_pictures_is_refused(tmp_path):
    import av

    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        stream.layout = "mono"
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        sound.rate = 8000
        container.mux(stream.encode(sound))
        container.mux(stream.encode(None))
    with pytest.raises(InputError, match="no video stream"):
        read_movie(path)
