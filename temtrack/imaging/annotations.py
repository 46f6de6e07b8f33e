"""What a camera's program burned into an image: an annotation bar along an edge, a scale bar and its letters.

Only what is plain counts: a band of one black or white ground with writing on it, and a scale bar with its
letters beside it. Particles are never so straight, even and sharp.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from temtrack.imaging.intensity import rescale_intensity
from temtrack.imaging.scale_bar import TOLERANCE, ScaleBar, detect_scale_bars, scale_grey
from temtrack.movie import Annotation, Movie

#: A smaller image has no room for letters beside its particles.
_SMALLEST_PX = 128

#: An annotation bar is at least this share of the image high, and at most the other.
_LOWEST_BAND, _HIGHEST_BAND = 0.015, 0.25

#: In each of its rows at least this share is ground, but for lines across it, as high as two such bars.
_LEAST_GROUND = 0.5

#: Ground stands in all columns but this share: pictures beside it, and no bar, have none in some.
_MOST_WITHOUT_GROUND = 0.02

#: Of the picture's rows next to it no more than this looks like its ground.
_MOST_GROUND_OUTSIDE = 0.3

#: Writing covers this share of an annotation bar at least; ground and writing together all but so much of it.
_LEAST_WRITING, _MOST_UNCLEAR = 0.003, 0.25

#: Letters are so high as shares of the image,
_LOWEST_LETTER, _HIGHEST_LETTER = 0.012, 0.1

#: or at least so high in pixels;
_LOWEST_LETTER_PX = 5

#: so many stand in a line beside a scale bar: 5 nm has three.
_LEAST_LETTERS = 3

#: A letter is at most so wide for its height,
_WIDEST_LETTER = 2.2

#: and stands at most so many times the height of the letters away from the bar, or the next letter.
_REACH = 1.6

#: Frames of a movie that are looked at; what more than half of them show lies there all along.
_N_SAMPLES = 5

#: The grey of a piece's surroundings is that of a rim of so many pixels.
_RIM_PX = 12

#: Edges of what is drawn are smeared by so many pixels.
_SMEAR_PX = 3


def detect_annotations(image: NDArray[Any]) -> list[Annotation]:
    """Return the annotation bars and lettered scale bars of a grey image (Y, X); none where in doubt.

    They are of the lightest or darkest grey; but where noise or JPEG made a few pixels lighter or darker
    still, only with those left out.
    """
    scaled = scale_grey(image)
    if scaled is None or min(image.shape) < _SMALLEST_PX:
        return []
    found: list[Annotation] = []
    for grey in (scaled.astype(np.float32), rescale_intensity(image)):
        pieces = _detect_annotation_bars(grey)
        pieces += [p for bar in detect_scale_bars(grey) if (p := _with_letters(grey, bar)) is not None]
        for piece in pieces:
            if not any(_overlap(piece, known) for known in found):
                found.append(piece)
    return found


def detect_movie_annotations(movie: Movie) -> list[Annotation]:
    """Return what is burned into most of some frames, evenly spread over a movie, at the same place."""
    samples = np.unique(np.linspace(0, movie.n_frames - 1, _N_SAMPLES).round().astype(int)).tolist()
    found = [detect_annotations(movie.read_frame(t)) for t in samples]
    lasting: list[Annotation] = []
    for piece in (piece for pieces in found for piece in pieces):
        alike = [next((p for p in pieces if _is_same(p, piece)), None) for pieces in found]
        seen = [p for p in alike if p is not None]
        if 2 * len(seen) > len(samples) and not any(_is_same(piece, known) for known in lasting):
            lasting.append(_around(seen))
    return lasting


def hide_annotations(movie: Movie) -> Movie:
    """Return the movie with the grey of their surroundings in place of what is burned in, and told of it."""
    pieces = detect_movie_annotations(movie)
    if not pieces:
        return movie
    return replace(movie, read_frame=lambda t: _fill(movie.read_frame(t), pieces), burned_in=tuple(pieces))


def mask_out(labels: NDArray[np.int32], pieces: Sequence[Annotation]) -> NDArray[np.int32]:
    """Return labels (Y, X) that are background where the pieces lie."""
    if not pieces:
        return labels
    cleared = labels.copy()
    for piece in pieces:
        cleared[piece.rows, piece.columns] = 0
    return cleared


def _fill(image: NDArray[Any], pieces: Sequence[Annotation]) -> NDArray[Any]:
    filled = image.copy()
    for rows, columns in ((piece.rows, piece.columns) for piece in pieces):
        y, x = (slice(max(span.start - _RIM_PX, 0), span.stop + _RIM_PX) for span in (rows, columns))
        around = image[y, x]
        is_rim = np.isfinite(around)
        inside = is_rim[rows.start - y.start :, columns.start - x.start :]
        inside[: _length(rows), : _length(columns)] = False
        known = around[is_rim]
        filled[rows, columns] = np.median(known).astype(image.dtype) if known.size else 0
    return filled


def _is_same(one: Annotation, other: Annotation) -> bool:
    """Tell whether two pieces of two frames are one: their boxes share half of what they cover."""
    spans = [(one.rows, other.rows), (one.columns, other.columns)]
    common = [max(0, min(a.stop, b.stop) - max(a.start, b.start)) for a, b in spans]
    shared = common[0] * common[1]
    whole = sum(_length(piece.rows) * _length(piece.columns) for piece in (one, other)) - shared
    return one.kind == other.kind and 2 * shared >= whole


def _around(pieces: Sequence[Annotation]) -> Annotation:
    rows = slice(min(p.rows.start for p in pieces), max(p.rows.stop for p in pieces))
    return Annotation(
        pieces[0].kind,
        rows,
        slice(min(p.columns.start for p in pieces), max(p.columns.stop for p in pieces)),
    )


def _detect_annotation_bars(grey: NDArray[np.float32]) -> list[Annotation]:
    """Return the annotation bars along the lower and the upper edge."""
    height, width = grey.shape
    lower, upper = (max(_band_depth(rows, ground) for ground in (0.0, 1.0)) for rows in (grey[::-1], grey))
    spans = ([slice(height - lower, height)] if lower else []) + ([slice(0, upper)] if upper else [])
    return [Annotation("annotation bar", rows, slice(0, width)) for rows in spans]


def _band_depth(grey: NDArray[np.float32], ground: float) -> int:
    """Return how many of the first rows are a band of that ground with writing on it; 0 where none is."""
    height = len(grey)
    lowest = int(np.ceil(_LOWEST_BAND * height))
    is_ground = np.abs(grey[: int(_HIGHEST_BAND * height) + lowest] - ground) <= TOLERANCE
    share = is_ground.mean(axis=1)
    (of_band,) = np.nonzero(share >= _LEAST_GROUND)
    breaks = np.flatnonzero(np.diff(of_band, prepend=-1) > 2 * lowest)
    of_band = of_band[: breaks[0]] if breaks.size else of_band
    depth = int(of_band[-1]) + 1 if of_band.size >= lowest else 0
    outside = share[depth + _SMEAR_PX : depth + _SMEAR_PX + lowest]
    if depth == 0 or outside.size < lowest or outside.max() > _MOST_GROUND_OUTSIDE:
        return 0
    if (~is_ground[:depth].any(axis=0)).mean() > _MOST_WITHOUT_GROUND:
        return 0
    writing = np.abs(grey[:depth] - ground) >= 0.5
    unclear = 1 - is_ground[:depth].mean() - writing.mean()
    return depth + _SMEAR_PX if writing.mean() >= _LEAST_WRITING and unclear <= _MOST_UNCLEAR else 0


def _with_letters(grey: NDArray[np.float32], bar: ScaleBar) -> Annotation | None:
    """Return the box around a scale bar and its letters; ``None`` where it has none."""
    height, width = grey.shape
    reach = int(_REACH * _HIGHEST_LETTER * height)
    y = slice(max(bar.y_px - reach, 0), min(bar.y_px + bar.height_px + reach, height))
    x = slice(max(bar.x_px - bar.length_px, 0), min(bar.x_px + 2 * bar.length_px, width))
    line = grey[bar.y_px : bar.y_px + bar.height_px, bar.x_px + 2 : bar.x_px + bar.length_px - 2]
    # thin strokes of letters are smeared more than the line
    ink = np.abs(grey[y, x] - (1.0 if line.mean() > 0.5 else 0.0)) <= 3 * TOLERANCE
    letters = _letters(ink, height)
    own = slice(bar.y_px - y.start, bar.y_px - y.start + bar.height_px)
    along = slice(bar.x_px - x.start, bar.x_px - x.start + bar.length_px)
    best = _best_line(letters, (own, along))
    if best is None:
        return None
    boxes = [*best, (own, along)]
    top, bottom = min(r.start for r, _ in boxes) + y.start, max(r.stop for r, _ in boxes) + y.start
    left, right = min(c.start for _, c in boxes) + x.start, max(c.stop for _, c in boxes) + x.start
    rows = slice(max(top - _SMEAR_PX, 0), min(bottom + _SMEAR_PX, height))
    return Annotation("scale bar", rows, slice(max(left - _SMEAR_PX, 0), min(right + _SMEAR_PX, width)))


Box = tuple[slice, slice]


def _letters(ink: NDArray[np.bool_], image_height: int) -> list[Box]:
    """Return the boxes of the connected parts that have the size of letters."""
    labels, _ = ndimage.label(ink, np.ones((3, 3)))
    lowest = max(_LOWEST_LETTER_PX, _LOWEST_LETTER * image_height)
    found = []
    for rows, columns in ndimage.find_objects(labels):
        height, width = rows.stop - rows.start, columns.stop - columns.start
        if lowest <= height <= _HIGHEST_LETTER * image_height and width <= _WIDEST_LETTER * height:
            found.append((rows, columns))
    return found


def _best_line(letters: list[Box], bar: Box) -> list[Box] | None:
    """Return the longest line of letters that stand side by side near the bar; ``None`` where too few do."""
    lines = [line for seed in letters if len(line := _line_from(letters, seed, bar)) >= _LEAST_LETTERS]
    return max(lines, key=len, default=None)


def _line_from(letters: list[Box], seed: Box, bar: Box) -> list[Box]:
    """Return the letters in a line with one of them, each near the next, where the line is near the bar."""
    size = _length(seed[0])
    if _gap(seed[0], bar[0]) > _REACH * size:
        return []
    level = sorted(
        (one for one in letters if _stand_on_a_line(one[0], seed[0])), key=lambda one: one[1].start
    )
    line: list[Box] = []
    for one in level:
        if line and _gap(line[-1][1], one[1]) > _REACH * size:
            if seed in line:
                break
            line = []
        line.append(one)
    across = slice(line[0][1].start, max(one[1].stop for one in line)) if line else slice(0, 0)
    return line if seed in line and _gap(across, bar[1]) <= _REACH * size else []


def _stand_on_a_line(one: slice, other: slice) -> bool:
    """Tell whether two letters end at the same height, or nearly: those of µ and g hang below."""
    size = max(_length(one), _length(other))
    return abs(one.stop - other.stop) <= 0.3 * size and min(_length(one), _length(other)) >= 0.45 * size


def _gap(one: slice, other: slice) -> int:
    return max(int(one.start) - int(other.stop), int(other.start) - int(one.stop), 0)


def _length(span: slice) -> int:
    return int(span.stop) - int(span.start)


def _overlap(one: Annotation, other: Annotation) -> bool:
    return _gap(one.rows, other.rows) == 0 and _gap(one.columns, other.columns) == 0
