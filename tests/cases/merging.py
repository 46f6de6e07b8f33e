"""Particles become one: two, more at once, more one after another, at the edges of field and time."""

from __future__ import annotations

from dataclasses import replace

from cases.scene import Case, Disc, TrueMerge, along, bystander, draw, fuse


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
    return Case("two fuse", draw([bystander(), *pair_discs()], 26), (merge,))


def fuse_and_vanish() -> Case:
    """The child is lost six frames after the merge, long before the movie ends."""
    pair = [replace(disc, last=14) if disc.id == 3 else disc for disc in pair_discs()]
    merge = TrueMerge(9, 3, frozenset({1, 2}), 8)
    return Case(
        "fuse and vanish", draw([bystander(), *pair], 40), (merge,), {1: "merged", 2: "merged", 3: "lost"}
    )


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
    return Case("three fuse at once", draw(discs, 22), (merge,))


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
    return Case("three fuse one after another", draw(discs, 32), merges)


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
    return Case("three fuse within a child", truth, (merge,), observed=fuse(truth, {1, 2}, range(8, 10)))


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
    return Case("small swallowed by large", draw(discs, 24), (merge,))


def fuse_between_frames() -> Case:
    """Two that are 3 px apart in one frame are one in the next: nobody saw contact."""
    x = along((0, 66), (8, 58))
    discs = [bystander(), Disc(1, 36, 34, 10, last=8), Disc(2, 36, x, 10, last=8)]
    discs += [Disc(3, 36, x, 10, 9) for x in (37, 55)]
    return Case("fuse between frames", draw(discs, 26), (TrueMerge(9, 3, frozenset({1, 2}), None),))


def fuse_at_border() -> Case:
    merge = TrueMerge(9, 3, frozenset({1, 2}), 8)
    return Case("fuse at the border", draw(pair_discs(y=4), 24), (merge,))


def fuse_at_first_frame() -> Case:
    merge = TrueMerge(1, 3, frozenset({1, 2}), 0)
    return Case("fuse at the first frame", draw(pair_discs(merge=1), 14), (merge,))


def fuse_at_last_frame() -> Case:
    merge = TrueMerge(9, 3, frozenset({1, 2}), 8)
    return Case("fuse at the last frame", draw(pair_discs(), 10), (merge,))


def two_pairs_fuse_in_one_frame() -> Case:
    second = [replace(disc, id=disc.id + 3) for disc in pair_discs(y=72)]
    truth = draw([*pair_discs(y=24), *second], 26, (96, 96))
    merges = (TrueMerge(9, 3, frozenset({1, 2}), 8), TrueMerge(9, 6, frozenset({4, 5}), 8))
    return Case("two pairs fuse in one frame", truth, merges)


def five_fuse_in_a_row() -> Case:
    """Each comes nearer to the next by 1 px a frame, until 12 px lie between centres."""
    t0 = 10
    spacing = along((0, 22), (t0, 12))
    ways = {i: lambda t, i=i: 48 + (i - 3) * spacing(t) for i in range(1, 6)}
    discs = [Disc(i, 32, x, 7, last=t0 - 1) for i, x in ways.items()]
    discs += [Disc(6, 32, x, 7, t0) for x in ways.values()]
    merge = TrueMerge(t0, 6, frozenset(ways), 7)
    return Case("five fuse in a row", draw(discs, 24), (merge,))
