from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from real_data import REAL_DATA

from temtrack.imaging.annotations import (
    detect_annotations,
    detect_movie_annotations,
    hide_annotations,
    mask_out,
)
from temtrack.movie import Annotation, Movie

EMPS = REAL_DATA / "emps" / "images"


@pytest.fixture
def image():
    """A noisy field of 300 x 400 with dark round particles, some of them flat, and a row of equal ones."""
    y, x = np.mgrid[:300, :400]
    grey = np.random.default_rng(0).normal(150, 12, (300, 400))
    for cy, cx, ry, rx in ((60, 60, 20, 20), (120, 200, 12, 60), (200, 330, 15, 15), (250, 120, 18, 18)):
        grey[((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2 < 1] -= 110
    for cx in range(150, 300, 14):
        grey[((y - 140) / 5) ** 2 + ((x - cx) / 5) ** 2 < 1] = 0
    return grey.clip(0, 254).astype(np.uint8)


def draw(image, text="50 nm", at=(20, 262), bar=(20, 284, 80, 287), ink=255, size=16):
    picture = Image.fromarray(image)
    canvas = ImageDraw.Draw(picture)
    canvas.text(at, text, fill=ink, font=ImageFont.load_default(size))
    if bar:
        canvas.rectangle(bar, fill=ink)
    return np.asarray(picture)


def add_annotation_bar(image, ground, ink, height=24):
    image = image.copy()
    image[-height:] = ground
    return draw(image, "HV=200kV  Mag 40kx  2024/05/01", at=(5, 300 - height + 2), bar=None, ink=ink)


def covers(piece, y, x):
    return piece.rows.start <= y < piece.rows.stop and piece.columns.start <= x < piece.columns.stop


@pytest.mark.parametrize("ink", [0, 255])
@pytest.mark.parametrize("at", [(20, 262), (90, 274)])
def test_a_scale_bar_and_its_letters_above_or_beside_it(image, ink, at):
    (piece,) = detect_annotations(draw(image, at=at, ink=ink))
    assert piece.kind == "scale bar"
    for y, x in ((285, 21), (285, 79), (at[1] + 8, at[0] + 1), (at[1] + 8, at[0] + 36)):
        assert covers(piece, y, x)
    assert piece.columns.stop - piece.columns.start < 140


@pytest.mark.parametrize(("ground", "ink"), [(0, 255), (255, 0)])
def test_an_annotation_bar_along_the_lower_edge(image, ground, ink):
    (piece,) = detect_annotations(add_annotation_bar(image, ground, ink))
    assert (piece.kind, piece.columns) == ("annotation bar", slice(0, 400))
    assert 270 <= piece.rows.start <= 276
    assert piece.rows.stop == 300


def test_an_annotation_bar_along_the_upper_edge(image):
    (piece,) = detect_annotations(add_annotation_bar(image, 0, 255)[::-1])
    assert (piece.kind, piece.rows.start) == ("annotation bar", 0)


def test_a_scale_bar_within_an_annotation_bar_counts_once(image):
    image[-40:] = 0
    found = detect_annotations(draw(image, at=(20, 266), bar=(20, 290, 80, 293)))
    assert [piece.kind for piece in found] == ["annotation bar"]


def test_particles_noise_a_dark_edge_and_a_bar_without_letters_are_none(image):
    assert detect_annotations(image) == []
    assert detect_annotations(draw(image, text="")) == []
    image[-30:] = 0
    assert detect_annotations(image) == []
    assert detect_annotations(np.zeros((300, 400))) == []
    assert detect_annotations(np.ones((1, 1))) == []
    assert detect_annotations(np.full((300, 400), np.nan)) == []


def test_missing_pixels_hide_neither_a_bar_nor_the_grey_around_it(image):
    grey = draw(image).astype(np.float32)
    grey[:30, 0], grey[0, 0], grey[250:, 300:] = np.nan, np.inf, -np.inf
    hidden = hide_annotations(movie_of([grey]))
    (piece,) = hidden.burned_in
    assert covers(piece, 285, 50)
    assert hidden.read_frame(0)[285, 50] == pytest.approx(150, abs=15)


def test_letters_on_a_plate_beside_a_picture_go_with_the_plate(image):
    image[:40, :150] = image[:40, 250:] = 255
    (piece,) = detect_annotations(draw(image, text="PTFE", at=(270, 10), bar=None, ink=0))
    assert (piece.kind, piece.ink) == ("letters", None)
    assert (piece.rows, piece.columns) == (slice(0, 43), slice(247, 400))


@pytest.mark.parametrize("ink", [0, 255])
@pytest.mark.parametrize(("text", "at"), [("5.20 s", (270, 6)), ("Au NPs", (150, 262)), ("(b)", (6, 4))])
def test_letters_alone(image, text, at, ink):
    (piece,) = detect_annotations(draw(image, text, at=at, bar=None, ink=ink))
    assert (piece.kind, piece.ink) == ("letters", ink / 255)
    assert covers(piece, at[1] + 10, at[0] + 12)


def test_a_letter_alone_counts_in_a_corner_only(image):
    assert len(detect_annotations(draw(image, "b", at=(6, 4), bar=None, size=32))) == 1
    assert detect_annotations(draw(image, "b", at=(200, 250), bar=None, size=32)) == []


def test_a_row_of_rings_and_strings_of_noise_are_no_letters(image):
    y, x = np.mgrid[:300, :400]
    for cy, cx in ((cy, cx) for cy in range(20, 290, 30) for cx in range(20, 390, 24)):
        image[np.abs(np.hypot(y - cy, x - cx) - 7) < 1.5] = 0
    assert detect_annotations(image) == []
    noise = np.random.default_rng(1).normal(size=(300, 400))
    assert detect_annotations(noise) == detect_annotations(np.round(noise)) == []


def test_the_particle_under_letters_stays(image):
    image[240:290, 240:330] = 60
    hidden = hide_annotations(movie_of([draw(image, "12.5 s", at=(262, 255), bar=None)]))
    assert [piece.kind for piece in hidden.burned_in] == ["letters"]
    frame = hidden.read_frame(0)
    assert (frame[240:290, 240:330] == 60).all()
    assert (frame == image)[:, :240].all()
    labels = np.ones(image.shape, np.int32)
    assert (mask_out(labels, hidden.burned_in) == labels).all()


def test_a_time_that_runs_is_painted_out_in_every_frame(image):
    frames = [draw(image, f"t = {4 + 0.3 * t:.1f} s", at=(270, 6), bar=None) for t in range(6)]
    hidden = hide_annotations(movie_of(frames))
    (piece,) = hidden.burned_in
    for t in range(6):
        assert hidden.read_frame(t)[piece.rows, piece.columns].max() < 230


def movie_of(frames):
    return Movie(Path("film.tif"), len(frames), *frames[0].shape, frames[0].dtype, lambda t: frames[t])


def test_in_a_movie_it_must_last_and_a_blank_frame_does_not_hide_it(image):
    noisy = [image + np.uint8(t) for t in range(5)]
    shown = [draw(frame.clip(1, 254), ink=255) for frame in noisy]
    shown[2] = np.full_like(image, 9)
    (piece,) = detect_movie_annotations(movie_of(shown))
    assert covers(piece, 285, 50)
    assert detect_movie_annotations(movie_of([draw(image), *noisy[1:]])) == []


def test_hidden_it_has_the_grey_around_and_labels_are_background_there(image):
    hidden = hide_annotations(movie_of([draw(image)] * 3))
    (piece,) = hidden.burned_in
    frame = hidden.read_frame(0)
    assert np.unique(frame[piece.rows, piece.columns]).size == 1
    assert abs(int(frame[285, 50]) - 150) < 15
    outside = np.ones(image.shape, bool)
    outside[piece.rows, piece.columns] = False
    assert (frame == image)[outside].all()
    cleared = mask_out(np.ones(image.shape, np.int32), hidden.burned_in)
    assert (cleared == outside).all()


def test_a_few_pixels_that_are_lighter_still_do_not_hide_it(image):
    shown = draw(image, ink=230, bar=(20, 284, 180, 289)).copy()
    shown[5, ::40] = 255
    (piece,) = detect_annotations(shown)
    assert covers(piece, 285, 50)


def test_a_movie_without_any_stays_as_it_is(image):
    movie = movie_of([image])
    assert hide_annotations(movie) is movie
    assert str(Annotation("scale bar", slice(3, 9), slice(2, 40))) == "scale bar of 6x38 px at x=2, y=3"


@pytest.mark.shared
@pytest.mark.skipif(not EMPS.is_dir(), reason="real data do not lie beside this checkout")
@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("2bc87a8698", ["annotation bar"]),
        ("1ecd5c901c", ["annotation bar"]),
        ("39dda96b25", ["annotation bar", "scale bar", "letters"]),
        ("00655d9628", ["scale bar", "letters"]),
        ("1700be1235", ["scale bar", "letters", "letters"]),
        ("f84ce9e349", ["scale bar", "letters"]),  # JPEG made some pixels darker than the bar
        ("93ed483d79", ["scale bar"]),
        ("5e22377208", []),
        ("ae690251d5", []),
        ("59424b060a", ["letters", "letters"]),
    ],
)
def test_published_images(name, kinds):
    (path,) = EMPS.glob(f"{name}*")
    found = detect_annotations(np.asarray(Image.open(path).convert("L")))
    assert [piece.kind for piece in found] == kinds
