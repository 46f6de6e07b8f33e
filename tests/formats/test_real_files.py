"""Every real instrument file beside the checkout, to exact shape, type, scale and frame time."""

import pytest
from needs import need_module
from real_data import REAL_DATA

from temtrack.formats.readers import read_movie

FORMATS = REAL_DATA / "formats"

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not FORMATS.is_dir(), reason="real data do not lie beside this checkout"),
]


@pytest.mark.parametrize(
    ("name", "shape", "dtype", "nm", "interval_s"),
    [
        ("03_Scanning Preview.emi", (5, 128, 128), "uint16", 0.3843524875139251, 0.23593),
        ("03_Scanning Preview_1.ser", (5, 128, 128), "uint16", 0.3843524875139251, 0.23593),
        ("08_carbon.dm3", (1, 1, 2048), "float32", None, None),
        ("Custom_movie.mrc", (30, 16, 16), "uint16", None, 1.0),
        ("dmTest_3D_int16_64,65,66.dm4", (66, 65, 64), "int16", 0.002, None),
        ("fei_example_tem_stack.emd", (2, 3, 3), "int16", 0.008172883192297851, 0.8),
        ("test_loading_image_saved_with_DM_stack.tif", (2, 68, 68), "float32", 168.674007058, 2.5),
        ("test_loading_image_saved_with_imageJ_stack.tif", (2, 68, 68), "float32", 168.674710989, None),
        ("test_stackbuilder_imagestack.dm3", (3, 2, 16), "uint32", 59.98290330171585, None),
    ],
)
def test_what_is_read_of_it(name, shape, dtype, nm, interval_s):
    if name.endswith("emd"):
        need_module("h5py")
    movie = read_movie(FORMATS / name)
    assert (movie.n_frames, movie.height, movie.width, movie.dtype) == (*shape, dtype)
    for t in (0, shape[0] - 1):
        frame = movie.read_frame(t)
        assert (frame.shape, frame.dtype) == (shape[1:], dtype)
    assert (movie.pixel_size and movie.pixel_size.nm) == (nm and pytest.approx(nm))
    assert (movie.frame_times and movie.frame_times.seconds[1]) == (interval_s and pytest.approx(interval_s))


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("03_Scanning Preview_1.ser", "tia"),
        ("08_carbon.dm3", "digitalmicrograph"),
        ("dmTest_3D_int16_64,65,66.dm4", "digitalmicrograph"),
        ("fei_example_tem_stack.emd", "emd"),
        ("test_stackbuilder_imagestack.dm3", "digitalmicrograph"),
    ],
)
def test_another_reader_reads_the_same_pixels(name, module):
    reader = need_module(f"rsciio.{module}")
    (signal,) = reader.file_reader(str(FORMATS / name))
    movie = read_movie(FORMATS / name)
    others = signal["data"].reshape(movie.n_frames, movie.height, movie.width)
    assert all((mine == other).all() for mine, other in zip(movie, others, strict=True))
