import numpy as np
import pytest
from cases import CASES, Disc, along, draw
from scipy import ndimage

from temtrack.imaging.labels import LabelImage, map_ids, measure_regions
from temtrack.linking.config import LinkingConfig
from temtrack.metrics.tracks import match_tracks
from temtrack.tables import Calibration
from temtrack.tracking.engine import track_movie
from temtrack.tracking.frame_quality import QualityEstimator
from temtrack.tracking.load import load_tracker
from temtrack.tracking.overlap import OverlapTracker
from temtrack.tracking.report import TrackingReport


def picture(labels, rng):
    """Dark particles on a bright ground with a texture fixed to nothing but the noise of the camera."""
    return np.where(labels > 0, 80, 180) + rng.normal(0, 8, labels.shape)


class Segmenter:
    """Gives the masks of the frames that it is shown, in order, with ids shuffled."""

    def __init__(self, masks):
        self.masks = iter(masks)

    def __call__(self, image):
        labels = next(self.masks)
        return np.where(labels > 0, 1000 - labels, 0)


class Still:
    """A tracker that propagates nothing anywhere and notes what it is given."""

    def __init__(self):
        self.given = []

    def add_reference(self, frame, labels):
        self.given.append(labels)

    def propagate(self, frame, detections, prediction):
        return self.given[-1]


def movie_of(case):
    rng = np.random.default_rng(0)
    return [picture(labels, rng) for labels in case.segments]


@pytest.mark.parametrize("name", ["two fuse", "three fuse at once", "cross over", "drift jump while fusing"])
def test_merges_of_the_cases_are_found_with_images(name):
    case = next(c for c in CASES if c.name == name)
    tracked = track_movie(movie_of(case), Segmenter(case.segments), OverlapTracker())
    frames = list(tracked)
    assert [f.frame for f in frames] == list(range(len(case.truth)))
    assert [m.frame for m in tracked.lineage.merges] == [m.frame for m in case.merges]


def test_any_tracker_serves_and_sees_what_was_decided():
    case = next(c for c in CASES if c.name == "two fuse")
    tracker = Still()
    config = LinkingConfig(look_ahead_frames=8)
    tracked = track_movie(movie_of(case), Segmenter(case.segments), tracker, config)
    list(tracked)
    assert len(tracker.given) == len(case.truth)
    # once the look-ahead has passed, the child is one id in the reference
    assert len(np.unique(tracker.given[-1].labels)) == len(np.unique(case.truth[-1]))


