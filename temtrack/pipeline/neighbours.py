"""The frames of a movie in order, each with its neighbours: what a network is shown in `temtrack track`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from temtrack.imaging.neighbours import Neighbour, stack_in_boxes, stack_with_neighbours
from temtrack.imaging.registration import Step, details_on_grid, find_shift, grid_spacing
from temtrack.imaging.spans import Box
from temtrack.movie import Movie


@dataclass
class FramesWithNeighbours:
    """Reads frames of a movie with as many neighbours on either side, and keeps no more than these.

    Each frame is registered with the next one; where that is not sure, as at a cut or a blank frame, the
    frames beyond are no neighbours. So what is shown depends on the movie and the frame's number alone.

    Parameters
    ----------
    movie
        The movie.
    n_neighbours
        Frames on either side, at most; 0 shows each frame alone.
    """

    movie: Movie
    n_neighbours: int
    _frames: dict[int, NDArray[Any]] = field(default_factory=dict)
    _details: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    _steps: dict[int, Step | None] = field(default_factory=dict)

    def show(self, t: int, boxes: Sequence[Box] | None = None) -> NDArray[Any]:
        """Return frame ``t`` (Y, X), or with the means of its neighbours (3, Y, X) where they show more.

        With boxes, these means count only there.
        """
        self.forget(t)
        if self.n_neighbours == 0:
            return self.frame(t)
        before, frame, after = self._before(t), self.frame(t), self._after(t)
        if boxes is None:
            stack = stack_with_neighbours(before, frame, after)
        else:
            stack = stack_in_boxes(before, frame, after, boxes)
        is_alone = np.array_equal(stack[0], stack[1]) and np.array_equal(stack[1], stack[2])
        return self.frame(t) if is_alone else stack

    def grow(self, movie: Movie) -> None:
        """Take the movie with frames added at its end in place of the one before."""
        self.movie = movie

    def forget(self, t: int) -> None:
        """Forget what neither frame ``t`` nor a later one needs."""
        for kept in (self._frames, self._details, self._steps):
            for old in [n for n in kept if n < t - max(1, self.n_neighbours)]:
                del kept[old]

    def _before(self, t: int) -> Sequence[Neighbour]:
        found: list[Neighbour] = []
        y = x = 0.0
        for n in range(t - 1, max(t - self.n_neighbours, 0) - 1, -1):
            step = self.step(n)
            if step is None:
                break
            y, x = y - step[0], x - step[1]
            found.append((self.frame(n), (y, x)))
        return found

    def _after(self, t: int) -> Sequence[Neighbour]:
        found: list[Neighbour] = []
        y = x = 0.0
        for n in range(t + 1, min(t + self.n_neighbours, self.movie.n_frames - 1) + 1):
            step = self.step(n - 1)
            if step is None:
                break
            y, x = y + step[0], x + step[1]
            found.append((self.frame(n), (y, x)))
        return found

    def frame(self, n: int) -> NDArray[Any]:
        """Return frame ``n`` (Y, X) alone."""
        if n not in self._frames:
            self._frames[n] = self.movie.read_frame(n)
        return self._frames[n]

    def step(self, n: int) -> Step | None:
        """Return by how much the picture moves from frame ``n`` to the next; ``None`` where not sure."""
        if n not in self._steps:
            for each in (n, n + 1):
                if each not in self._details:
                    self._details[each] = details_on_grid(self.frame(each))
            shift = find_shift(self._details[n], self._details[n + 1])
            spacing = grid_spacing(self.frame(n).shape)
            is_known = shift.is_sure_of_place
            self._steps[n] = (shift.step[0] * spacing, shift.step[1] * spacing) if is_known else None
        return self._steps[n]
