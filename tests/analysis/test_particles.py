import numpy as np
import pytest
from skimage.draw import disk

from temtrack.analysis.particles import measure_particles
from temtrack.calibration import UNCALIBRATED
from temtrack.imaging.labels import LabelImage
from temtrack.tables import PARTICLES


def one_disc(radius=20):
    labels = np.zeros((64, 64), dtype=np.uint16)
    labels[disk((31, 33), radius)] = 4
    return labels


def test_a_disc_measures_as_a_disc():
    columns = measure_particles(LabelImage(one_disc()), None, frame=3)
    assert columns["frame"].tolist() == [3]
    assert columns["particle_id"].tolist() == [4]
    assert (columns["y_px"][0], columns["x_px"][0]) == pytest.approx((31, 33))
    for name in ("equivalent_diameter_px", "major_axis_px", "minor_axis_px"):
        assert columns[name][0] == pytest.approx(40, rel=0.02)
    assert columns["perimeter_px"][0] == pytest.approx(40 * np.pi, rel=0.03)
    assert 0.95 < columns["circularity"][0] <= 1
    assert columns["solidity"][0] == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("n_pixels", [1, 2, 3])
def test_tiny_particles_have_no_shape_but_a_size(n_pixels):
    labels = np.zeros((5, 5), dtype=np.uint8)
    labels[2, 1 : 1 + n_pixels] = 9
    columns = measure_particles(LabelImage(labels), None, frame=0)
    assert columns["area_px"].tolist() == [n_pixels]
    for name in ("perimeter_px", "major_axis_px", "minor_axis_px", "circularity", "solidity"):
        assert np.isnan(columns[name][0])


def test_nan_pixels_do_not_count_in_the_mean_intensity():
    labels = one_disc(5)
    image = np.full(labels.shape, 7.0, dtype=np.float32)
    image[31, 33] = np.nan
    assert measure_particles(LabelImage(labels), image, 0)["mean_intensity"][0] == 7
    assert np.isnan(
        measure_particles(LabelImage(labels), np.full(labels.shape, np.nan), 0)["mean_intensity"][0]
    )


def test_border_and_gap_filled_flags():
    labels = np.zeros((10, 10), dtype=np.uint16)
    labels[0:3, 4:7], labels[5:8, 7:10], labels[4:7, 2:5] = 1, 2, 3
    columns = measure_particles(LabelImage(labels), None, 0, gap_filled={3})
    assert columns["touches_border"].tolist() == [True, True, False]
    assert columns["gap_filled"].tolist() == [False, False, True]


def test_empty_masks_give_an_empty_table_of_the_same_schema():
    empty = PARTICLES.fill(measure_particles(LabelImage(np.zeros((8, 8), np.uint16)), None, 0), UNCALIBRATED)
    filled = PARTICLES.fill(measure_particles(LabelImage(one_disc()), None, 0), UNCALIBRATED)
    assert empty.num_rows == 0
    assert empty.schema == filled.schema


def test_ids_above_16_bits_stay_themselves():
    labels = one_disc().astype(np.uint32) * 1_000_000
    assert measure_particles(LabelImage(labels), None, 0)["particle_id"].tolist() == [4_000_000]


def test_a_frame_without_support_tells_neither_mass_nor_edge():
    columns = measure_particles(LabelImage(np.ones((20, 20), int)), np.ones((20, 20)), 0)
    assert np.isnan([columns["optical_mass"], columns["edge_diameter_px"]]).all()
