"""What a camera's program burned into an image: an annotation bar along an edge, a scale bar and its letters.

Only what is plain counts: a band of black or white background with writing on it, and a scale bar with its
letters beside it. Particles are never so straight, even and sharp.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from temtrack.imaging.intensity import rescale_intensity
from temtrack.imaging.scale_bar import TOLERANCE, Box, detect_scale_bars, length, scale_grey
from temtrack.movie import Annotation, Movie

MIN_SIDE_PX = 128  # a smaller image has no room for letters beside its particles
N_SAMPLES = 5  # frames of a movie that are examined; what more than half of them show lies there all along
RIM_PX = 12  # the grey of an annotation's surroundings is that of a rim so wide
SMEAR_PX = 3  # by which edges of what is drawn are smeared

# An annotation bar: fractions of the image's height, of a row's pixels, of columns, and of the bar's pixels.
MIN_BAR, MAX_BAR = 0.015, 0.25
MIN_BACKGROUND = 0.5  # in each row but for lines across it, as high as two of the lowest bars
MAX_BACKGROUND_OUTSIDE = 0.3  # in the rows next to it
MAX_COLUMNS_WITHOUT_BACKGROUND = 0.02  # pictures beside it, and no bar, have none in some
MIN_WRITING, MAX_UNCLEAR = 0.003, 0.25  # what is neither background nor writing is unclear

# Letters: fractions of the image's height, and multiples of their own height.
MIN_LETTER, MAX_LETTER, MIN_LETTER_PX = 0.012, 0.1, 5
MAX_LETTER_WIDTH = 2.2
REACH = 1.6  # as far away at most is the bar, or the next letter
MIN_LETTERS = 3  # in a line beside a scale bar: 5 nm has three


def detect_annotations(image: NDArray[Any]) -> list[Annotation]:
    """Return the annotation bars and lettered scale bars of a grey image (Y, X); none where in doubt.

    They are of the lightest or darkest grey; but where noise or JPEG made a few pixels lighter or darker
    still, only with those left out.
    """
    scaled = scale_grey(image)
    if scaled is None or min(image.shape) < MIN_SIDE_PX:
        return []
    found: list[Annotation] = []
    for grey in (scaled.astype(np.float32), rescale_intensity(image)):
        bands = [Annotation("annotation bar", rows, slice(0, grey.shape[1])) for rows in _bar_rows(grey)]
        boxes = [box for bar in detect_scale_bars(grey) if (box := _with_letters(grey, bar)) is not None]
        for one in [*bands, *(Annotation("scale bar", *box) for box in boxes)]:
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
            rows, columns = _hull((each.rows, each.columns) for each in seen)
            lasting.append(Annotation(one.kind, rows, columns))
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
    """Return labels (Y, X) that are background where annotations lie."""
    if not annotations:
        return labels
    masked = labels.copy()
    for one in annotations:
        masked[one.rows, one.columns] = 0
    return masked


def _fill(image: NDArray[Any], annotations: Sequence[Annotation]) -> NDArray[Any]:
    filled = image.copy()
    for rows, columns in ((one.rows, one.columns) for one in annotations):
        y, x = (_grown(span, RIM_PX, n) for span, n in zip((rows, columns), image.shape, strict=True))
        is_rim = np.isfinite(image)[y, x]
        is_rim[_shifted(rows, -y.start), _shifted(columns, -x.start)] = False
        known = image[y, x][is_rim]
        filled[rows, columns] = np.median(known).astype(image.dtype) if known.size else 0
    return filled


def _is_same(one: Annotation, other: Annotation) -> bool:
    """Tell whether annotations of two frames are one: their boxes share half of what they cover."""
    spans = [(one.rows, other.rows), (one.columns, other.columns)]
    shared = np.prod([max(0, min(a.stop, b.stop) - max(a.start, b.start)) for a, b in spans])
    whole = sum(length(each.rows) * length(each.columns) for each in (one, other)) - shared
    return one.kind == other.kind and bool(2 * shared >= whole)


def _bar_rows(grey: NDArray[np.float32]) -> list[slice]:
    """Return the rows of annotation bars along the lower and the upper edge."""
    height = len(grey)
    lower, upper = (
        max(_bar_depth(rows, background) for background in (0.0, 1.0)) for rows in (grey[::-1], grey)
    )
    return [rows for rows in (slice(height - lower, height), slice(0, upper)) if length(rows)]


def _bar_depth(grey: NDArray[np.float32], background: float) -> int:
    """Return how many of the first rows are a bar of that background with writing on it; 0 where none is."""
    height = len(grey)
    lowest = int(np.ceil(MIN_BAR * height))
    is_background = np.abs(grey[: int(MAX_BAR * height) + lowest] - background) <= TOLERANCE
    fraction = is_background.mean(axis=1)
    (of_bar,) = np.nonzero(fraction >= MIN_BACKGROUND)
    breaks = np.flatnonzero(np.diff(of_bar, prepend=-1) > 2 * lowest)
    of_bar = of_bar[: breaks[0]] if breaks.size else of_bar
    depth = int(of_bar[-1]) + 1 if of_bar.size >= lowest else 0
    outside = fraction[depth + SMEAR_PX : depth + SMEAR_PX + lowest]
    if depth == 0 or outside.size < lowest or outside.max() > MAX_BACKGROUND_OUTSIDE:
        return 0
    if (~is_background[:depth].any(axis=0)).mean() > MAX_COLUMNS_WITHOUT_BACKGROUND:
        return 0
    writing = np.abs(grey[:depth] - background) >= 0.5
    unclear = 1 - is_background[:depth].mean() - writing.mean()
    return depth + SMEAR_PX if writing.mean() >= MIN_WRITING and unclear <= MAX_UNCLEAR else 0


def _with_letters(grey: NDArray[np.float32], bar: Box) -> Box | None:
    """Return the box around a scale bar and its letters; ``None`` where it has none."""
    height, width = grey.shape
    rows, columns = bar
    y = _grown(rows, int(REACH * MAX_LETTER * height), height)
    x = _grown(columns, length(columns), width)
    drawn = grey[rows, columns.start + 2 : columns.stop - 2]
    # thin strokes of letters are smeared more than the line
    ink = np.abs(grey[y, x] - (1.0 if drawn.mean() > 0.5 else 0.0)) <= 3 * TOLERANCE
    parts = ndimage.find_objects(ndimage.label(ink, np.ones((3, 3)))[0])
    boxes = ((_shifted(up, y.start), _shifted(along, x.start)) for up, along in parts)
    letters = [box for box in boxes if _is_letter(box, height)]
    lines = [line for seed in letters if len(line := _line_from(letters, seed, bar)) >= MIN_LETTERS]
    if not lines:
        return None
    rows, columns = _hull([*max(lines, key=len), bar])
    return _grown(rows, SMEAR_PX, height), _grown(columns, SMEAR_PX, width)


def _is_letter(box: Box, image_height: int) -> bool:
    """Tell whether a box has the size of a letter."""
    height, width = map(length, box)
    lowest = max(MIN_LETTER_PX, MIN_LETTER * image_height)
    return lowest <= height <= MAX_LETTER * image_height and width <= MAX_LETTER_WIDTH * height


def _line_from(letters: list[Box], seed: Box, bar: Box) -> list[Box]:
    """Return the letters in a line with one of them, each near the next, where the line is near the bar."""
    reach = REACH * length(seed[0])
    level = sorted(
        (one for one in letters if _stand_on_a_line(one[0], seed[0])), key=lambda one: one[1].start
    )
    breaks = [i for i, (a, b) in enumerate(pairwise(level), start=1) if _gap(a[1], b[1]) > reach]
    line = next(run for i, j in pairwise([0, *breaks, len(level)]) if seed in (run := level[i:j]))
    is_near = _gap(seed[0], bar[0]) <= reach and _gap(_hull(line)[1], bar[1]) <= reach
    return line if is_near else []


def _stand_on_a_line(one: slice, other: slice) -> bool:
    """Tell whether two letters end at the same height, or nearly: those of µ and g hang below."""
    low, high = sorted((length(one), length(other)))
    return abs(one.stop - other.stop) <= 0.3 * high and low >= 0.45 * high


def _gap(one: slice, other: slice) -> int:
    return max(int(one.start) - int(other.stop), int(other.start) - int(one.stop), 0)


def _overlap(one: Annotation, other: Annotation) -> bool:
    return _gap(one.rows, other.rows) == 0 and _gap(one.columns, other.columns) == 0


def _hull(boxes: Iterable[Box]) -> Box:
    """Return the box around boxes."""
    rows, columns = (
        slice(min(span.start for span in spans), max(span.stop for span in spans))
        for spans in zip(*boxes, strict=True)
    )
    return rows, columns


def _grown(span: slice, by_px: int, n_px: int) -> slice:
    """Return a slice that is longer at both ends, within an image of that length."""
    return slice(max(span.start - by_px, 0), min(span.stop + by_px, n_px))


def _shifted(span: slice, by_px: int) -> slice:
    return slice(span.start + by_px, span.stop + by_px)
