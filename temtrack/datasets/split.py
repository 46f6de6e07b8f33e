"""Which tiles are kept, and which groups go to the test side: pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def choose_test_groups(groups: Sequence[str], test_fraction: float, rng: np.random.Generator) -> set[str]:
    """Choose whole groups for the test side.

    Parameters
    ----------
    groups
        Group of each tile.
    test_fraction
        Share of the tiles wanted there, in [0, 1); met as near as a random order of groups allows. Either
        side has at least one group where there are two.
    """
    sizes = Counter(groups)
    if test_fraction == 0 or len(sizes) < 2:
        return set()
    wanted, n_test, chosen = test_fraction * len(groups), 0, set[str]()
    names = sorted(sizes)
    for i in rng.permutation(len(names)):
        size = sizes[names[i]]
        nearer = abs(n_test + size - wanted) < abs(n_test - wanted)
        if nearer and len(chosen) + 1 < len(names):
            chosen.add(names[i])
            n_test += size
    return chosen or {min(names, key=lambda name: sizes[name])}


def thin_out(is_empty: Sequence[bool], fraction: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Tell which tiles to keep, (N,) bool: those with particles, and a random ``fraction`` of the others."""
    keep = ~np.asarray(is_empty, bool)
    empty = np.flatnonzero(~keep)
    keep[rng.permutation(empty)[: round(fraction * len(empty))]] = True
    return keep
