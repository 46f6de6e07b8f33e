"""Particles begin, end, break and move by themselves."""

from __future__ import annotations

from cases.scene import Case, Disc, along, bystander, draw


def split() -> Case:
    left, right = along((10, 39), (20, 28)), along((10, 57), (20, 70))
    discs = [
        Disc(1, 32, 42, 10, last=9),
        Disc(1, 32, 54, 10, last=9),
        Disc(2, 32, left, 9, 10),
        Disc(3, 32, right, 9, 10),
    ]
    return Case(
        "split",
        draw(discs, 24),
        (),
        {1: "split", 2: "present", 3: "present"},
        {2: "split", 3: "split"},
        wholes={2: 1, 3: 1},
    )


def leave_the_field() -> Case:
    truth = draw([bystander(), Disc(1, 40, along((0, 60), (20, 110)), 8)], 26)
    return Case("leave the field", truth, (), {1: "left"})


def nucleate() -> Case:
    truth = draw([bystander(), Disc(1, 40, 50, along((5, 1.5), (20, 8)), 5)], 26)
    return Case("nucleate", truth, origins={1: "nucleated"})


def small_fast_lookalikes() -> Case:
    """Five discs of radius 3 that move by more than their diameter; only nearness links them at first."""
    discs = [Disc(i, 10 + 9 * i, along((0, 6), (11, 90)), 3) for i in range(1, 6)]
    return Case("small, fast and alike", draw(discs, 12))
