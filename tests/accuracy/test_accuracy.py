"""No embedded network may become worse than it is recorded to be."""

import numpy as np
import pytest
from accuracy import gate
from accuracy.inputs import Example
from real_data import REAL_DATA

RECORDED = gate.read_recorded()
MEASUREMENTS = gate.measurements()


def marks(name):
    if not gate.is_on_real_data(name):
        return ()
    return (
        pytest.mark.shared,
        pytest.mark.skipif(not REAL_DATA.is_dir(), reason="real data do not lie beside this checkout"),
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", [pytest.param(name, marks=marks(name), id=name) for name in MEASUREMENTS])
def test_no_network_falls_below_what_is_recorded(name):
    assert gate.find_losses(MEASUREMENTS[name](), RECORDED[name]) == []


def test_all_that_is_measured_is_recorded():
    assert RECORDED.keys() == MEASUREMENTS.keys()


def test_what_became_worse_is_told_and_what_became_better_is_not():
    recorded = {"f1": 0.9, "n_switches": 1}
    assert gate.find_losses({"f1": 0.8901, "n_switches": 1}, recorded) == []
    assert gate.find_losses({"f1": 0.95, "n_switches": 0}, recorded) == []
    assert gate.find_losses({"f1": 0.889, "n_switches": 1}, recorded) == ["f1: 0.889, recorded 0.9"]
    assert gate.find_losses({"f1": 0.9, "n_switches": 2}, recorded) == ["n_switches: 2, recorded 1"]
    assert gate.find_losses({"f1": 0.9}, recorded) == ["n_switches: not measured"]


def test_a_box_has_one_particle_of_its_width_with_the_centre_inside():
    labels = np.zeros((64, 64), np.int32)
    for i, (y, x, half) in enumerate(((10, 10, 4), (16, 46, 12), (40, 20, 4), (48, 20, 3), (50, 50, 4)), 1):
        labels[y - half : y + half + 1, x - half : x + half + 1] = i
    boxes = np.array([(5, 5, 15, 15), (11, 41, 21, 51), (34, 14, 52, 26), (50, 2, 60, 12)], float)
    # found, too wide, one of two in the same box, and in none
    assert gate.count_in_boxes(labels, Example(np.zeros((64, 64), np.float32), None, boxes)) == 2


def test_of_an_image_the_middle_may_be_seen_alone():
    image = np.arange(48, dtype=np.float32).reshape(6, 8)
    boxes = np.array([(0, 0, 2, 2), (2, 3, 4, 5)], float)
    seen = Example(image, np.int32(image), boxes).middle(4)
    np.testing.assert_array_equal(seen.image, image[1:5, 2:6])
    np.testing.assert_array_equal(seen.labels, seen.image)
    assert seen.boxes.tolist() == [[1, 1, 3, 3]]
