"""A square part of a frame with contours, ids and a scale bar, drawn with matplotlib."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray
from skimage.measure import find_contours

from temtrack.movie import Movie
from temtrack.report.colors import TrackColors
from temtrack.report.display import GreyWindow, scale_bar_label, scale_bar_nm

Labels = NDArray[np.integer]

_INK = "0.1"


@dataclass(frozen=True)
class Box:
    """A square part of the frame, in pixels; it may reach beyond the frame's edge."""

    top: float
    left: float
    side: float

    def cut(self, image: NDArray[Any]) -> NDArray[Any]:
        """Return what of the box lies in an image (Y, X)."""
        top, left, side = (round(number) for number in (self.top, self.left, self.side))
        return image[max(top, 0) : top + side, max(left, 0) : left + side]


@dataclass(frozen=True)
class PanelDrawer:
    """Draws parts of a movie's frames, all with the same grey window and colours."""

    movie: Movie
    read_mask: Callable[[int], Labels]
    window: GreyWindow
    colors: TrackColors

    def find_box(self, ids: Sequence[int], frames: Sequence[int], margin: float) -> Box:
        """Return the square that holds the particles ``ids`` in all ``frames``, with a fraction of margin."""
        pixels = np.concatenate([np.argwhere(np.isin(self.read_mask(frame), ids)) for frame in frames])
        if not len(pixels):
            return Box(0, 0, max(self.movie.height, self.movie.width))
        low, high = pixels.min(axis=0), pixels.max(axis=0)
        side = (1 + margin) * float((high - low).max() + 1) + 4
        y, x = (low + high).tolist()
        return Box(y / 2 - side / 2, x / 2 - side / 2, side)

    def draw(self, axes: Axes, frame: int, box: Box, ids: Sequence[int]) -> None:
        """Draw the part of a frame that lies in the box; ``ids`` in colour with their ids, others thin."""
        grey = self.window.show(self.movie.read_frame(frame))
        axes.imshow(grey, cmap="gray", vmin=0, vmax=255, interpolation="bicubic")
        axes.set(xlim=(box.left, box.left + box.side), ylim=(box.top + box.side, box.top))
        axes.set(xticks=[], yticks=[])
        axes.set_facecolor("0.93")
        axes.spines[:].set_visible(False)
        self._draw_particles(axes, self.read_mask(frame), box, ids)

    def draw_scale_bar(self, axes: Axes, box: Box) -> None:
        """Draw a bar of a round length into the lower right corner, where the pixel size is known."""
        if self.movie.pixel_size is None:
            return
        length_nm = scale_bar_nm(box.side * self.movie.pixel_size.nm * 1.5)
        length = length_nm / self.movie.pixel_size.nm
        right, bottom = box.left + 0.95 * box.side, box.top + 0.95 * box.side
        bar = Rectangle((right - length, bottom - 0.02 * box.side), length, 0.02 * box.side)
        bar.set(facecolor="white", edgecolor=_INK, linewidth=0.8, zorder=5)
        axes.add_patch(bar)
        _write(axes, right - length / 2, bottom - 0.07 * box.side, scale_bar_label(length_nm), size=9)

    def _draw_particles(self, axes: Axes, labels: Labels, box: Box, ids: Sequence[int]) -> None:
        top, left = max(int(box.top), 0), max(int(box.left), 0)
        part = labels[top : int(box.top + box.side) + 2, left : int(box.left + box.side) + 2]
        for one in np.unique(part[part > 0]).tolist():
            mask = part == one
            color, width = ([level / 255 for level in self.colors(one)], 1.7) if one in ids else ("0.85", 0.8)
            hem = withStroke(linewidth=2 * width, foreground=_INK)
            for contour in find_contours(np.pad(mask, 1).astype(np.float64), 0.5):
                y, x = contour.T + np.array([[top - 1], [left - 1]])
                axes.plot(x, y, color=color, linewidth=width, path_effects=[hem], scalex=False, scaley=False)
            if one in ids:
                y_px, x_px = np.argwhere(mask).mean(axis=0)
                _write(axes, x_px + left, y_px + top, str(one), size=11)


def _write(axes: Axes, x_px: float, y_px: float, words: str, size: float) -> None:
    """Write white letters with a dark hem, so that they stand on a dark and on a bright background."""
    text = axes.text(x_px, y_px, words, color="white", fontsize=size, fontweight="bold", clip_on=True)
    text.set(ha="center", va="center", path_effects=[withStroke(linewidth=2.4, foreground=_INK)])
