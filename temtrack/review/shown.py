"""What the page shows of a frame, made when it is asked for: its picture and its particles' contours."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cached_property, lru_cache
from io import BytesIO
from threading import Event, RLock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from temtrack.masks import Labels, Masks, Run
from temtrack.movie import Movie
from temtrack.report.colors import PALETTE
from temtrack.report.display import GreyWindow
from temtrack.report.page.contours import trace_contours

#: Pictures that are kept, in bytes; of large frames at least so many.
_KEPT_BYTES, _KEPT_PICTURES = 64_000_000, 4


class ShownFrames:
    """Pictures of a movie's frames for several threads, one of which reads files at a time.

    Parameters
    ----------
    run
        Its masks give the size.
    movie
        ``None`` where it is not at hand: then all is grey.

    Attributes
    ----------
    has_shown
        Set as soon as there was a picture.
    """

    def __init__(self, run: Run, movie: Movie | None) -> None:
        self._reading = RLock()
        self.has_shown = Event()
        self.run, self.movie = run, movie
        n_kept = max(_KEPT_BYTES // (run.masks.height * run.masks.width), _KEPT_PICTURES)
        self.picture = lru_cache(maxsize=n_kept)(self._picture)

    def describe(self) -> dict[str, Any]:
        """Return name, size and times of the movie, and the colours of its particles."""
        masks, seconds = self.run.masks, self.run.calibration.frame_seconds
        frames = range(len(masks)) if self.run.frame_range is None else self.run.frame_range
        return {
            "name": masks.path.resolve().name,
            "n_frames": len(masks),
            "height": masks.height,
            "width": masks.width,
            "first_frame": frames.start,
            "frame_step": frames.step,
            "seconds": None if seconds is None else seconds.tolist(),
            "colors": ["#{:02x}{:02x}{:02x}".format(*color) for color in PALETTE.tolist()],
        }

    @cached_property
    def _window(self) -> GreyWindow:
        assert self.movie is not None
        return GreyWindow.of(self.movie)

    def one_at_a_time(self, masks: Masks) -> Masks:
        """Return masks that are read by one thread at a time."""

        def read(t: int) -> Labels:
            with self._reading:
                return masks.read_frame(t)

        return replace(masks, read_frame=read)

    def frame(self, t: int) -> NDArray[Any]:
        """Return the grey values (Y, X) of a frame of the movie, which must be there."""
        assert self.movie is not None
        with self._reading:
            return self.movie.read_frame(t)

    def _picture(self, t: int) -> bytes:
        """Return a frame as a BMP: as large as a PNG, since noise cannot be packed, and made at once."""
        if self.movie is None:
            grey = np.full((self.run.masks.height, self.run.masks.width), 128, np.uint8)
        else:
            with self._reading:
                window = self._window
            grey = window.show(self.frame(t))
        content = BytesIO()
        Image.fromarray(grey).save(content, "BMP")
        self.has_shown.set()
        return content.getvalue()


def contours_json(labels: Labels) -> bytes:
    """Return the contours of labels (Y, X), see `trace_contours`, as JSON; a step is a digit."""
    found = trace_contours(labels)
    steps = (found.directions + ord("0")).astype(np.uint8).tobytes().decode()
    return json.dumps({"polylines": found.polylines.tolist(), "steps": steps}, separators=(",", ":")).encode()
