"""A correction finds its particles in a run tracked anew, where they have other ids or lack in a frame."""

from dataclasses import replace

import pytest
from review_scene import did, make_edited, place

from temtrack.review.corrections import (
    IdsSwapped,
    LinkCut,
    MergeAccepted,
    MergeAdded,
    ParticleDeleted,
)
from temtrack.review.outlines import ParticleOutlined
from temtrack.review.places import AFTER, BEFORE, Needless, Stale


@pytest.fixture
def run():
    return make_edited()


def test_an_accepted_merge_is_added_where_a_new_run_lacks_it(run):
    seen = MergeAccepted(place(run, 3, 6)).as_seen_in(run)
    merge = run.lineage().merges[0]
    run.drop_merge(run.merges[0])
    did(run, seen)
    (added,) = run.lineage().merges
    assert (added.frame, added.child, added.parents) == (merge.frame, merge.child, merge.parents)


def test_a_swap_stays_what_it_was_in_a_new_run(run):
    seen = IdsSwapped(place(run, 7, 5), place(run, 8, 5)).as_seen_in(run)
    tracks = did(run, seen)
    with pytest.raises(Needless):
        seen.apply(run)
    run.cut(7, 3)
    with pytest.raises(Stale, match="another particle before"):
        IdsSwapped(place(run, 4, 5), place(run, 9, 5), (place(run, 4, 4), place(run, 8, 4))).apply(run)
    assert len(tracks) == 11


def test_a_particle_that_lacks_in_the_frame_is_found_in_the_nearest(run):
    at = place(run, 4, 5)
    ParticleDeleted(at).apply(run)
    assert run.find(at, BEFORE) == (4, 4)
    assert run.find(at, AFTER) == (4, 6)
    tracks = did(run, LinkCut(at))
    assert tracks[4].end == 4


def test_an_outline_of_what_lacks_in_its_frame_fills_the_gap(run):
    at = place(run, 4, 5)
    ring = ((60.0, 10.0), (60.0, 30.0), (75.0, 30.0), (75.0, 10.0))
    ParticleDeleted(at).apply(run)
    tracks = did(run, ParticleOutlined(5, (ring,), at))
    assert 4 in run.labels(5)
    assert set(tracks) == set(range(1, 12))


@pytest.mark.parametrize("factor", [0.3, 3.0])
def test_place_comes_first_and_size_is_a_tie_breaker(run, factor):
    at = place(run, 9, 5)  # beside the small 10, which it touches
    assert run.find(replace(at, area_px=at.area_px * factor)) == (9, 5)
    between = replace(at, x_px=98.5)
    sizes = {one: run.particles(5)[one][2] for one in (9, 10)}
    assert run.find(replace(between, area_px=sizes[9])) == (9, 5)


def test_parents_that_are_one_by_then_are_found_before(run):
    late = [replace(place(run, one, 5), frame=6) for one in (1, 2)]
    run.drop_merge(run.merges[0])
    tracks = did(run, MergeAdded(place(run, 3, 7), tuple(late)))
    assert {1, 2} <= set(tracks[run.lineage().merges[0].child].parents)


def test_a_parent_that_leaves_its_merge_is_found_by_its_new_name(run):
    did(run, MergeAdded(place(run, 9, 6), (place(run, 9, 5), place(run, 10, 5))))
    first = run.lineage().merges[-1]
    tracks = did(run, MergeAdded(place(run, first.child, 8), (place(run, first.child, 7), place(run, 10, 5))))
    (merge,) = (m for m in run.lineage().merges if 10 in m.parents)
    assert (merge.frame, len(tracks[merge.child].parents)) == (8, 2)
    assert tracks[9].end == 7  # it was a parent, and goes on as the child was
    assert 9 in merge.parents
