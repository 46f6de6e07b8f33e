"""Letters that were drawn into an image: lines of writing, and the letter of a panel in a corner.

A character is of the lightest or darkest grey all over, sharp at its edge, and made of strokes that are thin
for its height. Particles may be as dark and as sharp, and even stand in a row; but they are thicker, or
convex, where most characters have a hole or a bay. Where many more pieces look like characters than stand in
lines, they are particles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import convex_hull_image

from temtrack.imaging.labels import without_small
from temtrack.imaging.scale_bar import TOLERANCE
from temtrack.imaging.spans import Box, grown, hull, length

#: Heights of a character, as fractions of the image's, and in pixels.
MIN_HEIGHT, MAX_HEIGHT, MIN_HEIGHT_PX = 0.012, 0.16, 5

#: Its width, in heights; several that touch are wider.
MAX_WIDTH = 2.2

#: The stroke of a bold letter, in heights.
MAX_STROKE = 0.36

#: Fractions of its convex hull: a character with a hole or a bay fills less than the first; one with a bay,
#: less than the second even with its holes.
MAX_FILLED, MAX_FILLED_WITH_HOLES = 0.85, 0.88

#: Grey values within so many tolerances of the ink are ink, since thin strokes are smeared; half of a
#: character's are within two, and of a panel's letter, which stands alone, within one.
SMEARED = 3
MAX_SMEAR = 2 * TOLERANCE

#: So far beside a character the grey differs by so much from the ink, as a fraction of the image's range, and
#: no more than such a fraction of the pixels are specks of ink: of noise more are.
BESIDE_PX, MIN_CONTRAST, MAX_SPECKS = 3, 0.3, 0.06

#: How far away the next character of a line is at most, in heights.
REACH = 1.2

#: Strokes of a line are alike within this factor.
STROKE_FACTOR = 2.0

#: A line has so many characters; such fractions of them have a hole or a bay, and a bay: rings have none.
MIN_CHARACTERS, MIN_OPEN, MIN_WITH_BAY = 3, 0.5, 0.3

#: The letter of a panel, in brackets or not, is so near a corner and so high, in fractions of the sides.
CORNER, MIN_PANEL_HEIGHT = 0.16, 0.03

#: More pieces than these that stand in no line, and than so many times those that do, are particles.
MAX_ASTRAY, ASTRAY_FACTOR = 20, 2


@dataclass(frozen=True)
class Character:
    """A piece of ink that may be a character: its rows and columns, and how it is drawn.

    ``smear`` is by how much half of it differs from the ink's grey at most; ``has_bay`` says that its outline
    is not convex, ``is_open`` that it has a hole or a bay.
    """

    rows: slice
    columns: slice
    stroke_px: float
    smear: float
    is_open: bool
    has_bay: bool


@dataclass(frozen=True)
class Line:
    """Characters that stand in a line, from left to right."""

    characters: tuple[Character, ...]

    @cached_property
    def box(self) -> Box:
        """The box around them."""
        return hull((one.rows, one.columns) for one in self.characters)

    def is_writing(self, shape: tuple[int, ...]) -> bool:
        """Whether this is writing, in an image of a shape (Y, X), wherever it stands."""
        n = len(self.characters)
        n_open, n_bays = (
            sum(each) for each in zip(*((c.is_open, c.has_bay) for c in self.characters), strict=True)
        )
        if n >= MIN_CHARACTERS and n_open >= MIN_OPEN * n and n_bays >= MIN_WITH_BAY * n:
            return True
        is_clear = all(one.has_bay and one.smear <= TOLERANCE for one in self.characters)
        is_high = length(self.box[0]) >= MIN_PANEL_HEIGHT * shape[0]
        return n <= MIN_CHARACTERS and is_clear and is_high and _is_in_corner(self.box, shape)


def find_lines(grey: NDArray[np.floating], ink: float) -> list[Line]:
    """Return what may be characters of an ink of grey 0 or 1, by lines, in an image (Y, X) in [0, 1]."""
    left = sorted(_find_characters(grey, ink), key=lambda one: one.columns.start)
    lines = []
    while left:
        line = _line_from(left, left[0])
        left = [one for one in left if one not in line.characters]
        lines.append(line)
    return lines


def written(lines: Sequence[Line], shape: tuple[int, ...]) -> list[Line]:
    """Return the lines of writing among those of one ink in an image of a shape (Y, X)."""
    found = [line for line in lines if line.is_writing(shape)]
    n_written, n_all = (sum(len(line.characters) for line in some) for some in (found, lines))
    return [] if n_all - n_written > max(MAX_ASTRAY, ASTRAY_FACTOR * n_written) else found


def _find_characters(grey: NDArray[np.floating], ink: float) -> list[Character]:
    away = np.abs(np.nan_to_num(grey, nan=1 - ink) - ink)
    pieces, _ = ndimage.label(away <= SMEARED * TOLERANCE, np.ones((3, 3)))
    lowest = max(MIN_HEIGHT_PX, MIN_HEIGHT * grey.shape[0])
    large = without_small(pieces, lowest)
    is_speck = (pieces > 0) & (large == 0)
    found = []
    for number, box in enumerate(ndimage.find_objects(large), start=1):
        height, width = map(length, box)
        if lowest <= height <= MAX_HEIGHT * grey.shape[0] and width <= MAX_WIDTH * height:
            around = grown(box, BESIDE_PX, grey.shape)
            drawn = large[around] == number
            if _stands_out(drawn, away[around], is_speck[around]):
                character = _describe(box, drawn, away[around])
                if character.stroke_px <= MAX_STROKE * height and character.smear <= MAX_SMEAR:
                    found.append(character)
    return found


def _stands_out(drawn: NDArray[np.bool_], away: NDArray[np.floating], is_speck: NDArray[np.bool_]) -> bool:
    """Tell whether beside what is drawn (Y, X) the grey is far ``away`` from the ink's, almost everywhere."""
    outside = ndimage.distance_transform_edt(~drawn)
    is_beside = (outside > 1) & (outside <= BESIDE_PX)
    if not is_beside.any() or np.median(away[is_beside]) < MIN_CONTRAST:
        return False
    return bool(np.mean(is_speck[is_beside]) <= MAX_SPECKS)


