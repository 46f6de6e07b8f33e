from dataclasses import replace

import numpy as np
import page_scene
import pandas as pd
import pytest

from temtrack.lineage import Lineage, Merge
from temtrack.report.keyframes import Box
from temtrack.report.page.lineage import find_box, layout_families, lineage_of, list_merges, list_tracks


def tree(*merges):
    """A lineage of merges told as (frame, parents, child)."""
    told = (Merge(frame, child, parents, frame, 0.0, 0.0) for frame, parents, child in merges)
    return Lineage(100, (), tuple(told))


def test_parents_lie_beside_each_other_and_the_child_between_them():
    rows = layout_families(tree((5, (1, 2), 3)))
    assert {rows[1], rows[2]} == {0, 1}
    assert rows[3] == 0.5


def test_a_cascade_takes_rows_without_crossing():
    rows = layout_families(tree((5, (1, 2), 3), (9, (3, 4), 5)))
    assert sorted(rows[one] for one in (1, 2, 4)) == [0, 1, 2]
    assert abs(rows[1] - rows[2]) == 1
    assert rows[5] == (rows[3] + rows[4]) / 2


def test_families_have_rows_of_their_own_in_the_order_of_their_first_merge():
    rows = layout_families(tree((4, (7, 8), 9), (6, (1, 2), 3), (8, (9, 10), 11)))
    assert max(rows[one] for one in (7, 8, 9, 10, 11)) < min(rows[one] for one in (1, 2, 3))


def test_an_id_that_lives_on_keeps_a_row_of_its_own():
    rows = layout_families(tree((5, (1, 2), 1), (8, (1, 3), 1)))
    assert sorted(rows.values()) == [0, 1, 2]


def test_a_ring_of_ids_ends():
    assert set(layout_families(tree((5, (1, 2), 3), (7, (3, 4), 1)))) == {1, 2, 3, 4}


def test_a_thousand_merges_in_a_row_are_no_trouble():
    chain = [(one, (one, 10_000 + one), one + 1) for one in range(1, 1001)]
    assert len(layout_families(tree(*chain))) == 2001


def test_merges_are_listed_with_their_key_frames_and_the_childs_size():
    run = page_scene.make_source().run
    (merge,) = list_merges(run, lineage_of(run))
    assert (merge["parent_ids"], merge["child_id"], merge["frame"], merge["contact_frame"]) == (
        [1, 2],
        3,
        6,
        4,
    )
    area = int((page_scene.draw_masks()[6] == 3).sum())
    assert merge["diameter"] == pytest.approx(2 * (area / 3.14159265) ** 0.5 * 0.5, rel=1e-4)
    assert [frame for frame, _ in merge["keyframes"]] == [4, 5, 6, 11]


def test_a_contact_that_nobody_saw_stays_null():
    run = page_scene.make_source().run
    run = replace(run, merges=run.merges.assign(contact_frame=np.nan))
    (merge,) = list_merges(run, lineage_of(run))
    assert merge["contact_frame"] is None
    assert [frame for frame, _ in merge["keyframes"]] == [3, 5, 6, 11]


def test_tracks_are_listed_with_origin_fate_and_a_row_only_in_families():
    run = page_scene.make_source().run
    tracks = list_tracks(run, lineage_of(run))
    by_id = {one: index for index, one in enumerate(tracks["id"])}
    assert tracks["fate"][by_id[12]] == "dissolved"
    assert tracks["row"][by_id[3]] == 0.5
    assert tracks["row"][by_id[4]] is None
    assert len({tracks["color"][by_id[one]] for one in (1, 2, 3)}) == 3


def rows_of(*particles):
    """Particles told as (y, x, long axis, diameter)."""
    names = ["y_px", "x_px", "major_axis_px", "equivalent_diameter_px"]
    return pd.DataFrame(particles, columns=names, dtype=float)


def test_the_box_is_a_square_around_all_particles_with_some_margin():
    box = find_box(rows_of((50, 20, 8, 7), (50, 40, 12, 12)), (0, 0))
    assert box.side == 51  # from x = 16 to 46: 30 px, half as much again, and 3 px on each side
    assert abs(box.top + box.side / 2 - 50) <= 0.5
    assert abs(box.left + box.side / 2 - 31) <= 0.5


def test_a_particle_without_axis_is_as_large_as_its_diameter():
    assert find_box(rows_of((10, 10, np.nan, 4)), (0, 0)) == Box(4, 4, 12)


def test_without_particles_the_box_lies_around_the_centre():
    assert find_box(rows_of(), (30, 40)) == Box(27, 37, 6)


def test_the_box_of_a_merge_holds_parents_and_child():
    run = page_scene.make_source().run
    (merge,) = list_merges(run, lineage_of(run))
    box, masks = Box(**merge["box"]), page_scene.draw_masks()
    for frame, _ in merge["keyframes"]:
        y, x = np.nonzero(np.isin(masks[frame], (1, 2, 3)))
        assert box.top < y.min() <= y.max() < box.top + box.side
        assert box.left < x.min() <= x.max() < box.left + box.side
