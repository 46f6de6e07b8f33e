import numpy as np
import pytest

from temtrack.masks import Sightings


def labels_of(**boxes):
    """Draw boxes ``_7=(y0, y1, x0, x1)`` with id 7."""
    labels = np.zeros((20, 30), np.int32)
    for name, (y0, y1, x0, x1) in boxes.items():
        labels[y0:y1, x0:x1] = int(name[1:])
    return labels


BEFORE = labels_of(_1=(2, 8, 2, 8), _3=(10, 18, 20, 29))
SEEN = Sightings.of(BEFORE, np.array([0.9, np.nan, 0.5], np.float32))


def test_each_particle_is_seen_by_a_pixel_inside_it():
    assert BEFORE[tuple(SEEN.at_px.T)].tolist() == [1, 3]
    assert SEEN.score.tolist() == pytest.approx([0.9, 0.5])
    hook = np.zeros((9, 9), np.int32)
    hook[1:8, 1] = hook[7, 1:6] = 2
    assert hook[tuple(Sightings.of(hook, np.array([0.1, 0.7], np.float32)).at_px[0])] == 2


def test_what_has_no_score_is_not_seen():
    assert not Sightings.of(BEFORE, np.full(3, np.nan, np.float32)).score.size
    assert not Sightings.of(np.zeros((4, 5), np.int32), np.zeros(0, np.float32)).score.size


def test_a_score_goes_to_the_id_that_a_particle_bears():
    renamed = labels_of(_7=(2, 8, 2, 8), _4=(10, 18, 20, 29), _9=(0, 2, 10, 14))
    assert SEEN.scores(renamed, np.array([4, 7, 9])) == pytest.approx([0.5, 0.9, np.nan], nan_ok=True)
    joined = labels_of(_5=(0, 20, 0, 30))
    assert SEEN.scores(joined, np.array([5])) == pytest.approx([0.9])
    assert SEEN.scores(np.zeros_like(BEFORE), np.zeros(0, int)).size == 0


def test_what_moves_out_of_the_picture_is_forgotten():
    moved = labels_of(_1=(5, 11, 7, 13), _3=(13, 20, 25, 30))
    there = SEEN.moved((3, 5), moved)
    assert moved[tuple(there.at_px.T)].tolist() == [1, 3]
    assert SEEN.moved((3, 15), labels_of(_1=(5, 11, 17, 23))).score.tolist() == pytest.approx([0.9])


def test_of_a_particle_that_is_seen_anew_the_new_score_counts():
    now = labels_of(_1=(2, 8, 2, 8), _8=(10, 18, 20, 29), _6=(0, 3, 20, 24))
    anew = Sightings.of(labels_of(_1=(10, 18, 20, 29), _2=(0, 3, 20, 24)), np.array([0.6, 0.7], np.float32))
    both = SEEN.updated(anew, now)
    assert both.scores(now, np.array([1, 6, 8])) == pytest.approx([0.9, 0.7, 0.6])
    assert both.score.size == 3
