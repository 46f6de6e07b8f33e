import numpy as np
import pytest
from microscope_files import write_emi, write_ser
from needs import need_module

from temtrack.errors import InputError
from temtrack.formats.readers import read_format, read_movie


@pytest.mark.parametrize("version", [0x210, 0x220])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
def test_a_series_with_its_scale_and_times(tmp_path, frames, version, dtype):
    path = write_ser(tmp_path / "a_1.ser", frames.astype(dtype), clock_s=range(7, 43, 3), version=version)
    movie = read_movie(path)
    assert (movie.n_frames, movie.height, movie.width, movie.dtype) == (12, 32, 48, dtype)
    np.testing.assert_array_equal(np.stack(list(movie)), frames.astype(dtype))
    assert movie.pixel_size.nm == pytest.approx(0.2)
    np.testing.assert_array_equal(movie.frame_times.seconds, 3 * np.arange(12))
    assert "to 1 s" in movie.frame_times.source
    assert read_format(path) == "TIA ser and emi"


def test_the_top_row_comes_first(tmp_path):
    ramp = np.arange(12, dtype=np.uint8).reshape(1, 3, 4)
    np.testing.assert_array_equal(read_movie(write_ser(tmp_path / "a_1.ser", ramp)).read_frame(0), ramp[0])


def test_the_files_of_these_tests_are_what_another_reader_takes_them_for(tmp_path, frames):
    reader = need_module("rsciio.tia")
    path = write_ser(tmp_path / "a_1.ser", frames.astype(np.uint16)[:, :, :32])
    (signal,) = reader.file_reader(str(path))
    np.testing.assert_array_equal(signal["data"], frames[:, :, :32])
    assert signal["axes"][-1]["scale"] == pytest.approx(0.2)


def test_an_emi_opens_its_ser_and_tells_the_scans_time(tmp_path, frames):
    ser = write_ser(tmp_path / "a_1.ser", frames, clock_s=[5] * 12)
    emi = write_emi(tmp_path / "a.emi", frame_time_s=0.25)
    for path in (ser, emi):
        movie = read_movie(path)
        np.testing.assert_array_equal(movie.read_frame(11), frames[11])
        np.testing.assert_allclose(movie.frame_times.seconds, 0.25 * np.arange(12))
        assert "emi" in movie.frame_times.source
        assert movie.files == (ser, emi)


@pytest.mark.parametrize("clock_s", [[5] * 12, [0] * 12, [*range(11), 10]])
def test_equal_or_missing_time_tags_are_no_times(tmp_path, frames, clock_s):
    write_emi(tmp_path / "a.emi")
    assert read_movie(write_ser(tmp_path / "a_1.ser", frames, clock_s=clock_s)).frame_times is None


@pytest.mark.parametrize("step_m", [0.0, 1.0, 5e7, float("nan")])
def test_a_step_that_is_no_length_is_no_scale(tmp_path, frames, step_m):
    assert read_movie(write_ser(tmp_path / "a_1.ser", frames, step_m=step_m)).pixel_size is None


def test_a_recording_that_was_stopped_has_the_frames_it_has(tmp_path, frames):
    movie = read_movie(write_ser(tmp_path / "a_1.ser", frames, n_planned=200))
    assert movie.n_frames == 12
    np.testing.assert_array_equal(movie.read_frame(11), frames[11])


def test_an_emi_without_its_ser_or_with_several_is_refused(tmp_path, frames):
    emi = write_emi(tmp_path / "a [1].emi")
    write_ser(tmp_path / "b_1.ser", frames)
    with pytest.raises(InputError, match=r"a \[1\]_1.ser with them is not beside it"):
        read_movie(emi)
    for n in (1, 10, 2):
        write_ser(tmp_path / f"a [1]_{n}.ser", frames)
    with pytest.raises(InputError, match=r"3 movies \(a \[1\]_1.ser, a \[1\]_2.ser, a \[1\]_10.ser\)"):
        read_movie(emi)


def test_a_damaged_emi_is_told(tmp_path, frames):
    ser = write_ser(tmp_path / "a_1.ser", frames)
    (tmp_path / "a.emi").write_bytes(b"JK\0\x02<ObjectInfo><AcquireInfo></ObjectInfo>")
    with pytest.raises(InputError, match=r"a.emi: cannot be read as emi file"):
        read_movie(ser)


@pytest.mark.parametrize("share", [0.001, 0.005, 0.5, 0.99])
def test_truncated_files_end_in_one_line(tmp_path, frames, share):
    path = write_ser(tmp_path / "a_1.ser", frames)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(InputError, match=r"a_1.ser: .*(truncated|cannot be read)") as caught:
        read_movie(path)
    assert "\n" not in str(caught.value)


def test_spectra_and_series_without_frames_are_refused(tmp_path, frames):
    with pytest.raises(InputError, match="spectra"):
        read_movie(write_ser(tmp_path / "a_1.ser", frames, kind=0x4120))
    with pytest.raises(InputError, match="holds no frame"):
        read_movie(write_ser(tmp_path / "b_1.ser", frames[:0], n_planned=5))
