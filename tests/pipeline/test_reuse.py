"""Where a movie stands still the last masks are used again, and nothing that happens is missed."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from still_movie import STILL

import temtrack
from temtrack.metrics.merges import match_merges
from temtrack.metrics.tracks import match_tracks
from temtrack.movie import movie_of_array
from temtrack.pipeline.neighbours import FramesWithNeighbours
from temtrack.pipeline.reuse import WHOLE_EVERY, SparingSegmentation
from temtrack.segmentation.segmenter import Segmenter
from temtrack.segmentation.sight import Sight
from temtrack.simulation.movie import simulate_movie

HOW = {"model": "otsu", "tracker": "overlap", "n_neighbours": 0}


@pytest.fixture(scope="module")
def simulated():
    movie = simulate_movie(3, STILL)
    return movie, np.stack([movie.frame(t) for t in range(len(movie))])


class Scoring(Segmenter):
    """Otsu's threshold with a score for each particle: the larger the surer."""

    def _scored(self, found):
        area = np.bincount(found.labels.ravel(), minlength=len(found.scores) + 1)[1:]
        return replace(found, scores=(area / (1 + area)).astype(np.float32))

    def segment(self, *words):
        return self._scored(super().segment(*words))

    def segment_parts(self, *words):
        return self._scored(super().segment_parts(*words))


def seen_of(frames, first=0, every_frame=False):
    """Return what is seen of the frames from one on."""
    shown = FramesWithNeighbours(movie_of_array(frames), 0)
    segmenter = Scoring("otsu")
    seen = SparingSegmentation(segmenter, Sight(), None, shown, lambda found: found, every_frame)
    return list(islice(seen.frames(first), len(frames) - first))


def test_a_still_movie_is_seen_now_and_then_and_its_merge_is_found(simulated):
    movie, frames = simulated
    runs = {every: temtrack.track(frames, every_frame=every, **HOW) for every in (False, True)}
    assert runs[True].seen_fraction == [1.0] * len(frames)
    spared = np.array(runs[False].seen_fraction)
    assert (spared[::WHOLE_EVERY] == 1).all()
    assert (spared == 0).sum() > len(frames) / 4
    found = []
    for run in runs.values():
        matches = match_tracks(run.masks, (movie.labels(t) for t in range(len(movie))))
        score = match_merges(run.lineage.merges, movie.lineage.merges, matches, 3)
        found.append((matches.n_switches, score.f1))
    assert found[0] == found[1] == (0, 1.0)


def test_a_run_that_goes_on_sees_the_same(simulated):
    _, frames = simulated
    unbroken = seen_of(frames)
    for first in (7, 10, 25):
        for now, then in zip(seen_of(frames, first), unbroken[first:], strict=True):
            np.testing.assert_array_equal(now.labels, then.labels)
            np.testing.assert_array_equal(now.sightings.at_px, then.sightings.at_px)
            np.testing.assert_array_equal(now.sightings.score, then.sightings.score)
            assert now.seen_fraction == then.seen_fraction


def test_each_particle_keeps_its_score_until_it_is_seen_anew(simulated):
    _, frames = simulated
    for seen in seen_of(frames):
        ids = np.unique(seen.labels[seen.labels > 0])
        assert np.isfinite(seen.sightings.scores(seen.labels, ids)).all()


def discs(radius_px, y0=40.0, shape=(96, 96)):
    y, x = np.indices(shape)
    return np.hypot(y - y0, x - 48) < radius_px


def filmed(masks, noise=8.0):
    rng = np.random.default_rng(1)
    return np.stack([np.where(mask, 80, 200) + rng.normal(0, noise, mask.shape) for mask in masks])


def test_slow_growth_is_followed():
    frames = filmed([discs(14 + 0.04 * t) for t in range(40)])
    seen = seen_of(frames)
    assert any(frame.seen_fraction == 0 for frame in seen)
    for frame, whole in zip(seen, seen_of(frames, every_frame=True), strict=True):
        assert (frame.labels > 0).sum() == pytest.approx((whole.labels > 0).sum(), rel=0.06)


def test_masks_drift_along_by_whole_pixels():
    masks = [discs(14, 40 + t // 4) for t in range(10)]
    seen = seen_of(filmed(masks))
    assert sum(frame.seen_fraction == 0 for frame in seen) >= 8
    for frame, mask in zip(seen, masks, strict=True):
        y = np.nonzero(frame.labels)[0]
        assert y.mean() == pytest.approx(np.nonzero(mask)[0].mean(), abs=0.7)


def test_where_noise_would_hide_a_change_every_frame_is_seen():
    seen = seen_of(filmed([discs(14)] * 12, noise=80.0))
    assert {frame.seen_fraction for frame in seen} == {1.0}
