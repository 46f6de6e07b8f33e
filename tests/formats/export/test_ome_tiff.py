import numpy as np
import ome_types
import tifffile
from export_scene import HEIGHT, N_FRAMES, WIDTH, draw_frame

from temtrack.formats.export.ome_tiff import EXPORTER
from temtrack.formats.readers import read_movie


def test_ids_come_back_with_their_axes(write, scene):
    with tifffile.TiffFile(write("ome-tiff", scene, "l.ome.tif")) as file:
        assert file.is_ome
        series = file.series[0]
        assert (series.axes, series.shape) == ("TYX", (N_FRAMES, HEIGHT, WIDTH))
        assert series.dtype == np.uint32  # an id is above 65,535
        assert np.array_equal(series.asarray(), [draw_frame(t) for t in range(N_FRAMES)])


def test_small_ids_take_16_bits(write, kept_id):
    assert tifffile.imread(write("ome-tiff", kept_id, "l.ome.tif")).dtype == np.uint16


def test_scale_and_times_are_valid_ome(write, scaled):
    path = write("ome-tiff", scaled, "l.ome.tif")
    pixels = ome_types.from_tiff(path, validate=True).images[0].pixels
    assert (pixels.physical_size_x, pixels.physical_size_x_unit.value) == (0.5, "nm")
    assert (pixels.time_increment, pixels.time_increment_unit.value) == (2.0, "s")
    assert [plane.delta_t for plane in pixels.planes] == [2.0 * t for t in range(N_FRAMES)]
    movie = read_movie(path)
    assert movie.pixel_size.nm == 0.5
    assert movie.frame_times.seconds.tolist() == [2.0 * t for t in range(N_FRAMES)]


def test_nothing_is_made_up(write, scene):
    path = write("ome-tiff", scene, "l.ome.tif")
    pixels = ome_types.from_tiff(path, validate=True).images[0].pixels
    assert pixels.physical_size_x is None
    assert pixels.time_increment is None
    movie = read_movie(path)
    assert movie.pixel_size is None
    assert movie.frame_times is None


def test_uneven_times_are_told_plane_by_plane(write, uneven):
    pixels = ome_types.from_tiff(write("ome-tiff", uneven, "l.ome.tif"), validate=True).images[0].pixels
    assert pixels.time_increment is None
    assert pixels.planes[11].delta_t == 15.0


def test_left_out_merges_are_told(scene, empty):
    assert "merges, 1 in all" in EXPORTER.describe_losses(scene)[0]
    assert EXPORTER.describe_losses(empty) == []
