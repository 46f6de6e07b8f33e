"""Frames as a page holds them: pictures and outlines, compressed and written as text."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from temtrack.imaging.labels import measure_regions
from temtrack.masks import Masks
from temtrack.movie import Movie
from temtrack.progress import Progress
from temtrack.report.display import GreyWindow
from temtrack.report.page.closeups import Closeup
from temtrack.report.page.contours import Outlines, trace_outlines
from temtrack.report.page.pictures import PictureStyle, choose_style, closeup_style, encode_picture

#: Outlines of larger frames are traced on every second pixel, or fewer.
_MAX_OUTLINE_SIDE = 2048


@dataclass(frozen=True)
class DrawnFrames:
    """Frames of a page.

    Parameters
    ----------
    pictures
        WebP as base64 by the name of the part: ``picture-3`` of the fourth shown frame, and close-ups.
    outlines
        As gzip in base64 ``walks``, int32 (5, W), little-endian: id, area of the whole particle in pixels,
        row and column of the first corner, number of steps; and ``directions``, see `Outlines`. ``n_walks``
        by shown frame; ``stride``, the side of the outlines' pixels in those of the masks.
    style
        Of the whole frames' pictures; ``None`` without a movie.
    """

    pictures: dict[str, str]
    outlines: dict[str, object]
    style: PictureStyle | None


def draw_frames(
    masks: Masks,
    movie: Movie | None,
    shown: NDArray[np.intp],
    closeups: Sequence[Closeup],
    progress: Progress,
) -> DrawnFrames:
    """Draw the frames ``shown`` of masks and movie, one at a time, and the close-ups in them."""
    outlines: list[Outlines] = []
    pictures: dict[str, str] = {}
    draw = None if movie is None else _PictureDrawer.of(movie, len(shown), closeups)
    place_of = {frame: place for place, frame in enumerate(shown.tolist())}
    stride = 1
    for frame, labels in enumerate(progress(masks, "drawing")):
        if frame in place_of:
            stride = -(-max(labels.shape) // _MAX_OUTLINE_SIDE)
            traced = trace_outlines(labels[::stride, ::stride])
            outlines.append(Outlines(_with_areas(traced, labels), traced.directions))
            if draw is not None:
                pictures |= draw(frame, place_of[frame])
    return DrawnFrames(pictures, _pack_outlines(outlines, stride), None if draw is None else draw.style)


@dataclass(frozen=True)
class _PictureDrawer:
    """Draws frames of one movie, all with the same grey window."""

    movie: Movie
    window: GreyWindow
    style: PictureStyle
    closeups: Sequence[Closeup]

    @classmethod
    def of(cls, movie: Movie, n_pictures: int, closeups: Sequence[Closeup]) -> _PictureDrawer:
        window = GreyWindow.of(movie)
        return cls(movie, window, choose_style(movie, window, n_pictures), closeups)

    def __call__(self, frame: int, place: int) -> dict[str, str]:
        """Return the frame and its close-ups by the names of their parts."""
        grey = self.window.show(self.movie.read_frame(frame))
        parts = {f"picture-{place}": in_text(encode_picture(grey, self.style))}
        for closeup in self.closeups:
            if closeup.frame == frame and (cut := closeup.cut(grey)).size:
                parts[closeup.name] = in_text(encode_picture(cut, closeup_style(cut)))
        return parts


def _pack_outlines(outlines: Sequence[Outlines], stride: int) -> dict[str, object]:
    walks = np.concatenate([one.walks for one in outlines])
    return {
        "n_walks": [len(one.walks) for one in outlines],
        "walks": _packed(walks.T.astype("<i4")),
        "directions": _packed(np.concatenate([one.directions for one in outlines])),
        "stride": stride,
    }


def _with_areas(traced: Outlines, labels: NDArray[np.integer]) -> NDArray[np.int32]:
    """Return the walks as (W, 5): id, area of the whole particle in pixels, y, x, number of steps."""
    regions = measure_regions(labels)
    areas = regions.area_px[np.searchsorted(regions.ids, traced.walks[:, 0])]
    return np.insert(traced.walks, 1, areas, axis=1)


def _packed(array: NDArray[Any]) -> str:
    return in_text(gzip.compress(np.ascontiguousarray(array).tobytes(), mtime=0))


def in_text(content: bytes) -> str:
    """Return bytes as base64."""
    return base64.b64encode(content).decode("ascii")
