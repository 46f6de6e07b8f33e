"""Labels run-length encoded: a twentieth as many runs as pixels, so what is done on them is cheap."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class RunLengths:
    """A label image run-length encoded: neighbours in a row of one id are a run; no background.

    Parameters
    ----------
    ids
        (N,) int64, id of each run, in raster order.
    y_px, x_px
        (N,) int64, row and first column.
    n_px
        (N,) int64, length.
    """

    ids: NDArray[np.int64]
    y_px: NDArray[np.int64]
    x_px: NDArray[np.int64]
    n_px: NDArray[np.int64]

    def take(self, rows: NDArray[np.bool_ | np.integer]) -> RunLengths:
        """Return some of the runs."""
        return RunLengths(*(column[rows] for column in vars(self).values()))

    def equals(self, other: RunLengths) -> bool:
        """Tell whether they draw the same image, given that both are joined."""
        return all(map(np.array_equal, vars(self).values(), vars(other).values()))

    def joined(self) -> RunLengths:
        """Return the same with neighbours that bear one id as one run."""
        follows = (self.x_px[1:] == self.x_px[:-1] + self.n_px[:-1]) & (self.y_px[1:] == self.y_px[:-1])
        is_first = np.append(True, ~(follows & (self.ids[1:] == self.ids[:-1])))[: self.ids.size]
        if is_first.all():
            return self
        n_px = np.add.reduceat(self.n_px, np.flatnonzero(is_first))
        return replace(self.take(is_first), n_px=n_px)

    def pixels(self, width: int) -> NDArray[np.int64]:
        """Return the flat places of all pixels, run by run, in an image of so many columns."""
        start, ends = self.y_px * width + self.x_px, np.cumsum(self.n_px)
        return np.arange(self.n_px.sum()) + np.repeat(start - ends + self.n_px, self.n_px)

    @property
    def n_columns(self) -> int:
        """The number of columns up to the last labelled one."""
        return int((self.x_px + self.n_px).max(initial=1))

    def spans(self, width: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the flat start and stop of each run, (N,), in an image of so many columns."""
        start = self.y_px * width + self.x_px
        return start, start + self.n_px


def encode_run_lengths(labels: NDArray[np.integer]) -> RunLengths:
    """Encode ``labels`` (Y, X)."""
    changes = np.ones(labels.shape, bool)  # begins a row or bears another id than the pixel before
    np.not_equal(labels[:, 1:], labels[:, :-1], out=changes[:, 1:])
    starts = np.flatnonzero(changes)
    ids, n_px = labels.ravel()[starts], np.diff(starts, append=labels.size)
    particle = np.flatnonzero(ids)
    y, x = np.divmod(starts[particle], labels.shape[1])
    return RunLengths(ids[particle].astype(np.int64), y, x, n_px[particle])


def draw_runs(runs: RunLengths, shape: tuple[int, ...]) -> NDArray[np.int32]:
    """Draw runs in raster order, of which none overlap, into an image (Y, X)."""
    start, stop = runs.spans(shape[1])
    # where background and runs begin by turns
    edges = np.zeros(2 * start.size + 2, np.int64)
    edges[1:-1:2], edges[2:-1:2], edges[-1] = start, stop, shape[0] * shape[1]
    ids = np.zeros(2 * start.size + 1, np.int32)
    ids[1::2] = runs.ids
    return np.repeat(ids, np.diff(edges)).reshape(shape)


def paint_runs(runs: RunLengths, width: int) -> RunLengths:
    """Lay runs over one another in an image of so many columns; where some overlap, the later one is on top.

    Returns
    -------
    What is seen of them, joined and in raster order.
    """
    start, stop = runs.spans(width)
    order = np.argsort(start)
    first, last = start[order], stop[order]
    is_over = np.append(False, first[1:] < np.maximum.accumulate(last)[:-1])
    is_under = np.append(first[1:] < last[:-1], False)
    is_alone = ~(is_over | is_under)[: order.size]
    alone, others = runs.take(order[is_alone]), runs.take(np.sort(order[~is_alone]))
    seen = _topmost(others, width)
    seen = RunLengths(
        *(np.concatenate(pair) for pair in zip(vars(alone).values(), vars(seen).values(), strict=True))
    )
    return seen.take(np.argsort(seen.spans(width)[0])).joined()


