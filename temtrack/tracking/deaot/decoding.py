"""From the colours that a network sees back to ids: each particle is near where it is expected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from skimage.measure import label as connected_parts

from temtrack.imaging.labels import compact

#: Parts of a particle smaller than this share of its largest part are dropped.
FRAGMENT_FRACTION = 0.25


@dataclass(frozen=True)
class Axis:
    """Where the pixels of an axis lie between the nodes of a coarser grid: the node before, how far past it.

    Parameters
    ----------
    node
        (N,) int64, at most the last node but one.
    past
        (N,) float32 in [0, 1], in node distances.
    """

    node: NDArray[np.int64]
    past: NDArray[np.float32]

    @classmethod
    def at(cls, places: NDArray[np.float64], n_nodes: int) -> Axis:
        """Place pixels at ``places`` (N,), in node distances from the first of ``n_nodes`` nodes."""
        inside = np.clip(places, 0, n_nodes - 1)
        node = np.minimum(inside.astype(np.int64), n_nodes - 2)
        return cls(node, (inside - node).astype(np.float32))


def sample_colours(logits: NDArray[np.float32], rows: Axis, columns: Axis) -> NDArray[np.int64]:
    """Return the channel of the highest logit at every pixel, logits being bilinear between the nodes.

    Where the four nodes around a pixel agree, no interpolation can change the answer, so only the rest
    is computed.

    Parameters
    ----------
    logits
        (C, H, W) at the nodes.
    rows, columns
        Where the pixels lie.

    Returns
    -------
    channels
        (Y, X) from 0 to C - 1.
    """
    best = logits.argmax(axis=0)
    agree = (best[:-1] == best[1:])[:, :-1] & (best[:, :-1] == best[:, 1:])[:-1]
    agree &= best[:-1, :-1] == best[1:, 1:]
    out: NDArray[np.int64] = best[rows.node][:, columns.node]
    y, x = np.nonzero(~agree[rows.node][:, columns.node])
    flat = np.ascontiguousarray(logits.reshape(len(logits), -1).T)  # H*W x C
    at = rows.node[y] * logits.shape[2] + columns.node[x]
    fy, fx = rows.past[y, None], columns.past[x, None]
    above = flat[at] * (1 - fx) + flat[at + 1] * fx
    at += logits.shape[2]
    below = flat[at] * (1 - fx) + flat[at + 1] * fx
    out[y, x] = (above * (1 - fy) + below * fy).argmax(axis=1)
    return out


class PassArgmax:
    """The colour of each pixel: argmax over the passes of the network, by their confidence.

    Parameters
    ----------
    axes
        Where the pixels' rows and columns lie between the nodes of the logits.
    """

    def __init__(self, axes: tuple[Axis, Axis]) -> None:
        self._axes = axes
        shape = axes[0].node.size, axes[1].node.size
        self._confidence: NDArray[np.float32] | None = None
        self.colours: NDArray[np.int64] = np.zeros(shape, np.int64)

    def add(self, logits: NDArray[np.float32], colours: NDArray[np.int64]) -> None:
        """Add the logits (C, H, W) of a pass, the background's first, and the colours they stand for."""
        found = sample_colours(logits, *self._axes)
        of_channel = np.concatenate([[0], colours[1:]])
        rows, columns = (axis.node + (axis.past > 0.5) for axis in self._axes)
        confidence = _confidence(logits)[rows][:, columns]
        if self._confidence is None:
            self.colours, self._confidence = of_channel[found], np.where(found > 0, confidence, 0)
            return
        wins = (found > 0) & (confidence > self._confidence)
        self.colours[wins] = of_channel[found[wins]]
        self._confidence[wins] = confidence[wins]


def _confidence(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the probability (H, W) of the likeliest channel."""
    return np.asarray(1 / np.exp(logits - logits.max(axis=0)).sum(axis=0))


def assign_ids(
    colours: NDArray[np.integer],
    expected: NDArray[np.integer],
    colour_of_id: Mapping[int, int],
    reach_px: float,
) -> NDArray[np.int32]:
    """Give each coloured pixel to the nearest id of that colour.

    Parameters
    ----------
    colours
        (Y, X) colours, 0 background.
    expected
        (Y, X) ids where they are expected.
    colour_of_id
        The colour of each id of ``expected``.
    reach_px
        Pixels farther than this from any expected mask of their colour are dropped.

    Returns
    -------
    labels
        (Y, X) ids; a part of a particle much smaller than its largest part is dropped.
    """
    small, ids = compact(expected)
    colour = np.array([0, *(colour_of_id[i] for i in ids.tolist())], np.int64)
    found = np.where(colours == colour[small], small, 0)
    rest = np.nonzero((colours != 0) & (found == 0))
    found[rest] = _nearest_of_colour(small, colour, rest, colours[rest], reach_px)
    return np.concatenate([[0], ids]).astype(np.int32)[_without_fragments(found)]


def _nearest_of_colour(
    small: NDArray[np.int32],
    colour: NDArray[np.int64],
    at: tuple[NDArray[np.int64], ...],
    wanted: NDArray[np.integer],
    reach_px: float,
) -> NDArray[np.int32]:
    """Return the nearest of the compact ids that bear the wanted colour, for each of the pixels, or 0."""
    y, x = _outline(small)
    if not y.size:
        return np.zeros(wanted.size, np.int32)
    apart = 2 * reach_px + 1  # as a third coordinate this keeps colours out of each other's reach
    tree = cKDTree(np.stack([y, x, apart * colour[small[y, x]]], axis=1), balanced_tree=False)
    points = np.stack([*at, apart * wanted], axis=1)
    _, nearest = tree.query(points, distance_upper_bound=reach_px)
    return np.asarray(np.append(small[y, x], np.int32(0))[nearest])


def _outline(labels: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return y and x of the pixels that differ from one of their 4-neighbours, or lie at the border."""
    inner = np.zeros(labels.shape, bool)
    middle = labels[1:-1, 1:-1]
    inner[1:-1, 1:-1] = (middle == labels[:-2, 1:-1]) & (middle == labels[2:, 1:-1])
    inner[1:-1, 1:-1] &= (middle == labels[1:-1, :-2]) & (middle == labels[1:-1, 2:])
    y, x = np.nonzero((labels != 0) & ~inner)
    return y, x


def _without_fragments(small: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return compact labels without the parts that are much smaller than the largest one of their id."""
    parts, n_parts = connected_parts(small, return_num=True, connectivity=2)
    n_ids = int(small.max(initial=0))
    if n_parts == n_ids:
        return small
    area = np.bincount(parts.ravel(), minlength=n_parts + 1)
    owner = np.zeros(n_parts + 1, np.int64)
    owner[parts.ravel()] = small.ravel()
    largest = np.zeros(n_ids + 1, np.int64)
    np.maximum.at(largest, owner, area)
    keep = area >= FRAGMENT_FRACTION * largest[owner]
    return np.where(keep[parts], small, 0).astype(np.int32)
