import numpy as np
import pytest
import tifffile
from microscope_files import write_dm

from temtrack.errors import InputError
from temtrack.formats.readers import read_format, read_movie

STEPS = ((0.25, "nm"), (0.25, "nm"))


def record(folder, frames, names):
    """Write one file for each (hour, minute, second, number) as GMS does."""
    for frame, (hour, minute, second, number) in zip(frames, names, strict=True):
        place = folder / f"Hour_{hour:02d}" / f"Minute_{minute:02d}" / f"Second_{second:02d}"
        place.mkdir(parents=True, exist_ok=True)
        stamp = f"Hour_{hour:02d}_Minute_{minute:02d}_Second_{second:02d}_Frame_{number:04d}"
        write_dm(place / f"run_{stamp}.dm4", frame, STEPS)
    return folder


def test_a_recording_in_its_order_and_time(tmp_path, frames):
    names = (
        [(0, 0, 59, n) for n in range(4)]
        + [(0, 1, 0, n) for n in range(4)]
        + [(1, 0, 0, n) for n in range(4)]
    )
    movie = read_movie(record(tmp_path, frames, names))
    assert (movie.n_frames, movie.height, movie.width, movie.dtype) == (12, 32, 48, np.uint8)
    np.testing.assert_array_equal(np.stack(list(movie)), frames)
    expected = [*np.arange(8) / 4, *(3541 + np.arange(4) / 4)]
    np.testing.assert_allclose(movie.frame_times.seconds, expected)
    assert movie.pixel_size.nm == 0.25
    assert "dm3 or dm4" in read_format(tmp_path)


def test_a_dropped_frame_leaves_its_gap(tmp_path, frames):
    names = [(0, 0, 0, 0), (0, 0, 0, 2), (0, 0, 0, 3), (0, 0, 1, 0)]
    movie = read_movie(record(tmp_path, frames[:4], names))
    np.testing.assert_allclose(movie.frame_times.seconds, [0, 0.5, 0.75, 1])


def test_one_frame_a_second_needs_no_rate_but_one_second_tells_none(tmp_path, frames):
    slow = record(tmp_path / "slow", frames[:3], [(0, 0, second, 0) for second in (3, 4, 6)])
    short = record(tmp_path / "short", frames[:3], [(0, 0, 0, n) for n in range(3)])
    assert read_movie(slow).frame_times.seconds.tolist() == [0, 1, 3]
    assert read_movie(short).frame_times is None


def test_a_flat_folder_is_read_in_natural_order(tmp_path, frames):
    for t in range(12):
        write_dm(tmp_path / f"frame{t}.dm3", frames[t], STEPS, version=3)
    movie = read_movie(tmp_path)
    np.testing.assert_array_equal(movie.read_frame(10), frames[10])
    assert movie.frame_times is None
    assert [p.name for p in movie.files[-2:]] == ["frame10.dm3", "frame11.dm3"]


def test_a_folder_of_images_stays_one(tmp_path, frames):
    tifffile.imwrite(tmp_path / "0.tif", frames[0])
    write_dm(tmp_path / "stray.dm4", frames[0])
    assert read_format(tmp_path) == "images, one file a frame"


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (np.zeros((32, 47), np.uint8), "32x47 uint8, but the first frame"),
        (np.zeros((32, 48), np.uint16), "uint16, but the first frame"),
        (np.zeros((2, 32, 48), np.uint8), "holds 2 frames"),
        (None, "truncated"),
    ],
)
def test_a_file_unlike_the_first_is_told_when_its_frame_is_asked_for(tmp_path, frames, second, reason):
    write_dm(tmp_path / "0.dm4", frames[0])
    write_dm(tmp_path / "1.dm4", frames[1] if second is None else second)
    if second is None:
        (tmp_path / "1.dm4").write_bytes((tmp_path / "1.dm4").read_bytes()[:900])
    movie = read_movie(tmp_path)
    with pytest.raises(InputError, match=reason) as caught:
        movie.read_frame(1)
    assert "1.dm4" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_recording_without_frames_is_refused(tmp_path):
    (tmp_path / "Hour_00" / "Minute_00").mkdir(parents=True)
    with pytest.raises(InputError, match="holds no frame"):
        read_movie(tmp_path)
