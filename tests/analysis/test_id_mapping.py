import numpy as np
import pytest

from temtrack.analysis.id_mapping import IdMapping
from temtrack.imaging.labels import LabelImage
from temtrack.lineage import Lineage, Merge, Track


def row(*ids):
    """A mask of one row of 3 px wide regions, with 2 px of background between them."""
    return np.array([np.repeat([value for one in ids for value in (one, 0)], [3, 2] * len(ids))])


# linked truth: 1 and 2 merge into 4 in frame 2; 3 dissolves after frame 1
LINKED = [row(1, 2, 3), row(1, 2, 3), row(4, 4, 0), row(4, 4, 0)]
LINEAGE = Lineage(
    4,
    (
        Track(1, 0, 1, "present", "merged"),
        Track(2, 0, 1, "present", "merged"),
        Track(3, 0, 1, "present", "dissolved"),
        Track(4, 2, 3, "merge", "present", (1, 2)),
    ),
    (Merge(2, 4, (1, 2), 1, 0.0, 4.0),),
)


def translated(given, lineage=LINEAGE, linked=LINKED):
    mapping = IdMapping()
    for linked_labels, given_labels in zip(linked, given, strict=True):
        mapping.add(LabelImage(linked_labels), LabelImage(given_labels))
    return mapping.translate(lineage)


def test_ids_of_another_program_are_used():
    lineage = translated([row(70, 5, 9), row(70, 5, 9), row(8, 8, 0), row(8, 8, 0)])
    (merge,) = lineage.merges
    assert (merge.frame, merge.child, merge.parents, merge.contact_frame) == (2, 8, (70, 5), 1)
    assert {track.id: (track.origin, track.fate, track.parents) for track in lineage.tracks} == {
        5: ("present", "merged", ()),
        70: ("present", "merged", ()),
        9: ("present", "dissolved", ()),
        8: ("merge", "present", (70, 5)),
    }


def test_a_parents_id_kept_on_for_the_child():
    lineage = translated([row(70, 5, 9), row(70, 5, 9), row(5, 5, 0), row(5, 5, 0)])
    (merge,) = lineage.merges
    assert (merge.child, merge.parents) == (5, (70, 5))
    assert (lineage.track(5).fate, lineage.track(5).parents) == ("present", ())
    assert lineage.track(70).fate == "merged"


def test_masks_that_show_one_particle_before_the_merge_is_complete():
    linked = [LINKED[0], LINKED[1], LINKED[1], LINKED[2]]
    lineage = Lineage(
        4,
        (
            Track(1, 0, 2, "present", "merged"),
            Track(2, 0, 2, "present", "merged"),
            Track(3, 0, 2, "present", "dissolved"),
            Track(4, 3, 3, "merge", "present", (1, 2)),
        ),
        (Merge(3, 4, (1, 2), 2, 0.0, 4.0),),
    )
    given = [row(70, 5, 9), row(70, 5, 9), row(8, 8, 9), row(8, 8, 0)]
    found = translated(given, lineage, linked)
    assert found.merges[0].parents == (70, 5)
    assert found.merges[0].child == 8
    assert found.track(70).fate == "merged"
    assert found.track(8).origin == "merge"


def test_blank_masks_around_the_merge_are_bridged():
    (merge,) = translated([row(70, 5, 9), row(0, 0, 9), row(0, 0, 0), row(8, 8, 0)]).merges
    assert (merge.child, merge.parents) == (8, (70, 5))


def test_a_tracker_that_loses_and_renames_a_particle():
    lineage = translated([row(70, 5, 9), row(71, 5, 9), row(8, 8, 0), row(8, 8, 0)])
    assert lineage.track(70).fate == "lost"
    assert lineage.track(71).origin == "appeared"
    assert lineage.merges[0].parents == (71, 5)


@pytest.mark.parametrize("one_id", [[3, 3, 3, 3], [0, 0, 0, 0]])
def test_masks_that_hold_one_particle_or_none_have_no_merge(one_id):
    assert translated([row(one, one, 0) for one in one_id]).merges == ()


def test_a_split_names_its_source():
    linked = [row(1, 1), row(2, 3)]
    lineage = Lineage(
        2,
        (
            Track(1, 0, 0, "present", "split"),
            Track(2, 1, 1, "split", "present", (1,)),
            Track(3, 1, 1, "split", "present", (1,)),
        ),
        (),
    )
    found = translated([row(10, 10), row(20, 30)], lineage, linked)
    assert found.track(10).fate == "split"
    assert found.track(30).parents == (10,)
