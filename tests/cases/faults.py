"""The segmentation or the microscope fails for a few frames; what truly happens stays the same."""

from __future__ import annotations

from dataclasses import replace

from cases.merging import pair_discs, two_fuse
from cases.scene import Case, Disc, TrueMerge, along, bystander, draw, fuse, miss, shift


def merge_flicker() -> Case:
    truth = draw([Disc(1, 32, 34, 10), Disc(2, 32, 55, 10)], 20)
    return Case(
        "one frame joins two",
        truth,
        observed=fuse(truth, {1, 2}, range(9, 10)),
    )


def split_flicker() -> Case:
    truth = draw([Disc(1, 32, 40, 14), Disc(2, 32, 75, 8)], 20)
    observed = truth.copy()
    observed[9][:, 41:][observed[9][:, 41:] == 1] = 5
    return Case("one frame breaks one", truth, observed=observed)


def split_flicker_at_start() -> Case:
    """The very first frame breaks a particle in two: that is no merge in the second."""
    truth = draw([Disc(1, 32, 40, 14), Disc(2, 32, 75, 8)], 14)
    observed = truth.copy()
    observed[0][:, 41:][observed[0][:, 41:] == 1] = 5
    return Case(
        "the first frame breaks one",
        truth,
        (),
        observed=observed,
    )


def child_flicker() -> Case:
    """The second frame of the child is segmented as two once more; it is still a merge at the first."""
    base = two_fuse()
    observed = base.truth.copy()
    right = observed[11][:, 43:]
    right[right == 3] = 4
    return Case("flicker just after fusing", base.truth, base.merges, observed=observed)


def missed_before_fusing(n_missed: int) -> Case:
    """One is missed in the last frames before the merge, so nobody sees the contact."""
    base = two_fuse()
    merges = (replace(base.merges[0], contact_frame=None),)
    observed = miss(base.truth, 2, range(9 - n_missed, 9))
    name = f"missed for {n_missed} before fusing"
    return replace(base, name=name, merges=merges, observed=observed, uncertainty_frames=1)


def child_missed_at_first(n_missed: int) -> Case:
    """The first frames of the child show nothing: one child is missed, not two parents."""
    base = two_fuse()
    observed = miss(base.truth, 3, range(9, 9 + n_missed))
    return Case(f"child missed for {n_missed} at first", base.truth, base.merges, observed=observed)


def drift_jump_while_fusing() -> Case:
    base = two_fuse()
    return Case("drift jump while fusing", shift(base.truth, 9, (9, 7)), base.merges)


def blank_while_fusing() -> Case:
    others = [Disc(91, 54, 80, 5), Disc(92, 10, 60, 5), Disc(90, 10, 12, 6)]
    truth = draw([*others, *pair_discs()], 26)
    observed = truth.copy()
    observed[8] = 0  # the only frame that shows the contact
    merge = TrueMerge(9, 3, frozenset({1, 2}), None)
    return Case("blank frame while fusing", truth, (merge,), observed=observed)


def missed_for(n_missed: int) -> Case:
    truth = draw([bystander(), Disc(1, 36, along((0, 30), (20, 50)), 8)], 20)
    observed = miss(truth, 1, range(8, 8 + n_missed))
    return Case(f"missed for {n_missed}", truth, observed=observed)


def missed_at_the_end() -> Case:
    """The last two frames miss a particle: too short a gap to call it lost."""
    truth = draw([bystander(), Disc(1, 36, along((0, 30), (20, 50)), 8)], 20)
    return Case("missed at the end", truth, observed=miss(truth, 1, range(18, 20)))
