"""Frames that a person corrected become labelled images; others do not."""

import numpy as np
import pytest
import tifffile
from review_scene import MASKS, make_run, write_scene

from temtrack.datasets.labelled import read_dataset
from temtrack.errors import InputError
from temtrack.formats.readers import read_movie
from temtrack.formats.store.run import movie_source, write_run
from temtrack.pipeline.labels import reviewed_frames, write_labels
from temtrack.provenance import Provenance
from temtrack.review.corrections import Confirmed, FrameExcluded, IdsSwapped, ParticleDeleted, ParticlesJoined
from temtrack.review.log import Entry, Log, append
from temtrack.review.outlines import ParticleCopied, ParticleDivided, ParticleOutlined, ParticleSplit
from temtrack.review.places import Place

HERE, THERE = Place(5, 70.0, 20.0), Place(5, 70.0, 45.0)
RING = ((60.0, 10.0), (60.0, 30.0), (75.0, 30.0), (75.0, 10.0))


@pytest.fixture
def masks(tmp_path):
    folder = write_scene(tmp_path / "masks")
    tifffile.imwrite(tmp_path / "film.tif", np.where(MASKS > 0, 60, 180).astype(np.uint8))
    source = movie_source(read_movie(tmp_path / "film.tif"))
    write_run(folder, Provenance("track", "temtrack track", {"movie": source}))
    return folder


def corrected(masks, *done):
    run = make_run()
    append(Log(masks / "corrections.jsonl"), [Entry.now(one) for one in done], run)
    return masks


@pytest.mark.parametrize(
    ("correction", "frames"),
    [
        (Confirmed("frame", 3), {3}),
        (Confirmed("particle", 3, Place(3, 70, 20)), set()),
        (ParticleOutlined(5, (RING,), HERE), {5}),
        (ParticleCopied(HERE, 7), {7}),
        (ParticleSplit(HERE, ((60.0, 18.0), (80.0, 18.0))), {5}),
        (ParticleDivided(HERE, ((RING,), (RING,))), {5}),
        (ParticlesJoined(HERE, THERE), {5}),
        (ParticlesJoined(HERE, THERE, everywhere=True), set()),
        (ParticleDeleted(HERE), set()),
        (IdsSwapped(HERE, THERE), set()),
    ],
)
def test_which_corrections_are_a_look_at_a_frame(correction, frames):
    assert reviewed_frames([correction]) == frames


def test_frames_that_were_looked_at_become_labelled_images(masks, tmp_path):
    corrected(
        masks,
        ParticleOutlined(5, (RING,), HERE),
        Confirmed("frame", 9),
        ParticleDeleted(Place(9, 70.0, 70.0), everywhere=False),
        Confirmed("frame", 2),
        FrameExcluded(2),
    )
    (tmp_path / "labels" / "images").mkdir(parents=True)
    (tmp_path / "labels" / "images" / "old.tif").touch()
    assert write_labels(masks, tmp_path / "labels") == [5, 9]
    five, nine = read_dataset(tmp_path / "labels")
    assert (five.name, nine.name) == ("masks_0005", "masks_0009")
    assert five.labels[61, 11] > 0
    assert nine.labels[70, 70] == 0
    assert np.array_equal(nine.labels > 0, (MASKS[9] > 0) & (MASKS[9] != 7))
    assert five.image.shape == MASKS[5].shape


def test_a_run_that_nobody_looked_at_teaches_nothing(masks, tmp_path):
    corrected(masks, ParticleDeleted(HERE))
    with pytest.raises(InputError, match="no frame was looked at"):
        write_labels(masks, tmp_path / "labels")


def test_without_the_movie_it_is_one_line(masks, tmp_path):
    corrected(masks, Confirmed("frame", 3))
    (tmp_path / "film.tif").unlink()
    with pytest.raises(InputError, match=r"film\.tif: there is no such file"):
        write_labels(masks, tmp_path / "labels")
