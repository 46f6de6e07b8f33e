"""The bank of named tiny scenes, one for each thing that particles do under the microscope.

Every scene is drawn with discs and states the right answer: true masks, merges, fates. ``observed`` is
what a segmentation would give; it differs from the truth only where the scene is about that.

Discs at whole centres cover ``2 r + 1`` pixels across, so two discs of radius 10 whose centres are 22 apart
have one pixel between them, at 20 they touch, and at 18 their neck's half width is 0.44 of the radius.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

SHAPE = (64, 96)
Path = Callable[[int], float]


@dataclass(frozen=True)
class Disc:
    """A disc in frames ``first`` to ``last`` (inclusive); ``y``, ``x``, ``r`` may depend on the frame."""

    id: int
    y: Path | float
    x: Path | float
    r: Path | float
    first: int = 0
    last: int = 10**6

    def at(self, t: int) -> tuple[float, float, float] | None:
        if not self.first <= t <= self.last:
            return None
        y, x, r = (v(t) if callable(v) else v for v in (self.y, self.x, self.r))
        return y, x, r


@dataclass(frozen=True)
class TrueMerge:
    frame: int
    child: int
    parents: frozenset[int]
    contact_frame: int


@dataclass(frozen=True)
class Case:
    """One scene and its right answer.

    ``observed`` and ``truth`` are (T, Y, X); ``fates`` names only what the scene is about;
    ``contact_uncertainty_frames`` is how far the contact frame can be known where a parent is not seen.
    """

    name: str
    truth: NDArray[np.int32]
    merges: tuple[TrueMerge, ...] = ()
    fates: dict[int, str] = field(default_factory=dict)
    origins: dict[int, str] = field(default_factory=dict)
    observed: NDArray[np.int32] | None = None
    contact_uncertainty_frames: int = 0

    @property
    def segments(self) -> NDArray[np.int32]:
        return self.truth if self.observed is None else self.observed


def draw(discs: list[Disc], n_frames: int, shape: tuple[int, int] = SHAPE) -> NDArray[np.int32]:
    """Draw discs into (T, Y, X); later ones lie on top."""
    frames = np.zeros((n_frames, *shape), np.int32)
    y, x = np.indices(shape)
    for t in range(n_frames):
        for disc in discs:
            place = disc.at(t)
            if place is not None and place[2] > 0:
                frames[t][(y - place[0]) ** 2 + (x - place[1]) ** 2 <= place[2] ** 2] = disc.id
    return frames


def along(*points: tuple[int, float]) -> Path:
    """Go straight from point to point (frame, position); rest before the first and after the last."""
    frames, places = zip(*points, strict=True)
    return lambda t: float(np.interp(t, frames, places))


def _fuse(masks: NDArray[np.int32], ids: set[int], frames: range) -> NDArray[np.int32]:
    """Return masks in which some ids are one segment in some frames: a segmentation that joins them."""
    out = masks.copy()
    for t in frames:
        out[t][np.isin(out[t], list(ids))] = min(ids)
    return out


def _miss(masks: NDArray[np.int32], particle: int, frames: range) -> NDArray[np.int32]:
    """Return masks in which one id is missing in some frames."""
    out = masks.copy()
    for t in frames:
        out[t][out[t] == particle] = 0
    return out


def _shift(masks: NDArray[np.int32], frame: int, step: tuple[int, int]) -> NDArray[np.int32]:
    """Return masks that jump by (y, x) at a frame; nothing may reach the border."""
    out = masks.copy()
    out[frame:] = np.roll(out[frame:], step, axis=(1, 2))
    return out


def bystander(particle: int = 90) -> Disc:
    """Return a particle that has nothing to do with what happens."""
    return Disc(particle, 10, 12, 6)


def pair_discs(merge: int = 9, y: float = 36, x: float = 34) -> list[Disc]:
    """Return two discs (1, 2) of radius 10 that touch just before ``merge`` and are one (3) from then on.

    The second comes nearer by 2 px a frame: 22 apart, 20 (contact), 18 (one particle).
    """
    other = along((0, x + 18 + 2 * merge), (merge, x + 18))
    relaxed = merge + 8
    r = 10 * 2 ** (1 / 3)
    return [
        Disc(1, y, x, 10, last=merge - 1),
        Disc(2, y, other, 10, last=merge - 1),
        Disc(3, y, along((merge, x), (relaxed, x + 9)), along((merge, 10), (relaxed, r)), merge),
        Disc(3, y, along((merge, x + 18), (relaxed, x + 9)), along((merge, 10), (relaxed, r)), merge),
    ]


def two_fuse() -> Case:
    merge = TrueMerge(9, 3, frozenset({1, 2}), 8)
    fates = {1: "merged", 2: "merged", 3: "present", 90: "present"}
    return Case("two fuse", draw([bystander(), *pair_discs()], 26), (merge,), fates)


def fuse_and_vanish() -> Case:
    """The child is lost six frames after the merge, long before the movie ends."""
    pair = [replace(disc, last=14) if disc.id == 3 else disc for disc in pair_discs()]
    merge = TrueMerge(9, 3, frozenset({1, 2}), 8)
    return Case(
        "fuse and vanish", draw([bystander(), *pair], 40), (merge,), {1: "merged", 2: "merged", 3: "lost"}
    )


def touch_and_part() -> Case:
    x = along((0, 74), (9, 56), (12, 56), (20, 74))
    truth = draw([Disc(1, 36, 34, 10), Disc(2, 36, x, 10)], 24)
    return Case(
        "touch and part", truth, (), {1: "present", 2: "present"}, observed=_fuse(truth, {1, 2}, range(9, 13))
    )


def touch_and_stay_two() -> Case:
    truth = draw([Disc(1, 36, 34, 10), Disc(2, 36, along((0, 74), (9, 55)), 10)], 30)
    return Case("touch and stay two", truth, (), {1: "present", 2: "present"})


def three_fuse_at_once() -> Case:
    left, right = along((0, 8), (8, 29)), along((0, 86), (8, 65))
    discs = [
        Disc(1, 32, left, 10, last=7),
        Disc(2, 32, 47, 10, last=7),
        Disc(3, 32, right, 10, last=7),
        Disc(4, 32, 29, 10, 8),
        Disc(4, 32, 47, 10, 8),
        Disc(4, 32, 65, 10, 8),
    ]
    merge = TrueMerge(8, 4, frozenset({1, 2, 3}), 7)
    return Case("three fuse at once", draw(discs, 22), (merge,), {1: "merged", 2: "merged", 3: "merged"})


def three_fuse_one_after_another() -> Case:
    third = along((0, 88), (8, 88), (16, 70))
    discs = [
        *pair_discs(merge=6, y=32)[:2],
        Disc(3, 32, 34, 10, 6, 15),
        Disc(3, 32, 52, 10, 6, 15),
        Disc(4, 32, third, 10, last=15),
        *(Disc(5, 32, x, 10, 16) for x in (34, 52, 70)),
    ]
    merges = (TrueMerge(6, 3, frozenset({1, 2}), 5), TrueMerge(16, 5, frozenset({3, 4}), 15))
    return Case("three fuse one after another", draw(discs, 32), merges, {3: "merged", 4: "merged"})


def three_fuse_within_a_child() -> Case:
    """Two join at 8, a third at 10: too soon for a child of its own, so one event with three parents."""
    right = along((0, 94), (10, 70))
    discs = [
        Disc(1, 32, along((0, 20), (8, 34)), 10, last=9),
        Disc(2, 32, 52, 10, last=9),
        Disc(3, 32, right, 10, last=9),
        *(Disc(4, 32, x, 10, 10) for x in (34, 52, 70)),
    ]
    truth = draw(discs, 26)
    merge = TrueMerge(10, 4, frozenset({1, 2, 3}), 9)
    return Case("three fuse within a child", truth, (merge,), {}, observed=_fuse(truth, {1, 2}, range(8, 10)))


def four_fuse() -> Case:
    t0 = 8
    ways = {1: (-1, -1), 2: (-1, 1), 3: (1, -1), 4: (1, 1)}
    discs = []
    for i, (sy, sx) in ways.items():
        y, x = along((0, 32 + 21 * sy), (t0, 32 + 7 * sy)), along((0, 48 + 21 * sx), (t0, 48 + 7 * sx))
        discs += [Disc(i, y, x, 9, last=t0 - 1), Disc(5, y, x, 9, t0)]
    merge = TrueMerge(t0, 5, frozenset({1, 2, 3, 4}), 7)
    return Case("four fuse", draw(discs, 20), (merge,))


def small_swallowed_by_large() -> Case:
    x = along((0, 80), (10, 60))
    discs = [
        Disc(1, 32, 40, 18, last=9),
        Disc(2, 32, x, 5, last=9),
        Disc(3, 32, 40, 18, 10),
        Disc(3, 32, along((10, 60), (14, 56)), along((10, 5), (20, 2)), 10),
    ]
    merge = TrueMerge(10, 3, frozenset({1, 2}), 8)
    return Case("small swallowed by large", draw(discs, 24), (merge,), {1: "merged", 2: "merged"})


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
    return Case("cross over", _crossing(), (), {1: "present", 2: "present"})


def cross_over_fused() -> Case:
    truth = _crossing()
    return Case(
        "cross over, segmented as one",
        truth,
        (),
        {1: "present", 2: "present"},
        observed=_fuse(truth, {1, 2}, range(7, 12)),
    )


def enter_touching() -> Case:
    discs = [Disc(1, 32, 78, 10), Disc(2, 32, along((4, 109), (12, 100)), 10)]
    return Case("enter touching", draw(discs, 24), (), {1: "present", 2: "present"}, {2: "entered"})


def split() -> Case:
    left, right = along((10, 39), (20, 28)), along((10, 57), (20, 70))
    discs = [
        Disc(1, 32, 42, 10, last=9),
        Disc(1, 32, 54, 10, last=9),
        Disc(2, 32, left, 9, 10),
        Disc(3, 32, right, 9, 10),
    ]
    return Case(
        "split", draw(discs, 24), (), {1: "split", 2: "present", 3: "present"}, {2: "split", 3: "split"}
    )


def merge_flicker() -> Case:
    truth = draw([Disc(1, 32, 34, 10), Disc(2, 32, 55, 10)], 20)
    return Case(
        "one frame joins two",
        truth,
        (),
        {1: "present", 2: "present"},
        observed=_fuse(truth, {1, 2}, range(9, 10)),
    )


def split_flicker() -> Case:
    truth = draw([Disc(1, 32, 40, 14), Disc(2, 32, 75, 8)], 20)
    observed = truth.copy()
    observed[9][:, 41:][observed[9][:, 41:] == 1] = 5
    return Case("one frame breaks one", truth, (), {1: "present", 2: "present"}, observed=observed)


def split_flicker_at_start() -> Case:
    """The very first frame breaks a particle in two: that is no merge in the second."""
    truth = draw([Disc(1, 32, 40, 14), Disc(2, 32, 75, 8)], 14)
    observed = truth.copy()
    observed[0][:, 41:][observed[0][:, 41:] == 1] = 5
    return Case(
        "the first frame breaks one",
        truth,
        (),
        {1: "present", 2: "present"},
        {1: "present"},
        observed=observed,
    )


def child_flicker() -> Case:
    """The second frame of the child is segmented as two once more; it is still a merge at the first."""
    base = two_fuse()
    observed = base.truth.copy()
    right = observed[11][:, 43:]
    right[right == 3] = 4
    return Case("flicker just after fusing", base.truth, base.merges, base.fates, observed=observed)


def missed_before_fusing(n_missed: int) -> Case:
    base = two_fuse()
    observed = _miss(base.truth, 2, range(9 - n_missed, 9))
    name = f"missed for {n_missed} before fusing"
    return replace(base, name=name, observed=observed, contact_uncertainty_frames=1)


def drift_jump_while_fusing() -> Case:
    base = two_fuse()
    return Case("drift jump while fusing", _shift(base.truth, 9, (9, 7)), base.merges, base.fates)


def blank_while_fusing() -> Case:
    others = [Disc(91, 54, 80, 5), Disc(92, 10, 60, 5), Disc(90, 10, 12, 6)]
    truth = draw([*others, *pair_discs()], 26)
    observed = truth.copy()
    observed[8] = 0
    merge = TrueMerge(9, 3, frozenset({1, 2}), 8)
    return Case("blank frame while fusing", truth, (merge,), {1: "merged", 2: "merged"}, observed=observed)


def fuse_at_border() -> Case:
    merge = TrueMerge(9, 3, frozenset({1, 2}), 8)
    return Case("fuse at the border", draw(pair_discs(y=4), 24), (merge,), {1: "merged", 2: "merged"})


def fuse_at_first_frame() -> Case:
    merge = TrueMerge(1, 3, frozenset({1, 2}), 0)
    return Case("fuse at the first frame", draw(pair_discs(merge=1), 14), (merge,))


def fuse_at_last_frame() -> Case:
    merge = TrueMerge(9, 3, frozenset({1, 2}), 8)
    return Case("fuse at the last frame", draw(pair_discs(), 10), (merge,), {1: "merged", 2: "merged"})


def oscillating_contact() -> Case:
    x = along((0, 74), (9, 55), (11, 60), (13, 55), (15, 60), (17, 55), (24, 70))
    truth = draw([Disc(1, 36, 34, 10), Disc(2, 36, x, 10)], 30)
    observed = _fuse(_fuse(truth, {1, 2}, range(9, 10)), {1, 2}, range(13, 14))
    return Case("oscillating contact", truth, (), {1: "present", 2: "present"}, observed=observed)


def missed_for(n_missed: int) -> Case:
    truth = draw([bystander(), Disc(1, 36, along((0, 30), (20, 50)), 8)], 20)
    observed = _miss(truth, 1, range(8, 8 + n_missed))
    return Case(f"missed for {n_missed}", truth, (), {1: "present"}, observed=observed)


def leave_the_field() -> Case:
    truth = draw([bystander(), Disc(1, 40, along((0, 60), (20, 110)), 8)], 26)
    return Case("leave the field", truth, (), {1: "left"})


def nucleate() -> Case:
    truth = draw([bystander(), Disc(1, 40, 50, along((5, 1.5), (20, 8)), 5)], 26)
    return Case("nucleate", truth, (), {1: "present"}, {1: "nucleated"})


def small_fast_lookalikes() -> Case:
    """Five discs of radius 3 that move by more than their diameter; only nearness links them at first."""
    discs = [Disc(i, 10 + 9 * i, along((0, 6), (11, 90)), 3) for i in range(1, 6)]
    return Case("small, fast and alike", draw(discs, 12), (), dict.fromkeys(range(1, 6), "present"))


CASES = (
    two_fuse(),
    fuse_and_vanish(),
    touch_and_part(),
    touch_and_stay_two(),
    three_fuse_at_once(),
    three_fuse_one_after_another(),
    three_fuse_within_a_child(),
    four_fuse(),
    small_swallowed_by_large(),
    dissolve_beside_neighbour(),
    dissolve_while_touching(),
    cross_over(),
    cross_over_fused(),
    enter_touching(),
    split(),
    merge_flicker(),
    split_flicker(),
    split_flicker_at_start(),
    child_flicker(),
    missed_before_fusing(1),
    missed_before_fusing(2),
    missed_before_fusing(3),
    drift_jump_while_fusing(),
    blank_while_fusing(),
    fuse_at_border(),
    fuse_at_first_frame(),
    fuse_at_last_frame(),
    oscillating_contact(),
    missed_for(1),
    missed_for(3),
    leave_the_field(),
    nucleate(),
    small_fast_lookalikes(),
)
