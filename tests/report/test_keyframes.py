from dataclasses import replace

import pytest
from PIL import Image

from temtrack.report.keyframes import choose_keyframes, draw_keyframes, write_keyframes


def frames_of(merge, lineage, later_frames=3):
    return [(one.caption, one.frame) for one in choose_keyframes(merge, lineage, later_frames)]


def test_key_frames_of_a_merge_with_a_long_contact(scene):
    _, _, lineage = scene
    found = frames_of(lineage.merges[0], lineage)
    assert found == [("first contact", 2), ("last apart", 3), ("merged", 4), ("later", 7)]


@pytest.mark.parametrize(("frame", "contact", "before"), [(4, 3, 1), (4, None, 1), (1, None, 0)])
def test_key_frames_of_a_merge_at_once(scene, frame, contact, before):
    _, _, lineage = scene
    merge = replace(lineage.merges[0], frame=frame, contact_frame=contact)
    assert frames_of(merge, lineage)[0] == ("before", before)


def test_later_is_within_the_childs_life(scene):
    _, _, lineage = scene
    assert frames_of(lineage.merges[0], lineage, later_frames=50)[-1] == ("later", 7)


def test_the_picture_names_parents_child_and_frames(scene):
    movie, masks, lineage = scene
    figure = draw_keyframes(movie, lambda t: masks[t], lineage)
    assert len(figure.axes) == 4
    words = [text.get_text() for axes in figure.axes for text in (*axes.texts, axes.title)]
    assert "1 + 2 → 3" in words
    assert "merged: frame 4 (2 s)" in words
    assert "2 nm" in words


@pytest.mark.parametrize(("contact", "words"), [(2, "frame 2"), (None, "not seen")])
def test_the_picture_says_when_the_contact_began(scene, contact, words):
    movie, masks, lineage = scene
    lineage = replace(lineage, merges=(replace(lineage.merges[0], contact_frame=contact),))
    figure = draw_keyframes(movie, lambda t: masks[t], lineage)
    assert f"merge: frame 4\ncontact: {words}" in [text.get_text() for text in figure.axes[0].texts]


def test_more_merges_than_rows_are_said_so(scene):
    movie, masks, lineage = scene
    lineage = replace(lineage, merges=lineage.merges * 3)
    figure = draw_keyframes(movie, lambda t: masks[t], lineage, max_events=2)
    assert len(figure.axes) == 8
    assert figure.texts[0].get_text() == "3 merges in two.tif, the first 2 shown"


def test_a_movie_without_merges_gives_a_picture_that_says_so(scene, tmp_path):
    movie, masks, lineage = scene
    write_keyframes(tmp_path / "k.png", movie, lambda t: masks[t], replace(lineage, merges=()))
    with Image.open(tmp_path / "k.png") as picture:
        assert picture.width > 500
