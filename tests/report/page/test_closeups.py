import numpy as np
import page_scene
import pandas as pd

from temtrack.report.page.frames import list_closeups
from temtrack.report.page.lineage import find_box, lineage_of, list_merges
from temtrack.report.panel import Box


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


def test_a_closeup_beyond_the_edge_holds_what_is_there():
    grey = np.arange(100, dtype=np.uint8).reshape(10, 10)
    assert Box(-2, 7, 5).cut(grey).tolist() == [[7, 8, 9], [17, 18, 19], [27, 28, 29]]


def test_the_first_merges_have_closeups_up_to_a_number():
    run = page_scene.make_source().run
    merges = list_merges(run, lineage_of(run)) * 2
    closeups = list_closeups(merges, max_closeups=6)
    assert {frame: [name for name, _ in here] for frame, here in closeups.items()} == {
        4: ["closeup-0-0", "closeup-1-0"],
        5: ["closeup-0-1", "closeup-1-1"],
        6: ["closeup-0-2"],
        11: ["closeup-0-3"],
    }


def test_the_box_of_a_merge_holds_parents_and_child():
    run = page_scene.make_source().run
    (merge,) = list_merges(run, lineage_of(run))
    box, masks = Box(**merge["box"]), page_scene.draw_masks()
    for frame, _ in merge["keyframes"]:
        y, x = np.nonzero(np.isin(masks[frame], (1, 2, 3)))
        assert box.top < y.min() <= y.max() < box.top + box.side
        assert box.left < x.min() <= x.max() < box.left + box.side
