import numpy as np
import pytest

from temtrack.imaging.labels import measure_regions, overlap_counts
from temtrack.linking.association import associate
from temtrack.linking.likelihood import Expected


def just_seen(regions):
    """Return regions as tracks that were seen in the frame before."""
    n = regions.ids.size
    return Expected(
        ids=regions.ids,
        at=np.stack([regions.y_px, regions.x_px], axis=1),
        area_px=regions.area_px.astype(float),
        touches_border=regions.touches_border,
        is_outside=np.zeros(n, bool),
        gap_frames=np.zeros(n, int),
        is_established=np.ones(n, bool),
    )


def link(propagated, detections):
    tracks, found = just_seen(measure_regions(propagated)), measure_regions(detections)
    result = associate(tracks, found, overlap_counts(propagated, detections), float(propagated.size))
    return {(tuple(sorted(x.tracks)), tuple(sorted(x.detections))) for x in result.links}, result


def image(**boxes):
    """Draw boxes ``_7=(y0, y1, x0, x1)`` with id 7."""
    labels = np.zeros((40, 60), np.int32)
    for name, (y0, y1, x0, x1) in boxes.items():
        labels[y0:y1, x0:x1] = int(name[1:])
    return labels


def test_one_to_one_and_unmatched_on_either_side():
    links, result = link(
        image(_1=(5, 15, 5, 15), _2=(25, 35, 5, 15)), image(_8=(6, 16, 6, 16), _9=(5, 15, 45, 55))
    )
    assert links == {((1,), (8,))}
    assert (result.unmatched_tracks, result.unmatched_detections) == ((2,), (9,))


def test_three_tracks_in_one_segment():
    propagated = image(_1=(5, 15, 5, 15), _2=(5, 15, 15, 25), _3=(15, 25, 5, 25))
    assert link(propagated, image(_4=(5, 25, 5, 25)))[0] == {((1, 2, 3), (4,))}


def test_one_track_in_two_segments():
    detections = image(_4=(5, 25, 5, 14), _5=(5, 25, 16, 25))
    assert link(image(_1=(5, 25, 5, 25)), detections)[0] == {((1,), (4, 5))}


def test_neighbours_that_all_moved_half_a_diameter_are_linked_one_by_one():
    propagated = image(_1=(5, 15, 5, 15), _2=(5, 15, 15, 25), _3=(5, 15, 25, 35))
    detections = image(_6=(5, 15, 9, 19), _7=(5, 15, 19, 29), _8=(5, 15, 29, 39))
    assert link(propagated, detections)[0] == {((1,), (6,)), ((2,), (7,)), ((3,), (8,))}


def test_a_merge_beside_a_spurious_detection_is_still_a_merge():
    propagated = image(_1=(5, 15, 5, 15), _2=(5, 15, 15, 25))
    detections = image(_4=(5, 15, 5, 25), _5=(14, 16, 22, 25))
    links, result = link(propagated, detections)
    assert links == {((1, 2), (4,))}
    assert result.unmatched_detections == (5,)


@pytest.mark.parametrize(("step", "size", "linked"), [(8, 5, True), (30, 5, False), (8, 10, False)])
def test_without_overlap_the_nearest_in_reach_and_of_like_size_is_linked(step, size, linked):
    propagated = image(_1=(10, 15, 5, 10))
    links, _ = link(propagated, image(_3=(10, 10 + size, 5 + step, 5 + step + size)))
    assert (links == {((1,), (3,))}) is linked


def test_empty_frames_link_nothing():
    nothing = image()
    assert link(nothing, nothing)[0] == set()
    assert link(image(_1=(1, 5, 1, 5)), nothing)[1].unmatched_tracks == (1,)
