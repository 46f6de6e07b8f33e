"""Time has no arrow here: a movie run backwards shows each merge as a split, in the same place in time."""

import numpy as np
import pytest
from cases import CASES

from temtrack.linking.masks import link_masks
from temtrack.simulation.config import MovieConfig
from temtrack.simulation.movie import simulate_movie

#: Its parents are seen in one frame only; a split that only the last frame shows proves nothing.
SEEN_TOO_SHORTLY = {"fuse at the first frame"}

MERGING = [c for c in CASES if c.merges and c.observed is None and c.name not in SEEN_TOO_SHORTLY]


def splits(backwards):
    """Return (frame, true ids of the parts) of each split; a part is named by the truth where it begins."""
    linked = link_masks(backwards)
    frames = list(linked)
    parts = {}
    for track in linked.lineage.tracks:
        if track.origin == "split":
            parts.setdefault((track.start, track.parents[0]), {track.parents[0]}).add(track.id)
    return sorted(
        (t, frozenset(np.unique(backwards[t][np.isin(frames[t].labels, list(ids))]).tolist()))
        for (t, _), ids in parts.items()
    )


def reversed_merges(n_frames, merges):
    return sorted((n_frames - merge.frame, frozenset(merge.parents)) for merge in merges)


@pytest.mark.parametrize("case", MERGING, ids=lambda case: case.name)
def test_cases(case):
    assert splits(case.truth[::-1]) == reversed_merges(len(case.truth), case.merges)


def test_a_simulated_movie():
    config = MovieConfig(n_frames=60, height=320, width=320, n_particles=18, merges={2: 2, 3: 1}, n_touches=1)
    movie = simulate_movie(3, config)
    masks = [movie.labels(t) for t in range(len(movie))]
    assert splits(masks[::-1]) == reversed_merges(len(masks), movie.lineage.merges)
