import numpy as np
import pytest
from PIL import Image

from temtrack.datasets.boxes import FILLED_FRACTION, labels_of_boxes
from temtrack.datasets.labelled import read_dataset
from temtrack.errors import InputError


def test_an_ellipse_fills_its_box_but_for_a_little_room():
    labels = labels_of_boxes(np.array([[10.0, 20.0, 30.0, 60.0]]), (50, 80))
    assert (labels > 0).sum() == pytest.approx(np.pi / 4 * 20 * 40 * FILLED_FRACTION**2, rel=0.03)
    y, x = np.nonzero(labels)
    assert (y.mean(), x.mean()) == pytest.approx((19.5, 39.5), abs=0.1)


def test_small_particles_lie_over_large_ones_and_ids_follow_the_boxes():
    labels = labels_of_boxes(np.array([[20.0, 20, 26, 26], [5.0, 5, 45, 45]]), (50, 50))
    assert labels[23, 23] == 1
    assert labels[10, 25] == 2


def test_a_box_that_reaches_beyond_the_image_is_cut():
    labels = labels_of_boxes(np.array([[-10.0, -10, 10, 10]]), (20, 20))
    assert labels[0, 0] == 1
    assert not labels[12:].any()


@pytest.fixture
def folder(tmp_path):
    for name in ("images", "boxes"):
        (tmp_path / "haadf" / name).mkdir(parents=True)
    for stem in ("a", "b"):
        Image.fromarray(np.arange(1200, dtype=np.uint8).reshape(30, 40)).save(
            tmp_path / f"haadf/images/{stem}.png"
        )
        (tmp_path / f"haadf/boxes/{stem}.csv").write_text("x0,y0,x1,y1\n3,4,13,14\n20,5,30,15\n")
    return tmp_path / "haadf"


def test_a_folder_of_boxes_is_read_as_labelled_images(folder):
    images = read_dataset(folder, frozenset({"haadf/a"}))
    assert [image.name for image in images] == ["b"]
    np.testing.assert_array_equal(images[0].boxes, [[4, 3, 14, 13], [5, 20, 15, 30]])
    assert not images[0].semantic
    assert images[0].labels.max() == 2
    assert images[0].diameter_px == 10.0


def test_an_image_without_boxes_is_told(folder):
    (folder / "boxes" / "b.csv").unlink()
    with pytest.raises(InputError, match=r"b\.png: has no boxes; needs .*b\.csv"):
        read_dataset(folder)
