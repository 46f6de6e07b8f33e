"""One picture of a movie's merges: a row for each, from contact to the child at rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib import transforms
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray
from skimage.measure import find_contours

from temtrack.formats.store.atomic import whole_file
from temtrack.lineage import Lineage, Merge
from temtrack.movie import Movie
from temtrack.report.colors import TrackColors
from temtrack.report.display import GreyWindow, scale_bar_label, scale_bar_nm

Labels = NDArray[np.integer]


#: Rows of the picture; of more merges the first are shown, and a line says so.
MAX_EVENTS = 8

#: The last column is so many frames after the merge, or the child's last frame.
LATER_FRAMES = 8

_INK = "0.1"

#: Margin around the particles, as a fraction of their extent.
_MARGIN = 0.35

#: Size of a panel in inches, and resolution of the picture.
_PANEL_INCHES, _DOTS_PER_INCH = 2.3, 150


class KeyFrame(NamedTuple):
    """A frame to show and its place in the course of a merge."""

    frame: int
    caption: str


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
        _write_words(axes, right - length / 2, bottom - 0.07 * box.side, scale_bar_label(length_nm), size=9)

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
                _write_words(axes, x_px + left, y_px + top, str(one), size=11)


def choose_keyframes(
    merge: Merge, lineage: Lineage, later_frames: int = LATER_FRAMES
) -> tuple[KeyFrame, ...]:
    """Choose four frames of a merge: contact, or before it if that is brief; last apart; merge; later."""
    last = max((track.end for track in lineage.tracks if track.id == merge.child), default=merge.frame)
    later = KeyFrame(min(merge.frame + later_frames, max(last, merge.frame)), "later")
    if merge.contact_frame is not None and merge.contact_frame < merge.frame - 1:
        first = KeyFrame(merge.contact_frame, "first contact")
    else:
        first = KeyFrame(max(merge.frame - 3, 0), "before")
    return first, KeyFrame(max(merge.frame - 1, 0), "last apart"), KeyFrame(merge.frame, "merged"), later


def draw_keyframes(
    movie: Movie,
    read_mask: Callable[[int], Labels],
    lineage: Lineage,
    max_events: int = MAX_EVENTS,
) -> Figure:
    """Draw one row of key frames for each merge.

    Parameters
    ----------
    movie
        Grey frames.
    read_mask
        Gives the ids (Y, X) of a frame.
    lineage
        The merges, in the ids of the masks.
    max_events
        Rows at most.
    """
    merges = lineage.merges[:max_events]
    n_rows, inches = max(len(merges), 1), _PANEL_INCHES
    figure = Figure(figsize=(4 * inches + 1.7, n_rows * (inches + 0.3) + 0.75), dpi=_DOTS_PER_INCH)
    FigureCanvasAgg(figure)
    _write_heading(figure, movie, len(lineage.merges), len(merges))
    if not merges:
        return figure
    panels = figure.subplots(n_rows, 4, squeeze=False)
    height = figure.get_figheight()
    figure.subplots_adjust(
        left=1.6 / figure.get_figwidth(), right=0.99, top=1 - 0.72 / height, bottom=0.06 / height,
        wspace=0.04, hspace=0.3 / inches,
    )  # fmt: skip
    drawer = PanelDrawer(movie, read_mask, GreyWindow.of(movie), TrackColors(lineage))
    for row, merge in zip(panels, merges, strict=True):
        _write_event(figure, row[0], merge)
        keyframes = choose_keyframes(merge, lineage)
        family = (merge.child, *merge.parents)
        box = drawer.find_box(family, [keyframe.frame for keyframe in keyframes], _MARGIN)
        for axes, keyframe in zip(row, keyframes, strict=True):
            drawer.draw(axes, keyframe.frame, box, family)
            axes.set_title(_caption(keyframe, movie), fontsize=9, pad=4, color="0.15")
        drawer.draw_scale_bar(row[-1], box)
    return figure


def write_keyframes(path: Path, movie: Movie, read_mask: Callable[[int], Labels], lineage: Lineage) -> None:
    """Write the picture of `draw_keyframes` as PNG.

    Raises
    ------
    OutputError
        Where the file cannot be written.
    """
    figure = draw_keyframes(movie, read_mask, lineage)
    with whole_file(path) as part:
        figure.savefig(part, format="png")


def _write_heading(figure: Figure, movie: Movie, n_merges: int, n_shown: int) -> None:
    words = f"{n_merges} merge{'' if n_merges == 1 else 's'} in {movie.path.name}"
    if n_shown < n_merges:
        words += f", the first {n_shown} shown"
    height = figure.get_figheight()
    figure.text(0.012, 1 - 0.16 / height, words, fontsize=13, fontweight="bold", va="top", color="0.1")


def _caption(keyframe: KeyFrame, movie: Movie) -> str:
    times = movie.frame_times
    when = "" if times is None else f" ({times.seconds[keyframe.frame]:.4g} s)"
    return f"{keyframe.caption}: frame {keyframe.frame}{when}"


def _write_event(figure: Figure, axes: Axes, merge: Merge) -> None:
    """Write who merged, and when, to the left of a row."""
    parents = " + ".join(map(str, merge.parents))
    names = f"{parents}{chr(10) if len(parents) > 7 else ' '}→ {merge.child}"
    contact = "not seen" if merge.contact_frame is None else f"frame {merge.contact_frame}"
    frames = f"merge: frame {merge.frame}\ncontact: {contact}"
    left = axes.get_position().x0 * figure.get_figwidth() - 0.12  # inches of room beside the row
    middle = transforms.offset_copy(axes.transAxes, figure, x=-left, y=0.03, units="inches")
    below = transforms.offset_copy(axes.transAxes, figure, x=-left, y=-0.03, units="inches")
    axes.text(0, 0.5, names, transform=middle, va="bottom", fontsize=13, fontweight="bold", color="0.1")
    axes.text(0, 0.5, frames, transform=below, va="top", fontsize=9, linespacing=1.4, color="0.35")


def _write_words(axes: Axes, x_px: float, y_px: float, words: str, size: float) -> None:
    """Write white letters with a dark hem, so that they stand on a dark and on a bright background."""
    text = axes.text(x_px, y_px, words, color="white", fontsize=size, fontweight="bold", clip_on=True)
    text.set(ha="center", va="center", path_effects=[withStroke(linewidth=2.4, foreground=_INK)])
