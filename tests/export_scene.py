"""A tiny movie in which everything happens that an export must carry, drawn so that it is checked by hand."""

import numpy as np

from temtrack.formats.store.lineage import write_lineage
from temtrack.formats.store.masks import mask_name, write_mask
from temtrack.lineage import Lineage, Merge, Track

HEIGHT, WIDTH, N_FRAMES = 40, 60, 12
EMPTY_FRAME = 6
CHILD = 70_001  # above 16 bits

#: By id: upper row, left column and side of a square, and the frames in which it is there.
SQUARES = {
    1: ((2, 2, 8), [*range(6), 7]),
    2: ((2, 10, 6), [*range(6), 7]),
    3: ((8, 10, 4), [*range(6), 7]),
    CHILD: ((2, 2, 11), range(8, 12)),  # of 1, 2 and 3
    4: ((20, 2, 8), range(4)),
    5: ((34, 50, 4), [0, 1, 2, 5, *range(7, 12)]),  # hidden in frames 3 and 4
    6: ((20, 2, 5), [4, 5, *range(7, 12)]),  # split off 4, as 7
    7: ((20, 8, 4), [4, 5, *range(7, 12)]),
    8: ((20, 30, 8), [*range(6), *range(7, 12)]),
    9: ((20, 40, 3), range(9, 12)),  # split off 8, which lives on
    10: ((0, 40, 5), [2, 3, 4, 5, *range(7, 12)]),  # enters late
}
PARENTS = {CHILD: {1, 2, 3}, 6: {4}, 7: {4}, 9: {8}}
N_NODES = sum(len(frames) for _, frames in SQUARES.values())

LINEAGE = Lineage(
    N_FRAMES,
    (
        Track(1, 0, 7, "present", "merged"),
        Track(2, 0, 7, "present", "merged"),
        Track(3, 0, 7, "present", "merged"),
        Track(4, 0, 3, "present", "split"),
        Track(5, 0, 11, "present", "present"),
        Track(6, 4, 11, "split", "present", (4,)),
        Track(7, 4, 11, "split", "present", (4,)),
        Track(8, 0, 11, "present", "present"),
        Track(9, 9, 11, "split", "present", (8,)),
        Track(10, 2, 11, "entered", "present"),
        Track(CHILD, 8, 11, "merge", "present", (1, 2, 3)),
    ),
    (Merge(8, CHILD, (1, 2, 3), 5, 7.0, 7.0),),
)


def draw_frame(t):
    labels = np.zeros((HEIGHT, WIDTH), np.int32)
    for particle, ((y, x, side), frames) in SQUARES.items():
        if t in frames:
            labels[y : y + side, x : x + side] = particle
    return labels


def write_scene(folder):
    """Write masks and lineage, as `temtrack track` leaves them."""
    folder.mkdir(parents=True)
    for t in range(N_FRAMES):
        write_mask(folder / mask_name(t), draw_frame(t))
    write_lineage(folder / "lineage.json", LINEAGE)
    return folder


def write_kept_id(folder):
    """Write masks alone of three discs that merge, in which the child bears its largest parent's id on."""
    from cases.merging import three_fuse_at_once

    folder.mkdir(parents=True)
    for t, labels in enumerate(three_fuse_at_once().truth):
        write_mask(folder / mask_name(t), np.where(labels == 4, 2, labels))
    return folder
