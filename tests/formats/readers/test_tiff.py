from datetime import datetime

import numpy as np
import pytest
import tifffile
from real_data import REAL_DATA

from temtrack.errors import InputError
from temtrack.formats.readers import read_movie


def assert_same(path, expected):
    movie = read_movie(path)
    assert (movie.n_frames, movie.height, movie.width) == expected.shape
    assert movie.dtype == expected.dtype
    for t in (len(expected) - 1, 0):
        np.testing.assert_array_equal(movie.read_frame(t), expected[t])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "zlib"},
        {"byteorder": ">", "compression": "lzw"},
        {"metadata": None},
        {"bigtiff": True},
        {"imagej": True},
        {"imagej": True, "metadata": {"axes": "ZYX"}},
        {"imagej": True, "truncate": True, "metadata": {"axes": "TYX"}},
        {"ome": True, "metadata": {"axes": "TYX"}},
    ],
    ids=["plain", "zlib", "big-endian", "multi-page", "bigtiff", "ij", "ij-z", "ij-one-page", "ome"],
)
def test_one_axis_beside_y_and_x_is_time(tmp_path, frames, options):
    path = tmp_path / "movie.tif"
    tifffile.imwrite(path, frames, **options)
    assert_same(path, frames)


@pytest.mark.parametrize("dtype", ["uint16", "int16", "uint32", "float32", ">u2"])
def test_types_are_kept_in_native_order(tmp_path, frames, dtype):
    path = tmp_path / "movie.tif"
    tifffile.imwrite(path, frames.astype(dtype), byteorder=dtype[0] if dtype[0] == ">" else None)
    assert_same(path, frames.astype(np.dtype(dtype).newbyteorder("=")))


def test_nan_is_kept_and_bool_becomes_0_and_255(tmp_path, frames):
    values = frames.astype(np.float32)
    values[3, 5] = np.nan
    tifffile.imwrite(tmp_path / "nan.tif", values)
    tifffile.imwrite(tmp_path / "bool.tif", frames > 100)
    np.testing.assert_array_equal(read_movie(tmp_path / "nan.tif").read_frame(3), values[3])
    assert_same(tmp_path / "bool.tif", (frames > 100).astype(np.uint8) * np.uint8(255))


@pytest.mark.parametrize("alpha", [False, True])
def test_colour_becomes_grey(tmp_path, frames, alpha):
    samples = [frames, frames, frames] + [np.full_like(frames, 9)] * alpha
    tifffile.imwrite(tmp_path / "rgb.tif", np.stack(samples, axis=-1), photometric="rgb")
    tifffile.imwrite(
        tmp_path / "planar.tif", np.stack(samples, axis=1), photometric="rgb", planarconfig="separate"
    )
    assert_same(tmp_path / "rgb.tif", frames)
    assert_same(tmp_path / "planar.tif", frames)


@pytest.mark.parametrize(
    ("unit", "nm"), [("nm", 0.25), ("um", 250), ("µm", 250), ("\\u00B5m", 250), ("A", 0.025), ("pm", 0.00025)]
)
def test_imagej_scale_and_interval(tmp_path, frames, unit, nm):
    path = tmp_path / "movie.tif"
    facts = {"axes": "TYX", "finterval": 0.5}
    if unit.isascii():
        facts["unit"] = unit
        tifffile.imwrite(path, frames, imagej=True, resolution=(4, 4), metadata=facts)
    else:
        tifffile.imwrite(path, frames, imagej=True, resolution=(4, 4), metadata=facts | {"unit": "um"})
        path.write_bytes(path.read_bytes().replace(b"unit=um", b"unit=\xb5m"))
    movie = read_movie(path)
    assert movie.pixel_size.nm == pytest.approx(nm)
    np.testing.assert_allclose(movie.frame_times.seconds, 0.5 * np.arange(len(frames)))
    assert "ImageJ" in movie.pixel_size.source
    assert "finterval" in movie.frame_times.source


def test_ome_scale_and_interval(tmp_path, frames):
    path = tmp_path / "movie.ome.tif"
    facts = {
        "axes": "TYX", "PhysicalSizeX": 210.0, "PhysicalSizeXUnit": "pm", "PhysicalSizeY": 210.0,
        "PhysicalSizeYUnit": "pm", "TimeIncrement": 40.0, "TimeIncrementUnit": "ms",
    }  # fmt: skip
    tifffile.imwrite(path, frames, metadata=facts)
    movie = read_movie(path)
    assert movie.pixel_size.nm == pytest.approx(0.21)
    np.testing.assert_allclose(movie.frame_times.seconds[:3], [0, 0.04, 0.08])


