"""A pair that a neck joins has merged though it is still drawn apart; one that only touches has not."""

import numpy as np
import pytest
from scipy import ndimage

from temtrack.linking.config import LinkingConfig
from temtrack.linking.masks import link_masks
from temtrack.linking.welding import contact_px, neck_px

N_FRAMES, MERGED = 40, 20
OF_A_NETWORK = LinkingConfig(necks_join=True)


def draw(distance_px):
    """Return two discs of radius 10, the second cut where it is nearer to the first's centre."""
    y, x = np.mgrid[:60, :80]
    to_a, to_b = np.hypot(y - 30, x - 25), np.hypot(y - 30, x - 25 - distance_px)
    labels = np.where((to_a <= 10) & (to_a <= to_b), 1, 0)
    labels[(to_b <= 10) & (to_b < to_a)] = 2
    labels[(np.hypot(y - 12, x - 66) <= 7)] = 3
    return labels


def film(n_welded, welded_px):
    """Return two that touch for long, are welded for some frames, and then are one detection."""
    masks = [draw(20.0) for _ in range(MERGED - n_welded)] + [draw(welded_px) for _ in range(n_welded)]
    one = draw(welded_px)
    one[one == 2] = 1
    return [*masks, *[one] * (N_FRAMES - MERGED)]


@pytest.mark.parametrize(
    ("n_welded", "frame"), [(0, MERGED), (1, MERGED - 1), (3, MERGED - 3), (5, MERGED - 3)]
)
def test_a_merge_begins_where_the_contact_is_a_neck(n_welded, frame):
    linked = link_masks(film(n_welded, 16.0), OF_A_NETWORK)
    frames = [one.labels for one in linked]
    (merge,) = linked.lineage.merges
    assert (merge.frame, merge.parents) == (frame, (1, 2))
    assert set(np.unique(frames[frame])) == {0, 3, merge.child}
    assert ndimage.label(frames[frame] == merge.child)[1] == 1


def test_masks_that_others_drew_tell_themselves_what_is_one():
    linked = link_masks(film(4, 16.0))
    list(linked)
    assert [merge.frame for merge in linked.lineage.merges] == [MERGED]


def test_two_in_a_wide_contact_that_stay_apart_are_two():
    linked = link_masks([draw(16.0)] * N_FRAMES, OF_A_NETWORK)
    list(linked)
    assert not linked.lineage.merges


def test_a_contact_is_as_long_as_what_borders():
    a, b = np.zeros((2, 9, 9), bool)
    a[2:6, 2:5] = b[3:9, 5:8] = True
    assert contact_px(a, b) == 4.0  # rows 2 to 5, the first by its corner
    assert contact_px(a, np.roll(b, 1, axis=1)) == 0.0


@pytest.mark.parametrize(("radius_a", "radius_b"), [(5, 5), (11, 11), (14, 9), (25, 25)])
def test_a_neck_is_as_wide_as_it_was_drawn(radius_a, radius_b):
    rng = np.random.default_rng(0)
    for wanted in (0.2, 0.3, 0.6):
        neck = wanted * min(radius_a, radius_b)
        apart = np.sqrt(radius_a**2 - neck**2) + np.sqrt(radius_b**2 - neck**2)
        found = [neck_px(contact_px(*two_discs(rng, radius_a, radius_b, apart)), radius_a, radius_b)
                 for _ in range(60)]  # fmt: skip
        assert np.median(found) == pytest.approx(neck, abs=0.1 * min(radius_a, radius_b))


def two_discs(rng, radius_a, radius_b, apart):
    """Draw two discs that overlap at any angle, parted where they cross."""
    half = radius_a + radius_b + 6
    y, x = np.mgrid[-half:half, -half:half] + rng.uniform(-0.5, 0.5, (2, 1, 1))
    angle = rng.uniform(0, np.pi)
    dy, dx = apart / 2 * np.sin(angle), apart / 2 * np.cos(angle)
    power_a = (y + dy) ** 2 + (x + dx) ** 2 - radius_a**2
    power_b = (y - dy) ** 2 + (x - dx) ** 2 - radius_b**2
    return (power_a <= 0) & (power_a <= power_b), (power_b <= 0) & (power_b < power_a)
