import shutil
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from skimage.draw import disk

from temtrack.datasets.labelled import as_instances, least_area, read_dataset, read_sides, split
from temtrack.errors import InputError


@pytest.fixture
def folder(tmp_path, write):
    """Four images of two particles and their masks."""
    labels = np.zeros((90, 100), np.uint16)
    labels[disk((40, 30), 15)] = 3
    labels[disk((40, 60), 14)] = 9
    for i in range(4):
        write(tmp_path / f"films/masks/{i}.tif", labels)
        write(tmp_path / f"films/images/{i}.tif", (200 - 100 * (labels > 0)).astype(np.uint8))
    return tmp_path / "films"


def test_reads_pairs_with_instances_and_their_size(folder):
    images = read_dataset(folder)
    assert [image.name for image in images] == ["0", "1", "2", "3"]
    assert not images[0].semantic
    assert images[0].labels.max() == 2
    assert images[0].diameter_px == pytest.approx(29, abs=1)


def test_excluded_images_are_never_opened(folder):
    (folder / "images" / "2.tif").write_text("no image")
    assert [image.name for image in read_dataset(folder, frozenset({"films/2"}))] == ["0", "1", "3"]


def test_a_mask_of_two_values_teaches_foreground_only(folder):
    for path in (folder / "masks").iterdir():
        tifffile.imwrite(path, np.uint8(255) * np.indices((90, 100)).sum(0).__mod__(50).__lt__(10))
    assert all(image.semantic for image in read_dataset(folder))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ("size", "needs the size of its image"),
        ("missing", "no mask"),
        ("empty", "holds no image"),
        ("movie", "holds 2 frames; cut movies with temtrack slice first"),
        ("folder", "holds no images: needs"),
    ],
)
def test_what_cannot_be_a_pair_is_refused(folder, write, damage, reason):
    if damage == "size":
        tifffile.imwrite(folder / "masks" / "1.tif", np.ones((5, 5), np.uint8))
    elif damage == "missing":
        (folder / "masks" / "1.tif").unlink()
    elif damage == "movie":
        for kind in ("images", "masks"):
            write(folder / kind / "1.tif", np.ones((2, 90, 100), np.uint8))
    elif damage == "folder":
        (folder / "masks").rename(folder / "labels")
    else:
        for path in (folder / "images").iterdir():
            path.unlink()
    with pytest.raises(InputError, match=reason):
        read_dataset(folder)


def test_split_keeps_every_image_on_one_side(folder):
    training, test = split(read_dataset(folder), 0.25, np.random.default_rng(0))
    assert len(training) == 3
    assert {i.name for i in training}.isdisjoint(i.name for i in test)


def test_a_sliced_folder_keeps_its_own_sides(folder):
    rng = np.random.default_rng(0)
    folder.rename(folder.with_name("train"))
    tiles = folder.parent
    training, test = read_sides(tiles, frozenset(), 0.25, rng)
    assert (len(training), len(test)) == (3, 1)
    shutil.copytree(tiles / "train", tiles / "test")
    training, test = read_sides(tiles, frozenset(), 0.25, rng)
    assert (len(training), len(test)) == (4, 4)


def test_the_smallest_labelled_particle_is_known_and_parts_of_a_mask_can_be_particles(folder):
    images = read_dataset(folder)
    assert least_area(images) == np.bincount(images[0].labels.ravel())[1:].min() > 500
    assert least_area([replace(images[0], labels=images[0].labels * 0)]) == 1
    mask = [replace(images[0], semantic=True)]
    assert not any(image.semantic for image in as_instances(mask))
