"""A movie tracked anew keeps the outlines of the frames that a person corrected."""

import numpy as np
import pytest
from review_scene import MASKS, N_FRAMES, make_run, write_scene

import temtrack
from temtrack.errors import InputError
from temtrack.formats.store.movies import write_movie
from temtrack.movie import movie_of_array
from temtrack.pipeline.corrected_frames import CorrectedFrames
from temtrack.pipeline.reproduce import reproduce
from temtrack.review.corrections import Confirmed, FrameExcluded, ParticleDeleted
from temtrack.review.log import Entry, Log, append, read_log
from temtrack.review.outlines import ParticleOutlined
from temtrack.review.places import Place

FRAMES = np.where(MASKS > 0, 60, 180).astype(np.uint8)
DONE = [
    Confirmed("frame", 4),
    ParticleDeleted(Place(6, 70.0, 88.0)),
    Confirmed("frame", 6),
    Confirmed("frame", 9),
    FrameExcluded(9),
]


@pytest.fixture
def reviewed(tmp_path):
    folder = write_scene(tmp_path / "masks")
    append(Log(folder / "corrections.jsonl"), list(map(Entry.now, DONE)), make_run())
    return folder


def test_corrected_frames_take_the_place_of_what_a_model_sees(reviewed):
    movie = movie_of_array(FRAMES)
    segment = CorrectedFrames.of(reviewed, movie).in_place_of(
        lambda image: np.zeros(image.shape, np.int32), 3
    )
    seen = [segment(FRAMES[t]) for t in range(3, N_FRAMES)]
    assert [t for t, labels in enumerate(seen, start=3) if labels.any()] == [4, 6]
    assert np.array_equal(seen[1], MASKS[4])
    assert np.array_equal(seen[3] > 0, (MASKS[6] > 0) & (MASKS[6] != 8))


def test_frames_of_a_piece_are_found_by_their_number_in_the_movie(reviewed):
    piece = movie_of_array(FRAMES).cut(slice(2, None, 2))
    assert set(CorrectedFrames.of(reviewed, piece).read) == {1, 2}


@pytest.mark.filterwarnings("ignore:.*half-read:temtrack.errors.TemtrackWarning")  # without noise rows repeat
def test_a_corrected_outline_is_kept_by_the_tracker(reviewed, tmp_path):
    ring = ((62.0, 12.0), (62.0, 28.0), (78.0, 28.0), (78.0, 12.0))
    run = make_run()
    drawn = ParticleOutlined(4, (ring,), Place(4, 70.0, 20.0))
    append(read_log(reviewed / "corrections.jsonl", run), [Entry.now(drawn)], run)
    path = tmp_path / "film.tif"
    write_movie(path, movie_of_array(FRAMES))
    how = {"model": "otsu", "tracker": "overlap", "n_neighbours": 0, "corrections": reviewed}
    found = temtrack.track(temtrack.read_movie(path), tmp_path / "new", **how)
    areas = [np.count_nonzero(labels == found.masks[0][70, 20]) for labels in found.masks]
    assert areas == [256 if t == 4 else np.count_nonzero(MASKS[t] == 4) for t in range(N_FRAMES)]
    assert found.provenance.inputs["corrections"].name == str(reviewed / "corrections.jsonl")
    reproduce(found.provenance, tmp_path / "again")
    assert np.array_equal(temtrack.open_run(tmp_path / "again").masks[4], found.masks[4])


@pytest.mark.parametrize("tracker", ["overlap", "trackpy"])
@pytest.mark.parametrize(("told", "shown"), [([2], {2}), ([2, 6], set(range(2, 7))), ([0, 5], set(range(6)))])
def test_what_only_a_person_sees_is_kept(tmp_path, tracker, told, shown):
    folder = write_scene(tmp_path / "masks")
    said = [Entry.now(Confirmed("frame", t)) for t in told]
    append(Log(folder / "corrections.jsonl"), said, make_run())
    frames = np.where((MASKS > 0) & (MASKS != 7), 60, 180).astype(np.uint8)
    frames = np.concatenate([frames, frames[-1:].repeat(9, axis=0)])  # until a gap is too long
    write_movie(tmp_path / "film.tif", movie_of_array(frames))
    how = {"model": "otsu", "tracker": tracker, "n_neighbours": 0, "corrections": folder}
    found = temtrack.track(temtrack.read_movie(tmp_path / "film.tif"), tmp_path / "new", **how)
    one = found.masks[told[0]][70, 70]
    assert {t for t, labels in enumerate(found.masks) if labels[70, 70]} == shown
    assert all(np.array_equal(found.masks[t] == one, MASKS[t] == 7) for t in told)


def test_what_a_person_deleted_in_a_frame_is_not_drawn_there_again(reviewed, tmp_path):
    write_movie(tmp_path / "film.tif", movie_of_array(FRAMES))
    how = {"model": "otsu", "tracker": "overlap", "n_neighbours": 0, "corrections": reviewed}
    temtrack.track(temtrack.read_movie(tmp_path / "film.tif"), tmp_path / "new", **how)
    found = temtrack.open_run(tmp_path / "new")
    one = found.masks[0][70, 88]
    assert [labels[70, 88] == one for labels in found.masks] == [t != 6 for t in range(N_FRAMES)]
    assert one not in found.gap_filled.get(6, ())


def test_what_does_not_fit_the_movie_is_refused(reviewed, tmp_path):
    with pytest.raises(InputError, match=r"is of frames of 96x120 px, the movie of 90x120 px"):
        CorrectedFrames.of(reviewed, movie_of_array(FRAMES[:, :90]))
    with pytest.raises(InputError, match="none of the frames that were looked at is tracked"):
        CorrectedFrames.of(reviewed, movie_of_array(FRAMES).cut(slice(10, None)))
    with pytest.raises(InputError, match="no frame was looked at"):
        CorrectedFrames.of(write_scene(tmp_path / "other"), movie_of_array(FRAMES))
