"""The frame of a merge where detections are missing around it: told by areas, frame by frame."""

import numpy as np
import pytest

from temtrack.linking.masks import link_masks
from temtrack.linking.records import TrackState
from temtrack.linking.state import LinkerState

RADIUS = 5.0


def movie(merge=20, n_frames=44, missed=(), joint=()):
    """Film two that come nearer, from a gap of 5 px, and are one from ``merge`` on, beside six others.

    ``missed`` has (particle, frame) of detections that are not there, the child's number being 3; in
    ``joint`` frames one detection covers the two and what is between.
    """
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:90, :130]
    others = [(4 + n, 70, 15 + 20 * n, RADIUS) for n in range(6)]
    for t in range(n_frames):
        apart = RADIUS + 1.5 + max(merge - t, 0) * 2.5 / merge
        pair = [(1, 25, 60 - apart, RADIUS), (2, 25, 60 + apart, RADIUS)]
        labels = np.zeros(y.shape, np.int32)
        for i, row, column, radius in [*others, *(pair if t < merge else [(3, 25, 60, RADIUS * 2**0.5)])]:
            if (i, t) not in missed:
                row, column = row + rng.normal(0, 0.3), column + rng.normal(0, 0.3)
                labels[np.hypot(y - row, x - column) < radius] = i
        if t in joint:
            labels[(labels == 2) | ((np.abs(y - 25) < 3) & (np.abs(x - 60) < apart))] = 1
        yield labels


def merges_of(**kinds):
    """Return the merges told, as frame and last frames of the parents."""
    linked = link_masks(movie(**kinds))
    for _ in linked:
        pass
    last = {track.id: track.end for track in linked.lineage.tracks}
    return [(merge.frame, [last[i] for i in merge.parents]) for merge in linked.lineage.merges]


@pytest.mark.parametrize("n_missed", [0, 2, 4, 6])
def test_a_parent_that_is_missed_before_merges_when_the_area_has_grown(n_missed):
    missed = [(2, t) for t in range(20 - n_missed, 20)]
    assert merges_of(missed=missed) == [(20, [19, 19])]


@pytest.mark.parametrize("n_missed", [2, 6])
def test_a_child_that_is_missed_at_first_begins_where_its_parents_end(n_missed):
    missed = [(3, t) for t in range(20, 20 + n_missed)]
    assert merges_of(missed=missed) == [(20, [19, 19])]


def test_a_detection_no_larger_than_one_of_two_that_shared_the_last_is_no_child():
    assert merges_of(joint=[16, 17], missed=[(1, 18), (2, 19)]) == [(20, [19, 19])]


def test_a_parent_seen_twice_in_the_first_three_frames_is_one():
    assert merges_of(merge=3, missed=[(2, 1)]) == [(3, [2, 2])]


def test_a_track_that_merges_later_is_remembered_as_long_as_it_is_seen():
    state = LinkerState(
        tracks={1: TrackState(1, born=0, last_seen=30), 2: TrackState(2, born=0, last_seen=15)}
    )
    for track_id in (1, 2):
        state.keep_until(track_id, 20)
    assert [state.tracks[i].last_seen for i in (1, 2)] == [30, 19]
