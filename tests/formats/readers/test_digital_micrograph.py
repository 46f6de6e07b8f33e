from datetime import datetime

import numpy as np
import pytest
from microscope_files import write_dm
from needs import need_module

from temtrack.errors import InputError
from temtrack.formats.readers import read_format, read_movie

STEPS = ((0.25, "nm"), (0.25, "nm"), (0.5, "s"))


@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.parametrize("byte_order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "uint32", "float32"])
def test_a_stack_with_its_scale_and_times(tmp_path, frames, version, byte_order, dtype):
    path = write_dm(tmp_path / "a.dm", frames.astype(dtype), STEPS, version=version, byte_order=byte_order)
    movie = read_movie(path)
    assert (movie.n_frames, movie.height, movie.width, movie.dtype) == (12, 32, 48, dtype)
    np.testing.assert_array_equal(np.stack(list(movie)), frames.astype(dtype))
    assert movie.read_frame(3).dtype == dtype
    assert (movie.pixel_size.nm, movie.pixel_size.source) == (0.25, "DigitalMicrograph calibration")
    np.testing.assert_allclose(movie.frame_times.seconds, 0.5 * np.arange(12))
    assert read_format(path) == "DigitalMicrograph"


@pytest.mark.parametrize("version", [3, 4])
def test_the_files_of_these_tests_are_what_another_reader_takes_them_for(tmp_path, frames, version):
    reader = need_module("rsciio.digitalmicrograph")
    path = write_dm(tmp_path / f"a.dm{version}", frames, STEPS, version=version)
    signal = reader.file_reader(path)[-1]  # the thumbnail comes first
    np.testing.assert_array_equal(signal["data"], frames)
    assert [(axis["scale"], axis["units"]) for axis in signal["axes"]] == [
        (0.5, "s"),
        (0.25, "nm"),
        (0.25, "nm"),
    ]


@pytest.mark.parametrize(
    ("steps", "nm", "interval_s"),
    [
        ((), None, None),
        (STEPS[:2], 0.25, None),
        (((1, ""), (1, ""), (1, "")), None, None),
        (((0.5, "1/nm"), (0.5, "1/nm"), (2, "nm")), None, None),
        (((210, "pm"), (210, "pm"), (40, "ms")), 0.21, 0.04),
        (((0.002, "µm"), (0.002, "µm"), (0, "s")), 2.0, None),
    ],
)
def test_only_what_has_a_unit_of_length_or_time_is_known(tmp_path, frames, steps, nm, interval_s):
    movie = read_movie(write_dm(tmp_path / "a.dm4", frames, steps))
    assert (movie.pixel_size and movie.pixel_size.nm) == (nm and pytest.approx(nm))
    assert (movie.frame_times and movie.frame_times.seconds[1]) == (interval_s and pytest.approx(interval_s))


def test_pixels_that_are_not_square_are_told(tmp_path, frames):
    movie = read_movie(write_dm(tmp_path / "a.dm4", frames, ((2, "pm"), (3, "nm"))))
    assert movie.pixel_size.nm == pytest.approx(0.002)
    assert "1.5e+03 times as much along y" in movie.pixel_size.source


def test_one_image_has_no_frame_times(tmp_path, frames):
    movie = read_movie(write_dm(tmp_path / "a.dm3", frames[0], STEPS[:2], version=3))
    assert (movie.n_frames, movie.frame_times) == (1, None)


def test_colour_is_blue_green_red(tmp_path):
    blue_green_red = np.array([[0x00FF0000, 0x0000FF00]] * 2, np.uint32)  # red, green
    movie = read_movie(write_dm(tmp_path / "a.dm4", blue_green_red, data_type=23))
    assert movie.read_frame(0)[0].tolist() == [76, 150]


@pytest.mark.parametrize("share", [0.0005, 0.01, 0.5, 0.99])
@pytest.mark.parametrize("version", [3, 4])
def test_truncated_files_end_in_one_line(tmp_path, frames, version, share):
    path = write_dm(tmp_path / f"a.dm{version}", frames, STEPS, version=version)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(InputError, match=r"truncated|does not fit its name") as caught:
        read_movie(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("pixels", "data_type", "reason"),
    [
        (np.zeros((4, 6), np.complex64), None, "complex"),
        (np.zeros((4, 6), np.uint16), 99, "type 99"),
        (np.zeros((2, 3, 4, 6), np.uint16), None, "6x4x3x2"),
        (np.zeros((0, 4, 6), np.uint16), None, "no frame"),
    ],
)
def test_what_is_no_movie_is_refused(tmp_path, pixels, data_type, reason):
    with pytest.raises(InputError, match=reason):
        read_movie(write_dm(tmp_path / "a.dm4", pixels, data_type=data_type))


@pytest.mark.parametrize(
    ("clock", "started"),
    [
        (("8/29/2017", "1:58:43 PM"), datetime(2017, 8, 29, 13, 58, 43)),
        (("29.08.2017", "13:58:43"), datetime(2017, 8, 29, 13, 58, 43)),
        (("", ""), None),
        ((), None),
    ],
)
def test_the_clock_at_the_start_of_acquisition(tmp_path, frames, clock, started):
    assert read_movie(write_dm(tmp_path / "a.dm4", frames, clock=clock)).calibration.started == started