@pytest.mark.parametrize("options", [{}, {"imagej": True, "metadata": {"unit": "inch"}}, {"imagej": True}])
def test_a_print_resolution_is_no_scale(tmp_path, frames, options):
    path = tmp_path / "movie.tif"
    tifffile.imwrite(path, frames, resolution=(300, 300), resolutionunit="INCH", **options)
    movie = read_movie(path)
    assert movie.pixel_size is None
    assert movie.frame_times is None


def test_the_users_word_counts_before_the_files(tmp_path, frames):
    path = tmp_path / "movie.tif"
    tifffile.imwrite(path, frames, imagej=True, resolution=(4, 4), metadata={"unit": "nm", "finterval": 9.0})
    movie = read_movie(str(path), pixel_size_nm=0.3, frame_time_s=2)
    assert movie.pixel_size.nm == 0.3
    assert movie.frame_times.seconds[1] == 2
    assert "--pixel-size" in movie.pixel_size.source


def test_volumes_and_channels_are_refused(tmp_path):
    five, four = tmp_path / "five.tif", tmp_path / "four.tif"
    tifffile.imwrite(five, np.zeros((2, 3, 4, 16, 20), np.uint8), imagej=True)
    tifffile.imwrite(four, np.zeros((5, 6, 16, 20), np.uint8))
    for path in (five, four):
        with pytest.raises(InputError, match=r"axes .*allowed are an image \(Y, X\) or a movie"):
            read_movie(path)


def test_complex_and_mixed_planes_are_refused(tmp_path, frames):
    tifffile.imwrite(tmp_path / "complex.tif", frames.astype(np.complex64))
    with tifffile.TiffWriter(tmp_path / "mixed.tif") as writer:
        writer.write(np.zeros((16, 20), np.uint8))
        writer.write(np.zeros((10, 20), np.uint8))
    with pytest.raises(InputError, match="complex"):
        read_movie(tmp_path / "complex.tif")
    with pytest.raises(InputError, match="planes differ in size"):
        read_movie(tmp_path / "mixed.tif")


def test_values_that_32_bits_cannot_hold_are_refused_and_infinite_ones_are_not(tmp_path, frames):
    path = tmp_path / "large.tif"
    tifffile.imwrite(path, frames * 1e300)
    with pytest.raises(InputError, match=r"holds values up to .*e\+30\d; allowed are those of 32-bit floats"):
        read_movie(path)
    tifffile.imwrite(path, np.where(frames > frames.mean(), np.inf, frames.astype(np.float64)))
    assert np.isinf(read_movie(path).read_frame(11)).all()


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"metadata": None}, {"imagej": True}])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.98])
def test_a_truncated_file_ends_in_one_line(tmp_path, options, share):
    path = tmp_path / "movie.tif"
    noise = np.random.default_rng(0).integers(0, 255, (6, 32, 32), dtype=np.uint8)
    tifffile.imwrite(path, noise, **options)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(InputError) as caught:
        list(read_movie(path))
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.shared
@pytest.mark.skipif(not REAL_DATA.is_dir(), reason="real data do not lie beside this checkout")
@pytest.mark.parametrize(
    ("name", "shape", "nm", "interval_s"),
    [
        ("formats/test_loading_image_saved_with_DM_stack.tif", (2, 68, 68), 168.674, 2.5),
        ("formats/test_loading_image_saved_with_imageJ_stack.tif", (2, 68, 68), 168.675, None),
        ("lptem/movie.tif", (40, 512, 512), None, None),
    ],
)
def test_real_files(name, shape, nm, interval_s):
    movie = read_movie(REAL_DATA / name)
    assert (movie.n_frames, movie.height, movie.width) == shape
    assert movie.read_frame(shape[0] - 1).shape == shape[1:]
    assert (movie.pixel_size and movie.pixel_size.nm) == (nm and pytest.approx(nm, rel=1e-5))
    assert (movie.frame_times and movie.frame_times.seconds[1]) == interval_s


@pytest.mark.parametrize(
    ("told", "started"),
    [("2021-08-06T13:40:19.5", datetime(2021, 8, 6, 13, 40, 19, 500000)), ("2021-08-06T13:40:19Z", None)],
)
def test_ome_acquisition_date_counts_where_it_names_no_zone(tmp_path, frames, told, started):
    facts = {"axes": "TYX", "AcquisitionDate": told}
    tifffile.imwrite(tmp_path / "movie.ome.tif", frames, metadata=facts)
    assert read_movie(tmp_path / "movie.ome.tif").calibration.started == started


def test_more_samples_than_rgba_has_are_refused_by_the_header(tmp_path):
    path = tmp_path / "spectrum.tif"
    tifffile.imwrite(path, np.zeros((8, 9, 5), np.uint8), photometric="rgb", compression="zlib")
    with pytest.raises(InputError, match=r"spectrum\.tif: has 5 samples per pixel"):
        read_movie(path)
