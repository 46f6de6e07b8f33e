import numpy as np
import pytest
import tifffile

from temtrack.errors import InputError
from temtrack.formats.readers.images import list_images
from temtrack.formats.store.masks import (
    list_masks,
    mask_name,
    read_labels,
    read_masks,
    remove_masks,
    write_mask,
)


def scene(*ids):
    labels = np.zeros((6, 8), np.int64)
    for i, label in enumerate(ids):
        labels[i] = label
    return labels


def test_masks_folder_goes_round(tmp_path):
    scenes = [scene(1, 2), scene(), scene(1, 65_536)]
    for t, labels in enumerate(scenes):
        write_mask(tmp_path / mask_name(t), labels)
    assert [p.name for p in list_images(tmp_path)] == ["mask0000.tif", "mask0001.tif", "mask0002.tif"]
    assert tifffile.imread(tmp_path / "mask0000.tif").dtype == np.uint16
    assert tifffile.imread(tmp_path / "mask0002.tif").dtype == np.uint32
    masks = read_masks(tmp_path)
    assert (len(masks), masks.height, masks.width) == (3, 6, 8)
    for t, labels in enumerate(masks):
        assert labels.dtype == np.int32
        np.testing.assert_array_equal(labels, scenes[t])
    with pytest.raises(IndexError):
        masks[3]


def test_numbers_grow_past_four_digits():
    assert mask_name(12_345) == "mask12345.tif"


def test_masks_of_other_programs(tmp_path):
    folder = tmp_path / "other"
    folder.mkdir()
    for t in (0, 2, 10):
        tifffile.imwrite(folder / f"seg_{t}.tif", scene(t + 1).astype(np.float32))
    assert [int(labels.max()) for labels in read_masks(folder)] == [1, 3, 11]
    stack = tmp_path / "stack.tif"
    tifffile.imwrite(stack, np.stack([scene(4), scene(5)]).astype(np.uint8))
    assert [int(labels.max()) for labels in read_masks(stack)] == [4, 5]


def test_the_likeliest_files_of_a_folder_are_its_masks(tmp_path):
    def names():
        return [path.name for path in list_masks(tmp_path)]

    (tmp_path / "kinetics.png").touch()
    with pytest.raises(InputError, match="only plots"):
        names()
    (tmp_path / "b10.png").touch()
    (tmp_path / "b9.png").touch()
    assert names() == ["b9.png", "b10.png"]
    tifffile.imwrite(tmp_path / "overlay.tif", np.zeros((9, 9, 3), np.uint8), photometric="rgb")
    assert names() == ["overlay.tif"]
    write_mask(tmp_path / mask_name(0), scene(1))
    assert names() == ["mask0000.tif"]
    assert len(read_masks(tmp_path)) == 1
    assert list_masks(tmp_path / "overlay.tif") == [tmp_path / "overlay.tif"]


def test_what_is_no_mask_is_refused(tmp_path):
    values = scene(1).astype(np.float32)
    for name, pixels in [
        ("probability", values * 0.5),
        ("nan", values * np.nan),
        ("negative", -scene(1).astype("i2")),
    ]:
        tifffile.imwrite(tmp_path / f"{name}.tif", pixels)
        with pytest.raises(InputError, match=f"{name}.*(whole numbers|ids from -1)"):
            read_labels(tmp_path / f"{name}.tif")
    with pytest.raises(InputError, match="no such folder"):
        read_masks(tmp_path / "missing")


def test_another_size_is_refused_at_its_frame(tmp_path):
    write_mask(tmp_path / mask_name(0), scene(1))
    write_mask(tmp_path / mask_name(1), scene(1)[:, :5])
    masks = read_masks(tmp_path)
    with pytest.raises(InputError, match="frame 1 is 6x5"):
        masks[1]


def test_remove_masks_leaves_the_rest(tmp_path):
    write_mask(tmp_path / mask_name(0), scene(1))
    write_mask(tmp_path / "image_mask.tif", scene(1))
    remove_masks(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["image_mask.tif"]


def test_an_image_given_for_a_mask_is_refused(tmp_path):
    grey = np.random.default_rng(0).integers(50, 200, (64, 64))
    write_mask(tmp_path / "frame.tif", grey)
    with pytest.raises(InputError, match="give the masks, not the movie"):
        read_labels(tmp_path / "frame.tif")


def test_narrow_particles_side_by_side_are_no_image(tmp_path):
    stripes = np.repeat(np.arange(1, 33), 2) * np.ones((64, 1), int)
    write_mask(tmp_path / "mask0000.tif", stripes)
    assert np.array_equal(read_labels(tmp_path / "mask0000.tif"), stripes)
