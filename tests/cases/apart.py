"""Particles meet, cover each other or vanish beside each other, and none of it is a merge."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cases.scene import Case, Disc, along, draw, fuse


def touch_and_part() -> Case:
    x = along((0, 74), (9, 56), (12, 56), (20, 74))
    truth = draw([Disc(1, 36, 34, 10), Disc(2, 36, x, 10)], 24)
    return Case("touch and part", truth, observed=fuse(truth, {1, 2}, range(9, 13)))


def touch_and_stay_two() -> Case:
    truth = draw([Disc(1, 36, 34, 10), Disc(2, 36, along((0, 74), (9, 55)), 10)], 30)
    return Case("touch and stay two", truth)


def dissolve_beside_neighbour() -> Case:
    discs = [Disc(1, 32, 40, along((0, 14), (14, 15))), Disc(2, 32, 64, along((0, 9), (10, 3), (12, 0)))]
    return Case("dissolve beside a neighbour", draw(discs, 24), (), {1: "present", 2: "dissolved"})


def dissolve_while_touching() -> Case:
    discs = [
        Disc(2, 32, along((0, 63), (12, 57)), along((0, 9), (10, 3), (12, 0))),
        Disc(1, 32, 40, along((0, 14), (14, 15))),
    ]
    return Case("dissolve while touching", draw(discs, 26), (), {1: "present", 2: "dissolved"})


def _crossing() -> NDArray[np.int32]:
    return draw([Disc(1, 32, along((0, 20), (20, 80)), 12), Disc(2, 36, along((0, 76), (20, 16)), 7)], 22)


def cross_over() -> Case:
    return Case("cross over", _crossing())


def cross_over_fused() -> Case:
    truth = _crossing()
    return Case(
        "cross over, segmented as one",
        truth,
        observed=fuse(truth, {1, 2}, range(7, 12)),
    )


def enter_touching() -> Case:
    discs = [Disc(1, 32, 78, 10), Disc(2, 32, along((4, 109), (12, 100)), 10)]
    return Case("enter touching", draw(discs, 24), origins={2: "entered"})


def oscillating_contact() -> Case:
    x = along((0, 74), (9, 55), (11, 60), (13, 55), (15, 60), (17, 55), (24, 70))
    truth = draw([Disc(1, 36, 34, 10), Disc(2, 36, x, 10)], 30)
    observed = fuse(fuse(truth, {1, 2}, range(9, 10)), {1, 2}, range(13, 14))
    return Case("oscillating contact", truth, observed=observed)


def three_touch_and_part() -> Case:
    left, right = along((0, 12), (9, 27), (12, 27), (22, 8)), along((0, 84), (9, 69), (12, 69), (22, 88))
    truth = draw([Disc(1, 32, left, 10), Disc(2, 32, 48, 10), Disc(3, 32, right, 10)], 26)
    return Case("three touch and part", truth, observed=fuse(truth, {1, 2, 3}, range(9, 13)))


def dissolve_while_fused() -> Case:
    """As `dissolve_while_touching`, but the segmentation joins the two from the fourth frame on."""
    case = dissolve_while_touching()
    observed = fuse(case.truth, {1, 2}, range(4, 12))
    return replace(
        case, name="dissolve while touching, segmented as one", observed=observed, uncertainty_frames=1
    )


def leave_where_another_comes() -> Case:
    """A small one leaves over the border; a large one soon lies where it was last seen."""
    x = along((8, 60), (13, 36))
    truth = draw([Disc(90, 50, 80, 6), Disc(1, 2, 34, 3, last=7), Disc(2, 8, x, 12)], 26)
    return Case("leave where another comes", truth, (), {1: "left"})
