"""Who is drawn to whom in the generator for judging."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Encounter:
    """Particles that are drawn to each other, the first of them the host, and how far they have come."""

    kind: str
    begin: int
    members: list[int]
    capture_px: float
    hold: int
    n_more: int = 0
    phase: str = "approach"
    until: int = 0
    touched: int | None = None
    n_touches: int = 0
