import numpy as np
import pytest

from temtrack.datasets.sources import find_sources
from temtrack.errors import InputError

IMAGE, MASK = np.full((20, 30), 9, np.uint8), np.eye(20, 30, dtype=np.uint16)


def names(sources):
    return {source.name: source.masks.name for source in sources}


def test_images_go_with_masks_of_their_name(tmp_path, write):
    for name in ("b10", "b2", "deep"):
        write(tmp_path / "i" / f"{name}.tif", IMAGE)
    write(tmp_path / "m" / "b2.tif", MASK)
    write(tmp_path / "m" / "b10_mask.tif", MASK)
    write(tmp_path / "m" / "deep" / "mask0000.tif", MASK)
    found = find_sources(tmp_path / "i", tmp_path / "m")
    assert names(found) == {"b2": "b2.tif", "b10": "b10_mask.tif", "deep": "deep"}
    assert [len(side) for side in found[-1].open()] == [1, 1]
    assert names(find_sources(tmp_path / "i" / "b*.tif", tmp_path / "m" / "*.tif")) == {
        "b2": "b2.tif",
        "b10": "b10_mask.tif",
    }


def test_masks_may_lie_beside_their_images(tmp_path, write):
    write(tmp_path / "a.tif", IMAGE)
    write(tmp_path / "a_mask.tif", MASK)
    assert names(find_sources(tmp_path, tmp_path)) == {"a": "a_mask.tif"}


def test_folders_below_a_pattern_tell_images_of_one_name_apart(tmp_path, write):
    for day in ("mon", "tue"):
        write(tmp_path / "i" / day / "a.tif", IMAGE)
        write(tmp_path / "m" / day / "a.tif", MASK)
    found = find_sources(tmp_path / "i" / "**" / "*.tif", tmp_path / "m" / "*" / "*.tif")
    assert [(source.name, source.masks.parent.name) for source in found] == [
        ("mon-a", "mon"),
        ("tue-a", "tue"),
    ]


@pytest.mark.parametrize("stacked", [True, False])
def test_a_movie_goes_with_a_mask_for_each_frame(tmp_path, write, stacked):
    for t in range(3):
        write(tmp_path / "frames" / f"shot{t}.tif", IMAGE + t)
        write(tmp_path / "m" / f"mask{t:04d}.tif", MASK + t)
    film = write(tmp_path / "film.tif", [IMAGE, IMAGE + 1, IMAGE + 2])
    (source,) = find_sources(film if stacked else tmp_path / "frames", tmp_path / "m")
    movie, masks = source.open()
    assert source.name == ("film" if stacked else "frames")
    assert (movie.read_frame(2)[0, 0], masks[2].min()) == (11, 2)


def test_a_single_image_finds_its_mask_as_file_or_in_a_folder(tmp_path, write):
    image, mask = write(tmp_path / "a.tif", IMAGE), write(tmp_path / "m" / "a.tif", MASK)
    write(tmp_path / "m" / "other.tif", MASK)
    assert find_sources(image, mask)[0].masks == find_sources(image, tmp_path / "m")[0].masks == mask


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ("no mask", "b.tif: has no mask, as 1 of 2 images; needs b.tif or b_mask.tif in"),
        ("no image", "b.tif: has no image, as 1 of 2 masks"),
        ("empty images", "holds no image"),
        ("empty masks", "holds no mask"),
        ("no masks", "there is no such file or folder of masks"),
        ("size", "masks are 19x30 px, but .*20x30; a mask needs the size of its image"),
        ("frames", "holds 2 masks, but .* 1 frames"),
        ("twice", "has the same name as"),
    ],
)
def test_what_cannot_be_paired_is_refused_by_name(tmp_path, write, damage, reason):
    images, masks = tmp_path / "i", tmp_path / "m"
    for name in "ab":
        write(images / f"{name}.tif", IMAGE)
        write(masks / f"{name}.tif", MASK)
    {
        "no mask": lambda: (masks / "b.tif").unlink(),
        "no image": lambda: (images / "b.tif").unlink(),
        "empty images": lambda: [path.unlink() for path in images.iterdir()],
        "empty masks": lambda: [path.unlink() for path in masks.iterdir()],
        "no masks": lambda: masks.rename(tmp_path / "away"),
        "size": lambda: write(masks / "b.tif", MASK[1:]),
        "frames": lambda: write(masks / "b.tif", [MASK, MASK]),
        "twice": lambda: write(masks / "b_mask.tif", MASK),
    }[damage]()
    with pytest.raises(InputError, match=reason):
        [source.open() for source in find_sources(images, masks)]
