"""What is no movie is told of before it is segmented: masks, spectra, images of several sizes."""

import numpy as np
import pytest
import tifffile

import temtrack
from temtrack.errors import InputError, TemtrackWarning
from temtrack.formats.readers import read_movie
from temtrack.movie import movie_of_array
from temtrack.pipeline.unfit import looks_like_masks, tell_other_sizes, why_unfit

IDS = np.zeros((90, 90), np.uint16)
IDS[5:40, 5:40], IDS[45:85, 50:88] = 3, 7
GREY = np.random.default_rng(0).integers(90, 160, IDS.shape).astype(np.uint16)


def movie_of(frame):
    return movie_of_array(frame[None])


def test_ids_look_like_masks_and_grey_values_do_not():
    assert looks_like_masks(movie_of(IDS))
    for frame in (GREY, np.where(IDS > 0, GREY, 0), np.where(IDS > 0, 80, 200), IDS.astype(float)):
        assert not looks_like_masks(movie_of(frame))


def test_masks_given_for_an_image_are_told_of():
    with pytest.warns(TemtrackWarning, match="array: looks like masks"):
        temtrack.segment(IDS, model="otsu")


def test_the_masks_of_a_run_are_refused_as_a_movie_but_not_images_beside_a_record(tmp_path):
    for name in ("mask0000.tif", "mask0001.tif"):
        tifffile.imwrite(tmp_path / name, IDS)
    assert why_unfit(read_movie(tmp_path)) is None
    (tmp_path / "run.json").write_text("{}")
    for path in (tmp_path, tmp_path / "mask0001.tif"):
        with pytest.raises(InputError, match="these are the masks of a run, not a movie"):
            temtrack.track(read_movie(path), model="otsu", tracker="overlap")
    tifffile.imwrite(tmp_path / "film.tif", GREY)
    assert why_unfit(read_movie(tmp_path / "film.tif")) is None
    assert why_unfit(read_movie(tmp_path)) is None


@pytest.mark.parametrize("shape", [(1, 2048), (2048, 1)])
def test_a_spectrum_is_no_image(shape):
    with pytest.raises(InputError, match=f"is {shape[0]} x {shape[1]} px, as a spectrum"):
        temtrack.segment(np.arange(2048.0).reshape(shape), model="otsu")


def test_images_that_are_not_of_one_size_are_told_of_by_their_heads(tmp_path):
    for name in ("a.tif", "b.tif"):
        tifffile.imwrite(tmp_path / name, GREY)
    assert tell_other_sizes(read_movie(tmp_path)) is None
    tifffile.imwrite(tmp_path / "c.tif", GREY[:, :50])
    told = tell_other_sizes(read_movie(tmp_path))
    assert told.startswith("1 of 3 images are not 90 x 90 px as the first: c.tif is 90 x 50")
