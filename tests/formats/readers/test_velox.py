import sys

import numpy as np
import pytest
from microscope_files import write_velox
from needs import need_module

from temtrack.errors import InputError
from temtrack.formats.readers import read_format, read_movie

HDF5 = b"\x89HDF\r\n\x1a\n"


def test_without_its_libraries_one_line_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "a.emd").write_bytes(HDF5 + bytes(100))
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(InputError, match=r"pip install temtrack\[tem\]$"):
        read_movie(tmp_path / "a.emd")


class TestWithLibraries:
    @pytest.fixture(autouse=True)
    def _libraries(self):
        need_module("h5py")

    @pytest.mark.parametrize("dtype", ["uint16", "int16", "float32"])
    def test_a_movie_with_its_scale_and_times(self, tmp_path, frames, dtype):
        movie = read_movie(write_velox(tmp_path / "a.emd", frames.astype(dtype)))
        assert (movie.n_frames, movie.height, movie.width, movie.dtype) == (12, 32, 48, dtype)
        np.testing.assert_array_equal(np.stack(list(movie)), frames.astype(dtype))
        assert movie.pixel_size.nm == pytest.approx(0.25)
        np.testing.assert_allclose(movie.frame_times.seconds, 0.4 * np.arange(12))
        assert movie.frame_times.source == "Velox FrameTime"
        assert read_format(tmp_path / "a.emd") == "Velox emd"

    def test_a_cameras_exposure_time_stands_for_the_frame_time_and_is_named(self, tmp_path, frames):
        movie = read_movie(write_velox(tmp_path / "a.emd", frames, frame_time=None))
        assert movie.frame_times.seconds[1] == pytest.approx(0.1)
        assert "ExposureTime" in movie.frame_times.source

    @pytest.mark.parametrize(("step", "unit"), [("1", ""), ("3e8", "1/m"), ("0", "m")])
    def test_a_step_that_is_no_length_is_no_scale(self, tmp_path, frames, step, unit):
        assert read_movie(write_velox(tmp_path / "a.emd", frames, step=step, unit=unit)).pixel_size is None

    def test_one_image_is_a_movie_of_one_frame(self, tmp_path, frames):
        movie = read_movie(write_velox(tmp_path / "a.emd", frames[:1]))
        assert (movie.n_frames, movie.frame_times) == (1, None)
        np.testing.assert_array_equal(movie.read_frame(0), frames[0])

    def test_the_movie_counts_before_single_images_but_two_movies_are_refused(self, tmp_path, frames):
        movie = read_movie(write_velox(tmp_path / "a.emd", frames[:1], frames))
        assert movie.n_frames == 12
        with pytest.raises(InputError, match=r"images of 2 detectors \(12x32x48, 5x32x48\)"):
            read_movie(write_velox(tmp_path / "b.emd", frames, frames[:5]))

    @pytest.mark.parametrize("share", [0.001, 0.3, 0.9])
    def test_truncated_files_end_in_one_line(self, tmp_path, frames, share):
        path = write_velox(tmp_path / "a.emd", frames)
        path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
        with pytest.raises(InputError, match="truncated") as caught:
            read_movie(path)
        assert "\n" not in str(caught.value)

    def test_files_without_images_or_frames_are_refused(self, tmp_path, frames):
        for name, movies in (("none.emd", ()), ("empty.emd", (frames[:0],))):
            with pytest.raises(InputError, match=name) as caught:
                read_movie(write_velox(tmp_path / name, *movies))
            assert "\n" not in str(caught.value)
