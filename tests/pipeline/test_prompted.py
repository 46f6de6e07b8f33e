"""Only particles that a person points at are followed, with their families."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from review_scene import MASKS, N_FRAMES, make_lineage

import temtrack
from temtrack.errors import InputError, TemtrackWarning
from temtrack.movie import movie_of_array
from temtrack.pipeline.prompted import Followed, families_of, only, put_in_place

FRAMES = np.where(MASKS > 0, 60, 180).astype(np.uint8)
ONE, FOUR = (0, 25, 18), (5, 70, 20)  # frame, y, x of particles 1, a parent, and 4, which stays alone


def track(**how):
    return temtrack.track(FRAMES, model="otsu", tracker="overlap", n_neighbours=0, **how)


def places(run, t):
    labels = run.masks[t]
    return {
        tuple(np.argwhere(labels == one).mean(axis=0).round().astype(int)) for one in set(labels[labels > 0])
    }


def test_a_point_names_a_particle_in_any_frame():
    run = track(prompts=np.array([FOUR], float))
    (alone,) = run.lineage.tracks
    assert (alone.start, alone.end) == (0, N_FRAMES - 1)
    assert places(run, 0) == places(run, 11) == {(70, 20)}
    assert all(set(ids) <= {alone.id} for ids in run.gap_filled.values())


def test_a_box_names_a_particle_with_its_family():
    run = track(prompts=np.array([[0, 15, 8, 35, 28]], float))
    (merge,) = run.lineage.merges
    assert places(run, 0) == {(25, 18), (25, 50)}
    assert {track.id for track in run.lineage.tracks} == {merge.child, *merge.parents}


def test_a_first_mask_names_particles(tmp_path):
    tifffile.imwrite(tmp_path / "first.tif", np.where(MASKS[0] == 4, 1, 0).astype(np.uint8))
    run = track(first_mask=tmp_path / "first.tif")
    assert len(run.lineage.tracks) == 1
    assert places(run, 11) == {(70, 20)}
    assert np.array_equal(run.masks[0] > 0, MASKS[0] == 4)


def test_a_point_beside_particles_is_told():
    with pytest.warns(TemtrackWarning, match=r"no particle is found in frame 0 at 2, 2 \(y, x\)"):
        run = track(prompts=np.array([FOUR, (0, 2, 2)], float))
    assert len(run.lineage.tracks) == 1


def test_a_model_that_takes_prompts_is_asked_in_their_frames():
    asked = []

    def ask(image, points, boxes):
        asked.append((int(image[0, 0]), None if points is None else points.tolist(), boxes))
        return np.where(MASKS[0] == 4, 1, 0)

    movie = movie_of_array(FRAMES)
    told = {}
    followed = Followed(movie, np.array([ONE, FOUR], float))
    segment = followed.put_into(lambda image: MASKS[0] == 9, ask, 4, told)
    seen = [segment(np.full((2, 2), t)) for t in (4, 5, 6)]
    assert asked == [(5, [[70.0, 20.0]], None)]
    assert [len(np.unique(labels)) - 1 for labels in seen] == [1, 2, 1]
    assert list(told) == [5]
    assert np.array_equal(told[5], MASKS[0] == 4)


def test_without_such_a_model_nothing_is_told():
    told = {}
    followed = Followed(movie_of_array(FRAMES), np.array([FOUR], float))
    segment = followed.put_into(lambda image: MASKS[0], None, 0, told)
    assert np.array_equal(segment(FRAMES[0]), MASKS[0])
    assert told == {}


def test_what_is_told_takes_the_place_of_what_it_covers():
    labels, told = np.array([[1, 1, 1, 0, 2, 2, 2, 2]]), np.array([[0, 1, 1, 1, 2, 0, 0, 0]])
    assert put_in_place(labels, told).tolist() == [[0, 3, 3, 3, 4, 2, 2, 2]]


def test_families_are_whole():
    lineage = make_lineage()
    assert families_of(lineage, {1}) == {1, 2, 3}
    assert families_of(lineage, {4, 99}) == {4}
    assert only(lineage, {4}).merges == ()


@pytest.mark.parametrize(
    ("prompts", "words"),
    [
        ([(12, 5, 5)], r"prompt in frame 12 at 5, 5: frames are 0 to 11"),
        ([(0.5, 5, 5)], r"prompt in frame 0\.5"),
        ([(0, 97, 5)], r"at 97, 5 \(y, x\) lies outside of frames of 96x120 px"),
        ([(0, 5, 5, 9, 121)], r"lies outside of frames"),
    ],
)
def test_prompts_that_do_not_fit_the_movie_are_refused(prompts, words):
    with pytest.raises(InputError, match=words):
        Followed(movie_of_array(FRAMES), np.array(prompts, float))


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (np.ones((4, 5), np.uint8), r"first\.tif: is of 4x5 px, the movie of 96x120 px"),
        (np.zeros((96, 120), np.uint8), r"first\.tif: holds no particle"),
    ],
)
def test_a_first_mask_that_does_not_fit_is_refused(tmp_path, mask, words):
    tifffile.imwrite(tmp_path / "first.tif", mask)
    with pytest.raises(InputError, match=words):
        Followed(movie_of_array(FRAMES), first_mask=tmp_path / "first.tif")


def test_a_missing_first_mask_is_refused():
    with pytest.raises(InputError, match=r"none\.tif"):
        Followed(movie_of_array(FRAMES), first_mask=Path("none.tif"))