def _topmost(runs: RunLengths, width: int) -> RunLengths:
    """Return the pieces between any two ends of runs, of the last of those that cover each, in order."""
    start, stop = runs.spans(width)
    edges = np.sort(np.concatenate([start, stop]))
    edges = edges[np.diff(edges, prepend=-1) > 0]
    from_piece, n_pieces = np.searchsorted(edges, start), np.searchsorted(edges, stop)
    n_pieces -= from_piece
    pieces = np.arange(n_pieces.sum()) + np.repeat(from_piece - np.cumsum(n_pieces) + n_pieces, n_pieces)
    ids = np.zeros(edges.size, np.int64)
    ids[pieces] = np.repeat(runs.ids, n_pieces)  # of several the last one stays
    shown = np.flatnonzero(ids)
    y, x = np.divmod(edges[shown], width)
    return RunLengths(ids[shown], y, x, edges[shown + 1] - edges[shown] if shown.size else shown)


def measure_run_gaps(runs: RunLengths, max_gap_px: int) -> NDArray[np.int64]:
    """Return the pairs of ids, the lower first, and the background pixels between them: (N, 3), sorted.

    Pairs more than ``max_gap_px`` apart are left out; 0 pixels lie between 8-neighbours.
    """
    reach = max_gap_px + 1
    width = runs.n_columns + reach  # so that no run is near one of the next row
    start, stop = runs.spans(width)
    keys = []  # the lower id, then the other, then the gap
    least, base = int(runs.ids.min(initial=0)), int(runs.ids.max(initial=0)) + 1
    if least < 0 or base**2 * reach >= 1 << 63:
        ids, place = np.unique(runs.ids, return_inverse=True)
        gaps = measure_run_gaps(replace(runs, ids=place), max_gap_px)
        return np.concatenate([ids[gaps[:, :2]], gaps[:, 2:]], axis=1)
    for dy in range(reach + 1):
        i, j = meeting(start + dy * width - reach, stop + dy * width + reach, start, stop)
        differ = runs.ids[i] != runs.ids[j]
        i, j = i[differ], j[differ]
        dx = np.maximum(start[j] - stop[i] - dy * width, start[i] + dy * width - stop[j]) + 1
        a, b = runs.ids[i], runs.ids[j]
        pair = np.minimum(a, b) * base + np.maximum(a, b)
        keys.append(pair * reach + np.maximum(dx, dy) - 1)
    key = np.sort(np.concatenate(keys))  # one key, since to sort by several takes ten times as long
    pair, gap = np.divmod(key, reach)
    is_first = np.diff(pair, prepend=-1) != 0  # with the least gap
    low, high = np.divmod(pair[is_first], base)
    return np.stack([low, high, gap[is_first]], axis=1)


def meeting(
    start_a: NDArray[np.int64],
    stop_a: NDArray[np.int64],
    start_b: NDArray[np.int64],
    stop_b: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows of overlapping intervals of ``a`` and ``b``; those of ``b`` are disjoint and sorted."""
    i, j = np.arange(start_a.size), np.searchsorted(stop_b, start_a, side="right")
    start_b = np.append(start_b, np.iinfo(np.int64).max)  # one that none meets
    rows: list[NDArray[np.int64]] = []
    columns: list[NDArray[np.int64]] = []
    while i.size:
        meets = start_b[j] < stop_a[i]
        i, j = i[meets], j[meets]
        rows.append(i)
        columns.append(j)
        j = j + 1
    return np.concatenate([*rows, i]), np.concatenate([*columns, j])


def stable_order(places: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return the stable order of numbers from 0 on: of fewer than 65,536 at once, with a radix sort."""
    return np.argsort(places.astype(np.min_scalar_type(int(places.max(initial=0)))), kind="stable")
