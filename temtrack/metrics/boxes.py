"""How well labels match particles of which only boxes are known: places and widths, no outlines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from temtrack.imaging.labels import measure_regions
from temtrack.metrics.assignment import choose_pairs
from temtrack.metrics.pooling import Pooled, fraction

#: Factor by which the width of a found particle may differ from its box's.
MAX_WIDTH_FACTOR = 2.0


@dataclass(frozen=True)
class BoxScore(Pooled):
    """Counts of one or more images: particles found, true ones, and those that match one to one."""

    n_found: int = 0
    n_true: int = 0
    n_matched: int = 0

    @property
    def f1(self) -> float:
        """F1; 1 where there is nothing and nothing was found."""
        return fraction(2 * self.n_matched, self.n_found + self.n_true, of_nothing=1.0)


def score_boxes(labels: NDArray[np.integer], boxes: NDArray[Any]) -> BoxScore:
    """Score labels (Y, X) against boxes (N, 4) as y0, x0, y1, x1; see `match_boxes`."""
    is_matched = match_boxes(labels, boxes)
    return BoxScore(len(is_matched), len(boxes), int(is_matched.sum()))


def match_boxes(labels: NDArray[np.integer], boxes: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which particles (M,) of labels (Y, X), by increasing id, match one of boxes (N, 4) one to one.

    A particle matches where its centre lies in the box and its equivalent diameter is within a factor 2 of
    the box's, the root of its area.
    """
    found = measure_regions(labels)
    y, x = found.y_px[:, None] + 0.5, found.x_px[:, None] + 0.5
    y0, x0, y1, x1 = boxes.reshape(-1, 4).T
    ratio = 2 * found.radius_px[:, None] / np.sqrt((y1 - y0) * (x1 - x0))
    is_match = (y0 <= y) & (y <= y1) & (x0 <= x) & (x <= x1)
    is_match &= (ratio >= 1 / MAX_WIDTH_FACTOR) & (ratio <= MAX_WIDTH_FACTOR)
    left, right = np.nonzero(is_match)
    is_matched = np.zeros(len(found.ids), bool)
    is_matched[left[choose_pairs(left, right, np.ones(len(left)))]] = True
    return is_matched
