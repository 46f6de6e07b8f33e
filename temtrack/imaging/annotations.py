"""What a camera's program burned into an image: an annotation bar along an edge, a scale bar, letters.

Only what is plain counts: a band of black or white background with writing on it, a scale bar with its
letters beside it, and lines of letters. Particles are never so straight, even and sharp. What lies under a
bar is lost; letters are painted out, and the particle under them stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from temtrack.imaging.annotation_bar import SMEAR_PX, find_bar_rows
from temtrack.imaging.intensity import rescale_intensity
from temtrack.imaging.labels import spread
from temtrack.imaging.lettering import SMEARED, Line, find_lines, written
from temtrack.imaging.scale_bar import TOLERANCE, detect_scale_bars, grey_range, scale_grey
from temtrack.imaging.spans import Box, covered_by, gap, grown, hull, length
from temtrack.movie import Annotation, Movie

MIN_SIDE_PX = 128  # a smaller image has no room for letters beside its particles
N_SAMPLES = 5  # frames of a movie that are examined; what more than half of them show lies there all along
RIM_PX = 12  # the grey of an annotation's surroundings is that of a rim so wide

Lines = Mapping[float, list[Line]]  # what may be lines of letters, by their ink

REACH = 1.6  # as far from a scale bar are its letters at most, in heights of theirs
MIN_LETTERS = 3  # of a scale bar: 5 nm has three

# A plate under letters: its height in theirs, what it is at most of an image, and at least of its own box.
PLATE_RIM_PX, MAX_PLATE_HEIGHT, MAX_PLATE, MIN_PLATE_FILLED = 3, 4.0, 0.15, 0.9


def detect_annotations(image: NDArray[Any]) -> list[Annotation]:
    """Return annotation bars, scale bars with letters, and letters of a grey image (Y, X); none in doubt.

    They are of the lightest or darkest grey; but where noise or JPEG made a few pixels lighter or darker
    still, only with those left out.
    """
    scaled = scale_grey(image)
    if scaled is None or min(image.shape) < MIN_SIDE_PX:
        return []
    greys = [scaled.astype(np.float32), rescale_intensity(image)]
    if np.nanmax(np.abs(greys[1] - greys[0])) < TOLERANCE / 2:
        greys.pop()
    lines = [{ink: find_lines(grey, ink) for ink in (0.0, 1.0)} for grey in greys]
    found: list[Annotation] = []
    for find in (_bars, _lettering):  # letters of a bar belong to it
        for one in (each for grey, of_grey in zip(greys, lines, strict=True) for each in find(grey, of_grey)):
            if not any(_overlap(one, known) for known in found):
                found.append(one)
    return found


def detect_movie_annotations(movie: Movie) -> list[Annotation]:
    """Return what is burned into most of some frames, evenly spread over a movie, at the same place."""
    samples = np.unique(np.linspace(0, movie.n_frames - 1, N_SAMPLES).round().astype(int)).tolist()
    found = [detect_annotations(movie.read_frame(t)) for t in samples]
    lasting: list[Annotation] = []
    for one in (one for of_frame in found for one in of_frame):
        alike = [next((other for other in of_frame if _is_same(other, one)), None) for of_frame in found]
        seen = [other for other in alike if other is not None]
        if 2 * len(seen) > len(samples) and not any(_is_same(one, known) for known in lasting):
            rows, columns = hull(each.box for each in seen)
            lasting.append(Annotation(one.kind, rows, columns, one.ink))
    return lasting


def hide_annotations(movie: Movie, examined: Movie | None = None) -> Movie:
    """Return the movie with the grey of their surroundings in place of what is burned in.

    That is looked for in the frames of ``examined``, its own where ``None``.
    """
    return without_annotations(movie, detect_movie_annotations(examined or movie))


def without_annotations(movie: Movie, found: Sequence[Annotation]) -> Movie:
    """Return the movie with the grey of their surroundings in place of annotations that were found."""
    if not found:
        return movie
    return replace(movie, read_frame=lambda t: _fill(movie.read_frame(t), found), burned_in=tuple(found))


def mask_out(labels: NDArray[np.int32], annotations: Sequence[Annotation]) -> NDArray[np.int32]:
    """Return labels (Y, X) that are background where annotations lie, but for letters without a plate."""
    covering = [one for one in annotations if one.ink is None]
    if not covering:
        return labels
    masked = labels.copy()
    for one in covering:
        masked[one.box] = 0
    return masked


def _fill(image: NDArray[Any], annotations: Sequence[Annotation]) -> NDArray[Any]:
    filled = image.copy()
    bounds = grey_range(image) if any(one.ink is not None for one in annotations) else None
    for one in annotations:
        if one.ink is None:
            _cover(filled, image, one.box)
        elif bounds is not None:
            away = np.abs(image[one.box].astype(np.float64) - bounds[round(one.ink)])
            _paint_out(filled, away <= SMEARED * TOLERANCE * (bounds[1] - bounds[0]), one.box)
    return filled


def _cover(filled: NDArray[Any], image: NDArray[Any], box: Box) -> None:
    """Give a box the grey of its surroundings in an image, in place."""
    around = grown(box, RIM_PX, image.shape)
    known = image[around][np.isfinite(image[around]) & ~covered_by(box, around)]
    filled[box] = np.median(known).astype(image.dtype) if known.size else 0


def _paint_out(image: NDArray[Any], is_ink: NDArray[np.bool_], box: Box) -> None:
    """Give the ink in a box of an image (Y, X) the values beside it, in place."""
    around = grown(box, RIM_PX, image.shape)
    drawn = covered_by(box, around)
    drawn[drawn] = is_ink.ravel()
    drawn = ndimage.binary_dilation(drawn, iterations=SMEAR_PX)
    is_known = ~drawn & np.isfinite(image[around])
    if is_known.any():
        image[around] = np.where(drawn, spread(image[around], is_known), image[around])


def _is_same(one: Annotation, other: Annotation) -> bool:
    """Tell whether annotations of two frames are one: their boxes share half of what they cover."""
    spans = [(one.rows, other.rows), (one.columns, other.columns)]
    shared = np.prod([max(0, min(a.stop, b.stop) - max(a.start, b.start)) for a, b in spans])
    whole = sum(length(each.rows) * length(each.columns) for each in (one, other)) - shared
    return (one.kind, one.ink) == (other.kind, other.ink) and bool(2 * shared >= whole)


def _bars(grey: NDArray[np.float32], lines: Lines) -> list[Annotation]:
    """Return annotation bars, and scale bars with their letters."""
    bands = [Annotation("annotation bar", rows, slice(0, grey.shape[1])) for rows in find_bar_rows(grey)]
    near = [line for of_ink in lines.values() for line in of_ink if len(line.characters) >= MIN_LETTERS]
    bars = [(bar, _beside(bar, near)) for bar in detect_scale_bars(grey)]
    boxes = [hull([bar, line.box]) for bar, line in bars if line is not None]
    return [*bands, *(Annotation("scale bar", *grown(box, SMEAR_PX, grey.shape)) for box in boxes)]


def _beside(bar: Box, lines: Sequence[Line]) -> Line | None:
    """Return the longest line of letters beside a scale bar; ``None`` without any."""
    near = [
        line
        for line in lines
        if all(gap(*spans) <= REACH * length(line.box[0]) for spans in zip(line.box, bar, strict=True))
    ]
    return max(near, key=lambda line: len(line.characters), default=None)


def _lettering(grey: NDArray[np.float32], lines: Lines) -> list[Annotation]:
    """Return lines of letters, with the plates that they stand on."""
    found = []
    for ink, of_ink in lines.items():
        for line in written(of_ink, grey.shape):
            plate = _plate_of(grey, line.box)
            box = grown(plate or line.box, SMEAR_PX, grey.shape)
            found.append(Annotation("letters", *box, None if plate else ink))
    return found


def _plate_of(grey: NDArray[np.float32], letters: Box) -> Box | None:
    """Return the box of one grey, the lightest or darkest, that letters stand on; ``None`` without any."""
    around = grown(letters, PLATE_RIM_PX, grey.shape)
    rim = grey[around][~covered_by(letters, around)]
    ground = float(np.median(rim)) if rim.size else 0.5
    if min(ground, 1 - ground) > TOLERANCE or np.mean(np.abs(rim - ground) <= TOLERANCE) < MIN_PLATE_FILLED:
        return None
    is_alike = np.abs(grey - ground) <= TOLERANCE
    is_alike[letters] = True
    parts, _ = ndimage.label(is_alike)
    is_plate = parts == parts[letters[0].start, letters[1].start]
    (box,) = ndimage.find_objects(is_plate.astype(np.uint8))
    size = length(box[0]) * length(box[1])
    is_small = length(box[0]) <= MAX_PLATE_HEIGHT * length(letters[0]) and size <= MAX_PLATE * grey.size
    return box if is_small and is_plate[box].sum() >= MIN_PLATE_FILLED * size else None


def _overlap(one: Annotation, other: Annotation) -> bool:
    return gap(one.rows, other.rows) == 0 and gap(one.columns, other.columns) == 0
