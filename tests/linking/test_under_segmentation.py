import numpy as np
import pytest

from temtrack.linking.under_segmentation import divide_detection, neck_clusters, neck_ratio


def dumbbell(distance, radius=20):
    y, x = np.indices((60, 140))
    discs = [(y - 30) ** 2 + (x - cx) ** 2 <= radius**2 for cx in (40, 40 + distance)]
    members = np.where(discs[0], 1, 0)
    members[discs[1] & (x > 40 + distance / 2)] = 2
    members[x > 40 + distance / 2] *= members[x > 40 + distance / 2] == 2
    return discs[0] | discs[1], members.astype(np.int32)


@pytest.mark.parametrize("distance", [39, 36, 32, 28])
def test_neck_of_two_discs_is_their_common_chord(distance):
    whole, members = dumbbell(distance)
    true = np.sqrt(20**2 - (distance / 2) ** 2) / 20
    parts = [np.argwhere(members == i) for i in (1, 2)]
    assert neck_ratio(np.argwhere(whole), *parts) == pytest.approx(true, abs=0.08)


def test_only_a_thick_neck_joins():
    whole, members = dumbbell(36)
    assert neck_clusters(whole, members, min_neck_ratio=0.3) == [frozenset({1, 2})]
    assert neck_clusters(whole, members, min_neck_ratio=0.7) == []


def test_every_pixel_goes_to_the_nearest_member():
    whole, members = dumbbell(36)
    eroded = members * (np.indices(members.shape)[0] % 3 == 0)
    shared = divide_detection(whole, eroded)
    np.testing.assert_array_equal(shared > 0, whole)
    assert (shared == members)[whole].mean() > 0.95
