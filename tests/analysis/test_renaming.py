import numpy as np
from cases.scene import Disc, draw

from temtrack.analysis.renaming import RenamedMerges
from temtrack.imaging.labels import LabelImage

PAIR = [Disc(1, 32, 30, 9, last=5), Disc(2, 32, 50, 7, last=5)]
CHILD = [Disc(3, 32, x, 9, first=6) for x in (35, 45)]
BESIDE = Disc(9, 10, 80, 5)


def told(masks, guests=frozenset()):
    renamed = RenamedMerges()
    for labels in masks:
        renamed.add(LabelImage(labels), guests)
    return [(m.frame, m.child, m.parents, m.contact_frame) for m in renamed.merges()]


def test_two_that_end_where_one_begins_are_its_parents_the_largest_first():
    assert told(draw([*PAIR, *CHILD, BESIDE], 12)) == [(6, 3, (1, 2), None)]


def test_the_contact_of_a_guest_is_not_seen():
    masks = draw([*PAIR, *CHILD], 12)
    masks[4:6, 32, 39:44] = 1
    assert told(masks) == [(6, 3, (1, 2), 4)]
    assert told(masks, frozenset({1})) == [(6, 3, (1, 2), None)]


def test_one_that_is_back_later_was_no_parent():
    masks = draw([*PAIR, *CHILD], 12)
    masks[9:, 2:6, 2:6] = 2
    assert told(masks) == []


def test_one_that_ends_far_off_or_whose_area_does_not_fit_is_no_parent():
    far = [PAIR[0], Disc(2, 32, 90, 5, last=5)]
    assert told(draw([*far, *CHILD], 12)) == []
    tiny = [Disc(3, 32, 40, 3, first=6)]
    assert told(draw([*PAIR, *tiny], 12)) == []


def test_a_child_that_keeps_a_parents_id_is_told_by_no_id():
    masks = draw([*PAIR, *CHILD], 12)
    assert told(np.where(masks == 3, 1, masks)) == []