def _describe(box: Box, drawn: NDArray[np.bool_], away: NDArray[np.floating]) -> Character:
    hull_px = convex_hull_image(drawn).sum()
    return Character(
        *box,
        stroke_px=2 * float(ndimage.distance_transform_edt(np.pad(drawn, 1)).max()) - 1,
        smear=float(np.median(away[drawn])),
        is_open=bool(drawn.sum() < MAX_FILLED * hull_px),
        has_bay=bool(ndimage.binary_fill_holes(drawn).sum() < MAX_FILLED_WITH_HOLES * hull_px),
    )


def _line_from(characters: Sequence[Character], seed: Character) -> Line:
    """Return the characters, of some from left to right, that stand in a line with one of them."""
    level = [one for one in characters if _go_together(one, seed)]
    breaks = [i for i, (a, b) in enumerate(pairwise(level), start=1) if _are_apart(a, b)]
    runs = (level[i:j] for i, j in pairwise([0, *breaks, len(level)]))
    return Line(tuple(next(run for run in runs if seed in run)))


def _go_together(one: Character, other: Character) -> bool:
    """Tell whether two characters end at the same height, or nearly, and are drawn with one pen."""
    low, high = sorted((length(one.rows), length(other.rows)))
    thin, thick = sorted((one.stroke_px, other.stroke_px))
    ends_apart = abs(int(one.rows.stop) - int(other.rows.stop))
    is_level = ends_apart <= 0.3 * high and low >= 0.45 * high  # µ and g hang below
    return is_level and thick <= STROKE_FACTOR * thin


def _are_apart(one: Character, following: Character) -> bool:
    height = max(length(one.rows), length(following.rows))
    return bool(following.columns.start - one.columns.stop > REACH * height)


def _is_in_corner(box: Box, shape: tuple[int, ...]) -> bool:
    return all(min(span.stop, n - span.start) <= CORNER * n for span, n in zip(box, shape, strict=True))
