"""One picture of a movie's merges: a row for each, from contact to the child at rest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib import transforms
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from temtrack.formats.store.atomic import whole_file
from temtrack.lineage import Lineage, Merge
from temtrack.movie import Movie
from temtrack.report.colors import TrackColors
from temtrack.report.display import GreyWindow
from temtrack.report.panel import PanelDrawer

Labels = NDArray[np.integer]


#: Rows of the picture; of more merges the first are shown, and a line says so.
MAX_EVENTS = 8

#: The last column is so many frames after the merge, or the child's last frame.
LATER_FRAMES = 8

#: Margin around the particles, as a fraction of their extent.
_MARGIN = 0.35

#: Size of a panel in inches, and resolution of the picture.
_PANEL_INCHES, _DOTS_PER_INCH = 2.3, 150


class KeyFrame(NamedTuple):
    """A frame to show and its place in the course of a merge."""

    frame: int
    caption: str


def choose_keyframes(
    merge: Merge, lineage: Lineage, later_frames: int = LATER_FRAMES
) -> tuple[KeyFrame, ...]:
    """Choose four frames of a merge: contact, or before it where it is short; last apart; merge; later."""
    last = max((track.end for track in lineage.tracks if track.id == merge.child), default=merge.frame)
    later = KeyFrame(min(merge.frame + later_frames, max(last, merge.frame)), "later")
    if merge.contact_frame < merge.frame - 1:
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
    frames = f"merge: frame {merge.frame}\ncontact: frame {merge.contact_frame}"
    left = axes.get_position().x0 * figure.get_figwidth() - 0.12  # inches of room beside the row
    middle = transforms.offset_copy(axes.transAxes, figure, x=-left, y=0.03, units="inches")
    below = transforms.offset_copy(axes.transAxes, figure, x=-left, y=-0.03, units="inches")
    axes.text(0, 0.5, names, transform=middle, va="bottom", fontsize=13, fontweight="bold", color="0.1")
    axes.text(0, 0.5, frames, transform=below, va="top", fontsize=9, linespacing=1.4, color="0.35")
