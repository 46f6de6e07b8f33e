"""A film of the movie with each particle's contour and id, and a ring where particles merged."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.font_manager import FontProperties, findfont
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from temtrack.formats.store.movies import write_video
from temtrack.lineage import Lineage, Merge
from temtrack.movie import Movie
from temtrack.report.colors import TrackColors
from temtrack.report.display import GreyWindow, scale_bar_label, scale_bar_nm

RGB = NDArray[np.uint8]

_WHITE, _INK = (255, 255, 255), (20, 20, 24)


#: Frames whose longer side is below this are enlarged by a whole number.
MIN_SIDE_PX = 768

#: Width of the contours, and height of the letters.
LINE_PX, FONT_PX = 2, 17

#: Particles that appear smaller than this get no id, except those of a merge just then.
MIN_LABEL_PX = 12

#: Ids that do not fit into their particle stand beside it, unless there are more particles than this.
MAX_LABELS_BESIDE = 80

#: Frames that a merge's ring stays.
FLASH_FRAMES = 8

FRAMES_PER_SECOND = 10.0


class Overlay:
    """Draws frames of one movie: grey window, colours and merges stay the same from frame to frame."""

    def __init__(self, movie: Movie, lineage: Lineage | None) -> None:
        self._movie = movie
        self._window = GreyWindow.of(movie)
        self._colors = TrackColors(lineage)
        self._merges = lineage.merges if lineage else ()
        self._zoom = max(1, -(-MIN_SIDE_PX // max(movie.height, movie.width)))
        file = findfont(FontProperties(family="DejaVu Sans", weight="bold"))
        self._font = ImageFont.truetype(file, FONT_PX)

    def draw(self, frame: int, image: NDArray[Any], labels: NDArray[np.integer]) -> RGB:
        """Draw one frame.

        Parameters
        ----------
        frame
            Frame number, from 0.
        image, labels
            Grey values and ids, both (Y, X).

        Returns
        -------
        RGB picture, uint8, (zoom Y, zoom X, 3).
        """
        canvas = Image.fromarray(self._draw_particles(image, labels))
        pen = ImageDraw.Draw(canvas)
        now = [m for m in self._merges if m.frame <= frame < m.frame + FLASH_FRAMES]
        self._draw_ids(pen, labels, {one for merge in now for one in (merge.child, *merge.parents)})
        for merge in now:
            self._draw_merge(pen, merge, frame, labels)
        self._draw_caption(pen, frame, canvas.size)
        return np.asarray(canvas)

    def _draw_particles(self, image: NDArray[Any], labels: NDArray[np.integer]) -> RGB:
        """Return the enlarged grey image with the contours."""
        big = np.kron(labels, np.ones((self._zoom, self._zoom), labels.dtype))
        grey = Image.fromarray(self._window.show(image)).resize(big.shape[::-1], Image.Resampling.BICUBIC)
        picture = np.repeat(np.asarray(grey)[:, :, None], 3, axis=2)
        contour = find_contour_pixels(big, LINE_PX)
        # A dark hem, so that the line stands out on a bright background too.
        picture[ndimage.binary_dilation(contour) & ~contour] //= 3
        ids, position = np.unique(big[contour], return_inverse=True)
        picture[contour] = self._colors.table(ids)[position]
        return picture

    def _draw_ids(self, pen: ImageDraw.ImageDraw, labels: NDArray[np.integer], always: set[int]) -> None:
        ids, areas = np.unique(labels[labels > 0], return_counts=True)
        centres = ndimage.center_of_mass(labels > 0, labels, ids) if len(ids) else []
        for one, area, (y, x) in zip(ids.tolist(), areas.tolist(), centres, strict=True):
            diameter = 2 * np.sqrt(area / np.pi) * self._zoom
            fits = diameter > pen.textlength(str(one), self._font) + 10
            beside = diameter >= MIN_LABEL_PX and len(ids) <= MAX_LABELS_BESIDE
            if not (fits or beside or one in always):
                continue
            up = 0 if fits else diameter / 2 + FONT_PX * 0.8
            at = ((x + 0.5) * self._zoom, (y + 0.5) * self._zoom - up)
            self._write(pen, at, str(one), _WHITE if fits else self._colors(one), anchor="mm")

    def _draw_merge(self, pen: ImageDraw.ImageDraw, merge: Merge, frame: int, labels: NDArray[Any]) -> None:
        """Ring the child, wider and thinner from frame to frame, with the sum of ids above it."""
        y, x = np.nonzero(labels == merge.child)
        y_px, x_px = (y.mean(), x.mean()) if len(y) else (merge.y_px, merge.x_px)
        age = (frame - merge.frame) / FLASH_FRAMES
        radius = self._zoom * (np.sqrt(len(y) / np.pi) * 1.25 + 4) * (1 + 0.35 * age)
        cy, cx = (y_px + 0.5) * self._zoom, (x_px + 0.5) * self._zoom
        for color, reach, width in ((_INK, radius, 7 - 3 * age), (_WHITE, radius - 1, 4 - 3 * age)):
            pen.ellipse((cx - reach, cy - reach, cx + reach, cy + reach), outline=color, width=round(width))
        words = f"{' + '.join(map(str, merge.parents))} → {merge.child}"
        half = pen.textlength(words, self._font) / 2 + 6
        left = float(np.clip(cx, half, labels.shape[1] * self._zoom - half))
        away = radius + FONT_PX * 0.8
        top = cy - away if cy - away > 2.5 * FONT_PX else cy + away
        self._write(pen, (left, top), words, _WHITE, anchor="mm")

    def _draw_caption(self, pen: ImageDraw.ImageDraw, frame: int, size: tuple[int, int]) -> None:
        words = f"frame {frame}" if self._movie.n_frames > 1 else ""
        if self._movie.frame_times is not None:
            words += f"   {self._movie.frame_times.seconds[frame]:.4g} s"
        self._write(pen, (10, 8), words, _WHITE, anchor="la")
        if self._movie.pixel_size is None:
            return
        nm_per_px = self._movie.pixel_size.nm / self._zoom
        length = scale_bar_nm(size[0] * nm_per_px)
        right, bottom = size[0] - 14, size[1] - 14
        left = right - length / nm_per_px
        pen.rectangle((left - 2, bottom - 7, right + 2, bottom + 1), fill=_INK)
        pen.rectangle((left, bottom - 5, right, bottom - 1), fill=_WHITE)
        self._write(pen, ((left + right) / 2, bottom - 10), scale_bar_label(length), _WHITE, anchor="md")

    def _write(
        self,
        pen: ImageDraw.ImageDraw,
        at: tuple[float, float],
        words: str,
        color: tuple[int, int, int],
        anchor: str,
    ) -> None:
        pen.text(at, words, fill=color, font=self._font, anchor=anchor, stroke_width=2, stroke_fill=_INK)


def find_contour_pixels(labels: NDArray[np.integer], line_px: int) -> NDArray[np.bool_]:
    """Return the pixels (Y, X) bool of each region that lie within ``line_px`` of its edge."""
    reach = 2 * line_px + 1
    lowest = ndimage.minimum_filter(labels, size=reach, mode="nearest")
    highest = ndimage.maximum_filter(labels, size=reach, mode="nearest")
    edge: NDArray[np.bool_] = (labels > 0) & (lowest != highest)
    return edge


def write_overlay(
    path: Path,
    movie: Movie,
    masks: Iterable[NDArray[np.integer]],
    lineage: Lineage | None = None,
) -> None:
    """Write the overlay film of a movie as H.264 mp4.

    Raises
    ------
    OutputError
        Where the file cannot be written, or FFmpeg lacks the codec.
    """
    overlay = Overlay(movie, lineage)
    frames = enumerate(zip(movie, masks, strict=True))
    pictures = (overlay.draw(frame, image, labels) for frame, (image, labels) in frames)
    write_video(path, pictures, FRAMES_PER_SECOND)
