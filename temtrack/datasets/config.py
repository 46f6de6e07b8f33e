"""Every setting of `temtrack slice`, each stated once."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from temtrack.errors import UsageError

SIDES = ("train", "test")


class Edge(StrEnum):
    """What becomes of the last row and column of tiles where an image is no multiple of the tile.

    ``shift`` moves tiles inwards until all lie in the image, so that neighbours share more than they must;
    an image smaller than a tile stays as it is. ``pad`` mirrors the image beyond its edge. ``drop`` leaves
    out what fills no whole tile.
    """

    shift = "shift"
    pad = "pad"
    drop = "drop"


@dataclass(frozen=True)
class SliceConfig:
    """How images are cut and tiles are split.

    Tiles have a side of ``size_px`` and share at least ``overlap_px``; ``edge`` says what becomes of the last
    row and column. Each ``every``-th frame of a movie is taken. The test side has ``test_fraction`` of the
    tiles, as near as whole groups allow. ``empty_fraction`` of the tiles without particles are kept. ``seed``
    is that of the split and of the choice among empty tiles.
    """

    size_px: int = 512
    overlap_px: int = 0
    edge: Edge = Edge.shift
    every: int = 1
    test_fraction: float = 0.3
    empty_fraction: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.overlap_px < self.size_px:
            raise UsageError(
                f"--overlap {self.overlap_px}: allowed is 0 to {self.size_px - 1}, less than --size"
            )
        if not 0 <= self.test_fraction < 1:
            raise UsageError(f"--test-fraction {self.test_fraction}: allowed is 0 up to, but not, 1")
        if not 0 <= self.empty_fraction <= 1:
            raise UsageError(f"--keep-empty {self.empty_fraction}: allowed is 0 (none) to 1 (all)")
