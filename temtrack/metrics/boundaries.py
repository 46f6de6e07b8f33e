"""How well outlines match: boundary pixels that have one of the other side's near by.

Csurka et al. 2013, 'What is a good evaluation measure for semantic segmentation?', doi:10.5244/C.27.32.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

#: An outline's pixel is right where one of the other side's lies at most this far away.
TOLERANCE_PX = 2


@dataclass(frozen=True)
class OutlineScore:
    """Boundary pixels, found and true, and how many of each are right; add scores to pool images."""

    n_found: int = 0
    n_true: int = 0
    n_found_right: int = 0
    n_true_right: int = 0

    def __add__(self, other: OutlineScore) -> OutlineScore:
        return OutlineScore(
            self.n_found + other.n_found,
            self.n_true + other.n_true,
            self.n_found_right + other.n_found_right,
            self.n_true_right + other.n_true_right,
        )

    @property
    def f1(self) -> float:
        """Harmonic mean of the shares that are right; 1 where there is nothing and nothing was found."""
        if not self.n_found and not self.n_true:
            return 1.0
        if not self.n_found_right or not self.n_true_right:
            return 0.0
        precision, recall = self.n_found_right / self.n_found, self.n_true_right / self.n_true
        return 2 * precision * recall / (precision + recall)


def score_outlines(found: NDArray[np.integer], true: NDArray[np.integer]) -> OutlineScore:
    """Compare the outlines in two label images (Y, X) of the same size, within `TOLERANCE_PX`.

    Between touching particles both sides have an outline; along the image's own border there is none.
    """
    found_edge, true_edge = _outline(found), _outline(true)
    return OutlineScore(
        n_found=int(np.count_nonzero(found_edge)),
        n_true=int(np.count_nonzero(true_edge)),
        n_found_right=int(np.count_nonzero(found_edge & _widened(true_edge))),
        n_true_right=int(np.count_nonzero(true_edge & _widened(found_edge))),
    )


def _outline(labels: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Mark the labelled pixels that have a 4-neighbour of another value."""
    edge = np.zeros(labels.shape, bool)
    for one, other in (
        (np.s_[1:], np.s_[:-1]),
        (np.s_[:, 1:], np.s_[:, :-1]),
    ):
        differs = labels[one] != labels[other]
        edge[one] |= differs
        edge[other] |= differs
    return edge & (labels > 0)


def _widened(edge: NDArray[np.bool_]) -> NDArray[np.bool_]:
    y, x = np.ogrid[-TOLERANCE_PX : TOLERANCE_PX + 1, -TOLERANCE_PX : TOLERANCE_PX + 1]
    return np.asarray(ndimage.binary_dilation(edge, y**2 + x**2 <= TOLERANCE_PX**2))
