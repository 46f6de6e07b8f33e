"""Whatever a poor segmentation does, linking goes through, and lineage and masks agree."""

import numpy as np
import pytest

from temtrack.imaging.labels import measure_gaps
from temtrack.linking.masks import link_masks
from temtrack.simulation.config import MovieConfig
from temtrack.simulation.movie import simulate_movie


@pytest.fixture(scope="module")
def masks():
    config = MovieConfig(
        n_frames=50, height=160, width=160, n_particles=9, radius_px=9, merges={2: 1}, n_touches=1
    )
    movie = simulate_movie(2, config)
    return [movie.labels(t) for t in range(len(movie))]


def disturbed(labels, rng):
    """Join touching particles, lose some, break some, all far more often than is usual."""
    out = labels.copy()
    for a, b, _ in measure_gaps(labels, 1).tolist():
        if rng.random() < 0.3:
            out[out == b] = a
    for i in np.unique(out[out > 0]).tolist():
        chance = rng.random()
        y, x = np.nonzero(out == i)
        if chance < 0.08:
            out[y, x] = 0
        elif chance < 0.2:
            out[y[y > y.mean()], x[y > y.mean()]] = out.max() + 1
    return out


@pytest.mark.parametrize("seed", [2, 9, 12, 13])
def test_lineage_and_masks_agree(masks, seed):
    rng = np.random.default_rng(seed)
    linked = link_masks(disturbed(labels, rng) for labels in masks)
    frames = list(linked)
    seen = {}
    for frame in frames:
        for i in np.unique(frame.labels)[1:].tolist():
            seen.setdefault(i, []).append(frame.frame)
    assert {t.id: (t.start, t.end) for t in linked.lineage.tracks} == {
        i: (s[0], s[-1]) for i, s in seen.items()
    }
    assert all(s == list(range(s[0], s[-1] + 1)) for s in seen.values())
    for merge in linked.lineage.merges:
        assert {linked.lineage.track(p).end for p in merge.parents} <= {merge.frame - 1}
