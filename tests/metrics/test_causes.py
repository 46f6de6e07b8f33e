"""False merges told in scenes of the case bank."""

import numpy as np
import pytest
from cases import cross_over_fused, dissolve_beside_neighbour, touch_and_part, two_fuse

from temtrack.lineage import Lineage, Merge, Track
from temtrack.metrics.causes import FalseMergeCauses
from temtrack.metrics.overlaps import measure_overlaps


def lineage_of(case):
    """The true lineage, as far as the case states it."""
    tracks = []
    for i in np.unique(case.truth)[1:].tolist():
        frames = np.flatnonzero((case.truth == i).any(axis=(1, 2)))
        fate = case.fates.get(i, "present")
        tracks.append(Track(i, int(frames[0]), int(frames[-1]), "present", fate))
    merges = tuple(Merge(m.frame, m.child, tuple(m.parents), m.contact_frame, 0, 0) for m in case.merges)
    return Lineage(len(case.truth), tuple(tracks), merges)


def told(frame, *parents):
    return Merge(frame, 99, parents, frame, 0.0, 0.0)


@pytest.mark.parametrize(
    ("case", "merge", "cause"),
    [
        (two_fuse(), told(20, 1, 2), "frame"),
        (two_fuse(), told(5, 1, 90), "other"),
        (touch_and_part(), told(10, 1, 2), "contact"),
        (cross_over_fused(), told(8, 1, 2), "contact"),
        (dissolve_beside_neighbour(), told(11, 1, 2), "dissolution"),
        (dissolve_beside_neighbour(), told(9, 1, 2), "dissolution"),
        (two_fuse(), told(5, 1, 77), "flicker"),
    ],
    ids=lambda one: getattr(one, "name", None),
)
def test_the_truth_tells_the_cause(case, merge, cause):
    overlaps = measure_overlaps(case.truth, case.truth)
    assert FalseMergeCauses(overlaps, lineage_of(case)).cause(merge) == cause


def test_pieces_of_one_particle_that_join_are_a_flicker():
    case = touch_and_part()
    found = case.truth.copy()
    found[:4][(found[:4] == 1) & (np.arange(96) > 34)] = 7
    overlaps = measure_overlaps(found, case.truth)
    assert FalseMergeCauses(overlaps, lineage_of(case)).cause(told(4, 1, 7)) == "flicker"
