"""Milliseconds per frame of linking given masks of 1024 x 1024 px, at 100, 1,000 and 5,000 particles.

Run ``python benchmarks/linking_speed.py`` on an otherwise idle machine; it counts processor time of one core.
Discs on a grid tremble and are renumbered in every frame; a tenth of them touch a neighbour now and then.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from temtrack.linking import link_masks

SIDE_PX, N_FRAMES = 1024, 40

#: Radius of a disc and its tremor in units of the grid's step.
RADIUS, TREMOR = 0.36, 0.05


def trembling_discs(n: int, rng: np.random.Generator) -> Iterator[NDArray[np.int32]]:
    """Yield masks (Y, X) of ``n`` discs."""
    n_a_side = int(np.ceil(np.sqrt(n)))
    step = SIDE_PX / n_a_side
    cells = np.stack(np.divmod(np.arange(n), n_a_side))
    radius = RADIUS * step * rng.uniform(0.8, 1.2, n)
    y, x = np.indices((SIDE_PX, SIDE_PX))
    cell = np.minimum((y / step).astype(int) * n_a_side + (x / step).astype(int), n - 1)
    for _ in range(N_FRAMES):
        cy, cx = (cells + 0.5 + rng.normal(0, TREMOR, (2, n))) * step
        ids = rng.permutation(n) + 1
        inside = (y - cy[cell]) ** 2 + (x - cx[cell]) ** 2 <= radius[cell] ** 2
        yield np.where(inside, ids[cell], 0).astype(np.int32)


def main() -> None:
    """Link and print."""
    print("particles   ms per frame   frames per second   tracks")
    for n in (100, 1000, 5000):
        masks = list(trembling_discs(n, np.random.default_rng(n)))
        linked = link_masks(masks)
        start = time.process_time()
        for _ in linked:
            pass
        seconds = (time.process_time() - start) / N_FRAMES
        print(f"{n:9d} {1e3 * seconds:14.1f} {1 / seconds:19.1f} {len(linked.lineage.tracks):8d}")


if __name__ == "__main__":
    main()
