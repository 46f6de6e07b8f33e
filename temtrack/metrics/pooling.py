"""Scores that pool: the counts of several images or movies add up to those of all together."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self


@dataclass(frozen=True)
class Pooled:
    """A score whose fields are counts; the sum of two scores is that of both inputs together."""

    def __add__(self, other: Self) -> Self:
        return type(self)(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))


def fraction(part: float, whole: float, of_nothing: float = float("nan")) -> float:
    """Return ``part / whole``, and ``of_nothing`` where the whole is 0."""
    return float(part / whole) if whole else of_nothing
