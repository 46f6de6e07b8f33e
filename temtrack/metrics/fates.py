"""How well it is found what becomes of each particle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np

from temtrack.lineage import Fate, Lineage, Merge
from temtrack.metrics.pooling import Pooled, fraction
from temtrack.metrics.tracks import TrackMatches

#: All fates, in the order in which a table shows them.
FATES: tuple[Fate, ...] = get_args(Fate)

#: The found fate of a true track that no found track is ever matched with.
MISSED = "missed"

#: A merge found at most so many frames before or after a true track's end is that end.
MERGE_REACH_FRAMES = 3


@dataclass(frozen=True)
class FateScore(Pooled):
    """True tracks by their true fate and the one that was found, or `MISSED`."""

    counts: Counter[tuple[str, str]]

    @property
    def macro_f1(self) -> float:
        """Mean of the F1 of each fate that is true or found of any track; NaN without a track."""
        scores = [self.f1(fate) for fate in FATES]
        known = [score for score in scores if not np.isnan(score)]
        return float(np.mean(known)) if known else float("nan")

    def f1(self, fate: str) -> float:
        """F1 of one fate; NaN where it is neither true nor found."""
        n_true = sum(n for (true, _), n in self.counts.items() if true == fate)
        n_found = sum(n for (_, found), n in self.counts.items() if found == fate)
        return fraction(2 * self.counts[fate, fate], n_true + n_found)

    def confusion(self) -> list[dict[str, object]]:
        """Return a row for each true fate that occurs: how many tracks were found to have each fate."""
        seen = [fate for fate in (*FATES, MISSED) if any(pair[1] == fate for pair in self.counts)]
        return [
            {"true_fate": fate, **{other: self.counts[fate, other] for other in seen}, "f1": self.f1(fate)}
            for fate in FATES
            if any(pair[0] == fate for pair in self.counts)
        ]


def score_fates(found: Lineage, true: Lineage, matches: TrackMatches) -> FateScore:
    """Compare the fate of each true track with that of the found track which it is matched with last."""
    fates = {track.id: track.fate for track in found.tracks}
    merges: dict[int, list[Merge]] = {}
    for merge in found.merges:
        for parent in merge.parents:
            merges.setdefault(parent, []).append(merge)
    # rows are in the order of frames, so that the last one stays
    last = dict(zip(matches.true.tolist(), matches.found.tolist(), strict=True))
    counts: Counter[tuple[str, str]] = Counter()
    for track in true.tracks:
        found_id = last.get(track.id)
        fate: str = MISSED if found_id is None else fates.get(found_id, MISSED)
        if found_id is not None and _merges_at(merges.get(found_id, ()), track.end + 1):
            fate = "merged"  # also where the tracker lets its id live on in the child
        counts[track.fate, fate] += 1
    return FateScore(counts)


def _merges_at(merges: Sequence[Merge], frame: int) -> bool:
    return any(abs(merge.frame - frame) <= MERGE_REACH_FRAMES for merge in merges)
