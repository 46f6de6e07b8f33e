"""What becomes of the edges of an image that is cut into tiles."""

from __future__ import annotations

from enum import StrEnum


class Edge(StrEnum):
    """What becomes of the last row and column of tiles where an image is no multiple of the tile.

    ``shift`` moves tiles inwards until all lie in the image, so that neighbours share more than they must;
    an image smaller than a tile stays as it is. ``pad`` mirrors the image beyond its edge. ``drop`` leaves
    out what fills no whole tile.
    """

    shift = "shift"
    pad = "pad"
    drop = "drop"
