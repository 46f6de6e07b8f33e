import mrcfile
import numpy as np
import pytest

from temtrack.calibration import UNCALIBRATED, DoseRate
from temtrack.errors import InputError
from temtrack.formats.readers import read_format, read_movie


def write(path, frames, angstrom=0.0):
    with mrcfile.new(path) as mrc:
        mrc.set_data(frames)
        mrc.set_image_stack()
        mrc.voxel_size = angstrom
    return path


@pytest.mark.parametrize("dtype", ["int8", "int16", "uint16", "float32", ">i2"])
def test_a_stack_with_its_scale(tmp_path, frames, dtype):
    values = (frames // 2).astype(dtype)
    movie = read_movie(write(tmp_path / "a.mrcs", values, angstrom=2.5))
    assert (movie.n_frames, movie.height, movie.width) == (12, 32, 48)
    assert movie.dtype == np.dtype(dtype).newbyteorder("=")
    np.testing.assert_array_equal(np.stack(list(movie)), values)
    assert movie.pixel_size.nm == pytest.approx(0.25)
    assert movie.pixel_size.source == "MRC header"
    assert movie.frame_times is None
    assert read_format(tmp_path / "a.mrcs") == "MRC"


@pytest.mark.parametrize("angstrom", [0.0, -10.0, 1.0, float("nan")])
def test_a_missing_negative_or_default_scale_is_none(tmp_path, frames, angstrom):
    assert read_movie(write(tmp_path / "a.mrc", frames.astype(np.int16), angstrom)).pixel_size is None


def test_bytes_above_127_are_unsigned(tmp_path, frames):
    path = write(tmp_path / "a.mrc", frames.view(np.int8))
    with mrcfile.open(path, "r+") as mrc:
        mrc.header.dmax = 250
    np.testing.assert_array_equal(np.stack(list(read_movie(path))), frames)


@pytest.mark.parametrize("name", ["20260101_00007_movie.mrc", "20260101_00007_0_movie.mrc"])
def test_direct_electrons_info_tells_what_the_header_does_not(tmp_path, frames, name):
    (tmp_path / "20260101_00007_info.txt").write_text(
        "Frames Per Second                  = 40\nAutosave Movie Sum Count = 10\n"
        "Specimen Pixel Size X (nanometers) = 0.3\nSpecimen Pixel Size Y (nanometers) = 0.3\nnonsense\n"
        "Exposure Rate (e-/pix/s) = 22.5\n"
    )
    movie = read_movie(write(tmp_path / name, frames.astype(np.uint16)))
    np.testing.assert_allclose(movie.frame_times.seconds, 0.25 * np.arange(12))
    assert movie.pixel_size.nm == pytest.approx(0.3)
    assert "info file" in movie.pixel_size.source
    assert movie.calibration.dose_rate == DoseRate(22.5, "Exposure Rate in the info file")


def test_a_binned_pixel_gathers_the_dose_of_all_it_was_made_of(tmp_path, frames):
    (tmp_path / "a_info.txt").write_text("Exposure Rate (e-/pix/s) = 2.5\nBinning X = 4\nBinning Y = 2\n")
    movie = read_movie(write(tmp_path / "a_movie.mrc", frames.astype(np.uint16)))
    told = DoseRate(20.0, "Exposure Rate in the info file x 8 binned pixels")
    assert movie.calibration.dose_rate == told


def test_feis_extended_header_tells_the_scale_where_the_header_does_not(tmp_path, frames):
    path = write(tmp_path / "a.mrc", frames.astype(np.int16))
    with mrcfile.open(path, "r+") as mrc:
        section = np.zeros(32, np.float32)
        section[11] = 4e-10
        mrc.set_extended_header(section)
        mrc.header.label[0] = b"Fei Company (C) Copyright 2003"
    movie = read_movie(path)
    assert movie.pixel_size.nm == pytest.approx(0.4)
    np.testing.assert_array_equal(movie.read_frame(3), frames[3])


def test_an_info_with_nothing_usable_tells_nothing(tmp_path, frames):
    (tmp_path / "a_info.txt").write_text(
        "Frames Per Second = -1\nSpecimen Pixel Size X (nanometers) = -1\nExposure Rate (e-/pix/s) = 0\n"
    )
    movie = read_movie(write(tmp_path / "a_movie.mrc", frames.astype(np.uint16)))
    assert movie.calibration == UNCALIBRATED


def test_files_older_than_the_map_id_are_known_by_their_suffix(tmp_path, frames):
    path = write(tmp_path / "a.mrc", frames.astype(np.int16))
    content = bytearray(path.read_bytes())
    content[208:216] = bytes(8)
    path.write_bytes(content)
    np.testing.assert_array_equal(read_movie(path).read_frame(2), frames[2])


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [("mode", 101, "mode 101"), ("mode", 4, "complex"), ("mode", 77, "no MRC file"), ("nz", 0, "no frame")],
)
def test_what_is_no_movie_is_refused(tmp_path, frames, field, value, reason):
    path = write(tmp_path / "a.mrc", frames.astype(np.float32))
    content = bytearray(path.read_bytes())
    at = {"nz": 8, "mode": 12}[field]
    content[at : at + 4] = value.to_bytes(4, "little")
    path.write_bytes(content + bytes(frames.size * 8))
    with pytest.raises(InputError, match=reason) as caught:
        read_movie(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("n_bytes", [3, 500, 1024, 5000, -1])
def test_truncated_files_end_in_one_line(tmp_path, frames, n_bytes):
    path = write(tmp_path / "a.mrc", frames.astype(np.int16))
    path.write_bytes(path.read_bytes()[:n_bytes])
    with pytest.raises(InputError, match=r"truncated|does not fit its name") as caught:
        read_movie(path)
    assert "\n" not in str(caught.value)


def test_a_movie_larger_than_memory_opens_and_its_last_frame_is_read(tmp_path):
    """40 GB that take no disk: the file is one hole behind its header."""
    path = write(tmp_path / "a.mrc", np.ones((1, 512, 512), np.int16))
    n_frames = 80_000
    with path.open("r+b") as file:
        file.seek(8)
        file.write(n_frames.to_bytes(4, "little"))
        file.truncate(1024 + n_frames * 512 * 512 * 2)
        file.seek(-2, 2)
        file.write((7).to_bytes(2, "little"))
    movie = read_movie(path)
    assert movie.n_frames == n_frames
    assert movie.read_frame(n_frames - 1)[-1, -2:].tolist() == [0, 7]
