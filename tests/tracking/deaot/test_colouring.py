import numpy as np
import pytest

from temtrack.imaging.labels import LabelImage, measure_regions
from temtrack.tracking.deaot.colouring import colour_particles, find_conflicts


def field(n_rows, n_columns, spacing, radius):
    """Labels of equal discs on a square lattice, and their centres."""
    labels = np.zeros((n_rows * spacing, n_columns * spacing), np.int32)
    y, x = np.mgrid[: labels.shape[0], : labels.shape[1]]
    disc = (y % spacing - spacing // 2) ** 2 + (x % spacing - spacing // 2) ** 2 <= radius**2
    return np.where(disc, y // spacing * n_columns + x // spacing + 1, 0).astype(np.int32)


def coloured(labels, reach_px, before=None, **options):
    return colour_particles(
        measure_regions(labels), find_conflicts(LabelImage(labels), reach_px), before or {}, **options
    )


def test_masks_conflict_where_their_gap_is_within_reach():
    labels = np.zeros((80, 200), np.int32)
    for i, x in enumerate((10, 50, 130)):  # gaps of 20 and 60 px
        labels[30:50, x : x + 20] = i + 1
    assert find_conflicts(LabelImage(labels), 30).tolist() == [[1, 2]]
    assert find_conflicts(LabelImage(labels), 12).tolist() == []
    assert find_conflicts(LabelImage(labels), 90).tolist() == [[1, 2], [2, 3]]


def test_a_thousand_particles_share_ten_colours_and_none_meets_its_own():
    labels = field(32, 32, spacing=30, radius=10)
    reach_px = 15.0
    conflicts = find_conflicts(LabelImage(labels), reach_px)
    regions = measure_regions(labels)
    colours = colour_particles(regions, conflicts, {})
    assert set(colours.values()) == set(range(1, 11))
    assert all(colours[a] != colours[b] for a, b in conflicts.tolist())
    # each colour's bearers keep well more than the reach from each other: two spacings and not one
    colour = np.array([colours[i] for i in regions.ids.tolist()])
    apart = np.hypot(*(np.subtract.outer(v, v) for v in (regions.y_px, regions.x_px)))
    same = np.equal.outer(colour, colour) & ~np.eye(1024, dtype=bool)
    assert apart[same].min() >= 59


def test_colours_stay_and_of_two_that_drift_together_the_smaller_yields():
    labels = np.zeros((60, 200), np.int32)
    labels[20:40, 10:30], labels[20:44, 150:170] = 3, 8
    far = coloured(labels, 20, {3: 4, 8: 4})
    assert far == {3: 4, 8: 4}
    near = np.zeros_like(labels)
    near[20:40, 10:30], near[20:44, 40:60] = 3, 8
    close = coloured(near, 20, far)
    assert close[8] == 4
    assert close[3] != 4


def test_a_clique_beyond_ten_overflows_into_a_second_pass_and_comes_back():
    crowd = field(3, 4, spacing=8, radius=3)
    colours = coloured(crowd, 40)
    assert sorted(colours.values()) == list(range(1, 13))
    again = coloured(crowd, 40, colours)
    assert again == colours
    thinner = np.where(np.isin(crowd, (1, 2)), 0, crowd)
    assert sorted(coloured(thinner, 40, colours).values()) == list(range(1, 11))


@pytest.mark.parametrize("ids", [[], [70_000]])
def test_few_ids_and_high_ids_are_coloured(ids):
    labels = np.zeros((20, 20), np.int32)
    labels[5:9, 5:9] = ids[0] if ids else 0
    assert coloured(labels, 10) == dict.fromkeys(ids, 1)