def test_blank_and_blurred_frames_are_flagged_and_bridged():
    truth = draw(
        [
            Disc(i, 14 + 18 * (i % 3), along((0, 10 + 20 * (i // 3)), (19, 14 + 20 * (i // 3))), 6)
            for i in range(12)
        ][1:],
        20,
    )
    rng = np.random.default_rng(1)
    movie = [picture(labels, rng) for labels in truth]
    movie[8] = rng.normal(180, 8, movie[8].shape)
    segments = truth.copy()
    segments[8] = 0
    segments[8, 30:40, 30:50] = 5
    tracked = track_movie(movie, Segmenter(segments), OverlapTracker())
    frames = list(tracked)
    assert [f.quality.flag for f in frames] == ["good"] * 8 + ["blank"] + ["good"] * 11
    assert {(t.start, t.end) for t in tracked.lineage.tracks} == {(0, 19)}


def crowd(n_frames, n_particles=30):
    """Return the true masks (T, Y, X) of particles in rows that all drift by 0.3 px a frame."""
    discs = [
        Disc(i + 1, 12 + 18 * (i % 5), along((0, 12 + 18 * (i // 5)), (100, 42 + 18 * (i // 5))), 6)
        for i in range(n_particles)
    ]
    return draw(discs, n_frames, (96, 160))


class Follower:
    """A tracker that follows every particle to where it truly is."""

    def __init__(self, truth):
        self.truth, self.t, self.shown = truth, 0, None

    def add_reference(self, frame, labels):
        self.shown = self.t, labels

    def propagate(self, frame, detections, prediction):
        t, labels = self.shown
        self.t += 1
        true_of = match_tracks([labels.labels], [self.truth[t]]).true_of_found()
        return LabelImage(map_ids(self.truth[self.t], {true: found for found, true in true_of.items()}))


def track_badly_segmented(truth, segments, movie=None, tracker=None):
    rng = np.random.default_rng(5)
    movie = movie or [picture(labels, rng) for labels in truth]
    tracked = track_movie(movie, Segmenter(segments), tracker or OverlapTracker())
    frames = list(tracked)
    return frames, match_tracks((f.labels for f in frames), truth)


@pytest.mark.parametrize("follows", [False, True], ids=["overlap", "perfect tracker"])
def test_what_half_a_segmentation_misses_is_filled_in_and_marked(follows):
    truth = crowd(40)
    segments, rng = truth.copy(), np.random.default_rng(2)
    bad = range(18, 26)
    missed = {t: rng.permutation(30)[:15] + 1 if t % 2 else np.arange(15) + 1 for t in bad}
    for t in bad:
        segments[t][np.isin(segments[t], missed[t])] = 0
    frames, matches = track_badly_segmented(truth, segments, None, Follower(truth) if follows else None)
    assert matches.n_switches == 0
    assert matches.recall == matches.precision == 1
    true_of = matches.true_of_found()
    assert {f.frame: {true_of[i] for i in f.gap_filled_ids} for f in frames if f.gap_filled_ids} == {
        t: set(ids.tolist()) for t, ids in missed.items()
    }


@pytest.mark.parametrize("fault", ["nothing", "one blob", "cores"])
def test_ids_last_through_every_fifth_frame_blurred(fault):
    truth = crowd(40)
    rng = np.random.default_rng(3)
    movie, segments = [picture(labels, rng) for labels in truth], truth.copy()
    for t in range(4, 40, 5):
        movie[t] = ndimage.gaussian_filter(movie[t], 4)
        if fault == "nothing":
            segments[t] = 0
        elif fault == "one blob":
            segments[t] = ndimage.binary_dilation(truth[t] > 0, iterations=4)
        else:
            segments[t][~ndimage.binary_erosion(truth[t] > 0, iterations=3)] = 0
    frames, matches = track_badly_segmented(truth, segments, movie)
    assert [f.frame for f in frames if f.quality.flag == "blurred"] == list(range(4, 40, 5))
    assert matches.n_switches == 0
    assert matches.recall > 0.99
    assert all(len(f.gap_filled_ids) == 30 for f in frames[4::5])


def test_particles_that_are_gone_for_good_end_where_they_were_last_seen():
    truth = crowd(60)
    truth[20:][truth[20:] > 18] = 0
    frames, _ = track_badly_segmented(truth, truth)
    assert [len(np.unique(f.labels)) for f in frames] == [len(np.unique(true)) for true in truth]


def test_a_movie_that_stays_dim_is_good_again_after_a_while():
    estimator = QualityEstimator()
    (labels,) = draw([Disc(1, 20, 30, 8), Disc(2, 40, 60, 6)], 1)
    bright = picture(labels, np.random.default_rng(3))
    assert [estimator.measure(bright).flag for _ in range(3)] == ["good"] * 3
    flags = [estimator.measure(bright * 0.1).flag for _ in range(13)]
    assert flags == ["blank"] * 10 + ["good"] * 3


def test_the_lineage_is_known_only_at_the_end():
    tracked = track_movie([], Segmenter([]), Still())
    with pytest.raises(ValueError, match="iterate over all frames first"):
        _ = tracked.lineage
    assert list(tracked) == []
    assert tracked.lineage.n_frames == 0


JUMP, JUMP_FRAME = np.array([41, 29]), 6


@pytest.fixture(scope="module")
def dense_field():
    """Return true masks of a crowd that drifts by (0.5, 0.3) px a frame; in one frame the view jumps."""
    rng = np.random.default_rng(4)
    y, x = np.mgrid[10:320:19, 10:320:19]
    discs = [
        Disc(i + 1, along((0, v), (20, v + 10)), along((0, u), (20, u + 6)), radius)
        for i, (v, u, radius) in enumerate(
            zip(
                (y + rng.uniform(-3, 3, y.shape)).ravel(),
                (x + rng.uniform(-3, 3, x.shape)).ravel(),
                rng.uniform(5, 7.5, y.size),
                strict=True,
            )
        )
    ]
    world = draw(discs, 12, (340, 340))
    corner = np.array([130, 120])
    views = []
    for t in range(12):
        corner = corner - JUMP if t == JUMP_FRAME else corner
        views.append(world[t, corner[0] : corner[0] + 170, corner[1] : corner[1] + 180])
    return views


@pytest.mark.parametrize("name", ["overlap", "trackpy", "deaot-t"])
def test_ids_follow_a_jump_of_a_dense_field_over_several_diameters(dense_field, name):
    step = pytest.approx(JUMP + np.array([0.5, 0.3]), abs=0.3)
    truth, rng = dense_field, np.random.default_rng(7)
    tracked = track_movie([picture(m, rng) for m in truth], Segmenter(truth), load_tracker(name, "cpu"))
    frames = list(tracked)
    cut = [measure_regions(labels).ids_at_border for labels in truth]
    whole = [np.where(np.isin(labels, ids), 0, labels) for labels, ids in zip(truth, cut, strict=True)]
    matches = match_tracks((f.labels for f in frames), whole)
    assert matches.n_switches == 0
    assert matches.recall == 1
    assert [f.frame for f in frames if f.registration.is_jump] == [JUMP_FRAME]
    assert frames[JUMP_FRAME].registration.step_px == step
    report = TrackingReport()
    for frame in frames:
        report.add(frame)
    table = report.drift_table(Calibration()).to_pydict()
    assert [t for t in range(len(truth)) if table["jump"][t]] == [JUMP_FRAME]
    assert (table["dy_px"][JUMP_FRAME], table["dx_px"][JUMP_FRAME]) == step
