"""Frames as a page holds them: pictures and contours, compressed and written as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from temtrack.masks import Masks
from temtrack.movie import Movie
from temtrack.progress import Progress
from temtrack.report.display import GreyWindow
from temtrack.report.keyframes import Box
from temtrack.report.page.contours import Contours, trace_contours
from temtrack.report.page.encoding import compressed, in_text
from temtrack.report.page.pictures import CLOSEUP_STYLE, choose_style

#: Contours of larger frames are traced on every second pixel, or fewer.
_MAX_CONTOUR_SIDE = 2048

#: A page holds so many close-ups at most, those of the first merges: its small pictures are too coarse for
#: them. Others show part of the whole frame's picture.
MAX_CLOSEUPS = 800

#: Close-ups by frame: the name that each has in the page, and the part of the frame that it shows.
Closeups = Mapping[int, Sequence[tuple[str, Box]]]


@dataclass(frozen=True)
class DrawnFrames:
    """Frames of a page.

    Parameters
    ----------
    pictures
        WebP as base64 by the name of the part: ``picture-3`` of the fourth shown frame, and close-ups.
    contours
        As gzip in base64 ``polylines``, int32 (5, W), little-endian, and ``directions``, see `Contours`;
        ``n_polylines`` by shown frame; ``stride``, the side of the contours' pixels in those of the masks.
    picture_size
        Width and height of the whole frames' pictures; ``None`` without a movie.
    """

    pictures: dict[str, str]
    contours: dict[str, object]
    picture_size: tuple[int, int] | None


def draw_frames(
    masks: Masks,
    movie: Movie | None,
    shown: NDArray[np.intp],
    closeups: Closeups,
    progress: Progress,
) -> DrawnFrames:
    """Draw the frames ``shown`` of masks and movie, one at a time, and the close-ups in them."""
    contours: list[Contours] = []
    pictures: dict[str, str] = {}
    window = None if movie is None else GreyWindow.of(movie)
    style = None if movie is None or window is None else choose_style(movie, window, len(shown))
    place_of = {frame: place for place, frame in enumerate(shown.tolist())}
    stride = 1
    for frame, labels in enumerate(progress(masks, "drawing")):
        if frame not in place_of:
            continue
        stride = -(-max(labels.shape) // _MAX_CONTOUR_SIDE)
        contours.append(trace_contours(labels, stride))
        if movie is not None and window is not None and style is not None:
            grey = window.show(movie.read_frame(frame))
            pictures[f"picture-{place_of[frame]}"] = in_text(style.encode(grey))
            cuts = ((name, box.cut(grey)) for name, box in closeups.get(frame, ()))
            pictures |= {name: in_text(CLOSEUP_STYLE.encode(cut)) for name, cut in cuts if cut.size}
    size = None if movie is None or style is None else style.size(movie.height, movie.width)
    return DrawnFrames(pictures, _pack(contours, stride), size)


def list_closeups(merges: Sequence[Mapping[str, Any]], max_closeups: int = MAX_CLOSEUPS) -> Closeups:
    """Return the close-ups of `list_merges`: one for each key frame."""
    every = (
        (frame, (f"closeup-{number}-{place}", Box(**merge["box"])))
        for number, merge in enumerate(merges)
        for place, (frame, _) in enumerate(merge["keyframes"])
    )
    by_frame: dict[int, list[tuple[str, Box]]] = {}
    for frame, closeup in islice(every, max_closeups):
        by_frame.setdefault(frame, []).append(closeup)
    return by_frame


def _pack(contours: Sequence[Contours], stride: int) -> dict[str, object]:
    polylines = np.concatenate([one.polylines for one in contours])
    return {
        "n_polylines": [len(one.polylines) for one in contours],
        "polylines": compressed(polylines.T.astype("<i4")),
        "directions": compressed(np.concatenate([one.directions for one in contours])),
        "stride": stride,
    }
