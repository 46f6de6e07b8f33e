from dataclasses import replace

import av
import numpy as np
import pytest

from temtrack.report import overlay
from temtrack.report.colors import TrackColors
from temtrack.report.overlay import Overlay, find_contour_pixels, write_overlay


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(overlay, "MIN_SIDE_PX", 150)


def n_pixels_of(picture, color):
    return int((picture == np.array(color, np.uint8)).all(axis=2).sum())


def test_contours_lie_inside_the_regions_and_part_those_that_touch():
    labels = np.zeros((9, 12), dtype=np.uint16)
    labels[2:7, 2:6], labels[2:7, 6:10] = 1, 2
    contour = find_contour_pixels(labels, line_px=1)
    assert not contour[labels == 0].any()
    assert contour[4].tolist() == [
        False,
        False,
        True,
        False,
        False,
        True,
        True,
        False,
        False,
        True,
        False,
        False,
    ]


def test_contours_have_the_colours_of_the_ids_that_are_there(scene):
    movie, masks, lineage = scene
    colors = TrackColors(lineage)
    picture = Overlay(movie, lineage).draw(0, movie.read_frame(0), masks[0])
    assert picture.shape == (122, 150, 3)
    assert n_pixels_of(picture, colors(1)) > 100
    assert n_pixels_of(picture, colors(2)) > 100
    assert n_pixels_of(picture, colors(3)) == 0


def test_a_merge_is_ringed_for_some_frames(scene, monkeypatch):
    monkeypatch.setattr(overlay, "FLASH_FRAMES", 2)
    movie, masks, lineage = scene
    with_ring = Overlay(movie, lineage)
    without = Overlay(movie, replace(lineage, merges=()))
    differs = [
        bool(
            (
                with_ring.draw(t, movie.read_frame(t), masks[t])
                != without.draw(t, movie.read_frame(t), masks[t])
            ).any()
        )
        for t in range(8)
    ]
    assert differs[4:6] == [True, True]
    assert not any(differs[:4] + differs[6:])


def test_empty_masks_leave_the_picture_grey(scene):
    movie, masks, _ = scene
    picture = Overlay(movie, None).draw(1, movie.read_frame(1), np.zeros_like(masks[1]))
    np.testing.assert_array_equal(picture[..., 0], picture[..., 1])


def test_the_film_has_all_frames_and_even_sides(scene, tmp_path, monkeypatch):
    monkeypatch.setattr(overlay, "MIN_SIDE_PX", 1)
    movie, masks, lineage = scene
    write_overlay(tmp_path / "film.mp4", movie, masks, lineage)
    with av.open(str(tmp_path / "film.mp4")) as container:
        frames = list(container.decode(video=0))
    assert len(frames) == 8
    assert (frames[0].height, frames[0].width) == (62, 76)
    assert frames[0].format.name == "yuv420p"
