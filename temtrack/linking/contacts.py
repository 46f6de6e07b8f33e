"""Unbroken contact between pairs of tracks, and the contact frame of a merge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations

from temtrack.linking.hypotheses import connected


@dataclass
class ContactRuns:
    """Since which frame each pair of tracks has been in contact, up to the frame last given."""

    _since: dict[tuple[int, int], int] = field(default_factory=dict)

    def go_on(self, frame: int, touching: set[tuple[int, int]], near: set[tuple[int, int]]) -> None:
        """Take the pairs that touch in the next frame, and those near enough for a contact to go on."""
        self._since = {pair: since for pair, since in self._since.items() if pair in near}
        for pair in touching:
            self._since.setdefault(pair, frame)

    def rename(self, new_ids: Mapping[int, int]) -> None:
        """Replace ids; where two become one, their longer contact counts."""
        renamed: dict[tuple[int, int], int] = {}
        for (a, b), since in self._since.items():
            a, b = sorted((new_ids.get(a, a), new_ids.get(b, b)))
            if a and a != b:
                renamed[a, b] = min(since, renamed.get((a, b), since))
        self._since = renamed

    def contact_frame(self, parents: frozenset[int]) -> int | None:
        """Return the first frame from which on all parents were one connected cluster up to now, if any."""
        pairs = [pair for pair in combinations(sorted(parents), 2) if pair in self._since]
        for since in sorted({self._since[pair] for pair in pairs}):
            if parents in connected(pair for pair in pairs if self._since[pair] <= since):
                return since
        return None
