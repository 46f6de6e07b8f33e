"""Pairs of greatest total worth, each member in one pair at most, on a sparse graph of candidates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import linear_sum_assignment
from scipy.sparse.csgraph import connected_components

Ids = NDArray[np.integer]
Worth = NDArray[np.number]


def choose_pairs(left: Ids, right: Ids, worth: Worth) -> NDArray[np.bool_]:
    """Choose among candidate pairs those of greatest total worth in which nobody stands twice.

    Most pairs are settled at once, since they are worth more than all that they could stand in the way of.
    What is left falls into small connected parts, each of which is solved by itself. So thousands of
    particles that overlap one or two others each cost little more than their number.

    Parameters
    ----------
    left, right
        (P,) ids of the two members of each candidate, from 0; no pair comes twice.
    worth
        (P,) worth of each candidate, above 0.

    Returns
    -------
    (P,) bool, the chosen candidates.
    """
    if not len(left):
        return np.zeros(0, bool)
    chosen = np.asarray(worth >= _best_rival(left, worth) + _best_rival(right, worth))
    chosen &= _first_of(left, chosen) & _first_of(right, chosen)  # of equals, one
    is_open = ~np.isin(left, left[chosen]) & ~np.isin(right, right[chosen])
    for pairs in _connected_parts(left, right, np.flatnonzero(is_open)):
        chosen[pairs[_solve(left[pairs], right[pairs], worth[pairs])]] = True
    return chosen


def distinct_pairs(left: Ids, right: Ids) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the members (Q,), (Q,) of each pair that comes once or more, and the number (P,) of each pair.

    Parameters
    ----------
    left, right
        (P,) ids from 0.
    """
    width = int(right.max(initial=0)) + 1
    codes, number = np.unique(left.astype(np.int64) * width + right, return_inverse=True)
    return codes // width, codes % width, number


def _best_rival(member: Ids, worth: Worth) -> NDArray[np.float64]:
    """Return for each pair the worth of the best other pair of the same member, 0 without one."""
    order = np.lexsort((-worth, member))
    sorted_members, sorted_worth = member[order], worth[order].astype(np.float64)
    begins = np.flatnonzero(np.append(True, np.diff(sorted_members) != 0))
    sizes = np.diff(np.append(begins, len(member)))
    rival = np.repeat(sorted_worth[begins], sizes)
    seconds = np.minimum(begins + 1, len(member) - 1)
    rival[begins] = np.where(sizes > 1, sorted_worth[seconds], 0)
    result = np.empty(len(member))
    result[order] = rival
    return result


def _first_of(member: Ids, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark the first chosen pair of each member."""
    rows = np.flatnonzero(chosen)
    first = np.zeros(len(member), bool)
    first[rows[np.unique(member[rows], return_index=True)[1]]] = True
    return first


def _connected_parts(left: Ids, right: Ids, pairs: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Split pairs into parts that share no member."""
    if not pairs.size:
        return []
    n_left, n = int(left.max()) + 1, int(left.max()) + int(right.max()) + 2
    ones = np.ones(pairs.size, np.int8)
    graph = sparse.coo_array((ones, (left[pairs], right[pairs] + n_left)), (n, n))
    part = connected_components(graph, directed=False)[1][left[pairs]]
    order = np.argsort(part, kind="stable")
    return np.split(pairs[order], np.flatnonzero(np.diff(part[order])) + 1)


def _solve(left: Ids, right: Ids, worth: Worth) -> NDArray[np.int64]:
    """Return which pairs of one connected part to choose."""
    rows, row = np.unique(left, return_inverse=True)
    columns, column = np.unique(right, return_inverse=True)
    table = np.zeros((rows.size, columns.size))
    table[row, column] = worth
    best = np.full(rows.size, -1)
    chosen_rows, chosen_columns = linear_sum_assignment(table, maximize=True)
    best[chosen_rows] = chosen_columns
    return np.flatnonzero(best[row] == column)
