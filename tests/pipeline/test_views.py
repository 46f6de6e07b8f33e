"""A movie is shown once where that tells the same as twice, in every piece and after every stop."""

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from temtrack.errors import TemtrackNotice
from temtrack.formats.store.movies import write_movie
from temtrack.models.registry import ModelSpec
from temtrack.movie import movie_of_array
from temtrack.pipeline.movie_segmentation import segmented_by_model
from temtrack.pipeline.options import SegmentOptions, TrackOptions
from temtrack.pipeline.pieces import Piece, segment_piece
from temtrack.pipeline.request import Request
from temtrack.pipeline.segment import SegmentStage
from temtrack.pipeline.views import MIN_FRAMES, with_views
from temtrack.segmentation.model import Segmentation, middle_frame
from temtrack.segmentation.sight import Sight, SightEstimate


class TwoViews:
    """Calls dark patches particles; of one view ``see_once`` makes what it likes."""

    takes_prompts = False
    min_area_px = None

    def __init__(self, see_once=lambda labels: labels, averages_views=True):
        self.spec, self.sha256 = ModelSpec("two", "two", None, None, {}), None
        self.see_once, self.averages_views = see_once, averages_views
        self.views = []

    def find_sight(self, image, polarity="auto", scale=None):
        return SightEstimate(Sight(), 1.0)

    def segment(self, image, sight, min_area_px=None):
        sight = sight.sight if isinstance(sight, SightEstimate) else sight
        self.views.append(sight.n_views)
        labels, n = ndimage.label(middle_frame(image) < 120)
        labels = labels if sight.n_views != 1 else self.see_once(labels)
        return Segmentation(labels.astype(np.int32), np.ones(n, np.float32), sight=sight)

    def segment_parts(self, image, boxes, sight):
        return self.segment(image, sight)


def film(n_frames=MIN_FRAMES, n_discs=16):
    """Discs that wander, filmed with some noise."""
    rng = np.random.default_rng(0)
    y, x = np.indices((64, 64))
    inside = np.hypot(y % 16 - 8, x % 16 - 8) < 5
    inside &= (y // 16 * 4 + x // 16) < n_discs
    frames = [np.where(np.roll(inside, t % 5, axis=1), 60, 180) for t in range(n_frames)]
    return (np.array(frames) + rng.normal(0, 8, (n_frames, 64, 64))).clip(0, 255).astype(np.uint8)


def thinner(labels):
    return np.where(ndimage.minimum_filter(labels, 3) > 0, labels, 0)


def without_first(labels):
    return np.where(labels > 1, labels, 0)


def n_views(segmenter, frames, options=None):
    movie = movie_of_array(frames, Path("film.tif"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TemtrackNotice)
        return with_views(segmenter, Sight(), movie.read_frame, movie, options or TrackOptions()).n_views


def test_a_clear_movie_is_shown_once_and_that_is_told_in_one_line():
    movie = movie_of_array(film(), Path("film.tif"))
    with pytest.warns(TemtrackNotice, match=r"^film\.tif: a second view .* nothing else.*--tta.*\)$") as told:
        sight = with_views(TwoViews(), Sight(1.5), movie.read_frame, movie, TrackOptions())
    assert sight == replace(Sight(1.5), n_views=1)
    assert len(told) == 1


@pytest.mark.parametrize("see_once", [thinner, without_first])
def test_a_movie_of_which_one_view_shows_less_is_shown_twice(see_once):
    segmenter = TwoViews(see_once)
    assert n_views(segmenter, film()) == 2
    assert segmenter.views == [2, 1]  # the first frame tells enough


@pytest.mark.parametrize(("see_once", "wanted"), [(np.asarray, 1), (thinner, 2)])
@pytest.mark.filterwarnings("ignore::temtrack.errors.TemtrackNotice")
def test_a_large_image_is_asked_by_its_middle_and_a_small_one_not(monkeypatch, see_once, wanted):
    movie = movie_of_array(film(1), Path("film.tif"))
    for times_tried, n_views in ((4, wanted), (4.1, None)):
        monkeypatch.setattr("temtrack.pipeline.views.MIN_TIMES_TRIED", times_tried)
        monkeypatch.setattr("temtrack.pipeline.views.TRIED_SIDE_PX", 32)
        monkeypatch.setattr("temtrack.pipeline.views.MIN_PARTICLES", 4)
        found = SegmentStage(TwoViews(see_once), SegmentOptions()).segment(movie, movie.read_frame(0))
        assert found.sight.n_views == n_views


def test_particles_that_come_late_count_too():
    frames = film()
    frames[: MIN_FRAMES // 2 + 1] = 180
    assert n_views(TwoViews(without_first), frames) == 2


@pytest.mark.parametrize(
    ("frames", "wanted"),
    [(film(MIN_FRAMES - 1), None), (film(n_discs=2), 2), (np.full_like(film(), 180), 2)],
    ids=["short", "few particles", "none"],
)
def test_where_little_is_to_be_gained_or_seen_nothing_is_left_out(frames, wanted):
    assert n_views(TwoViews(), frames) == wanted


@pytest.mark.parametrize("tta", [True, False])
def test_what_the_user_says_holds(tta):
    segmenter = TwoViews()
    assert n_views(segmenter, film(), TrackOptions(tta=tta)) is None
    assert n_views(TwoViews(averages_views=False), film()) is None
    assert not segmenter.views


@pytest.mark.parametrize(("see_once", "wanted"), [(np.asarray, 1), (thinner, 2)])
@pytest.mark.filterwarnings("ignore::temtrack.errors.TemtrackNotice")
def test_a_run_that_goes_on_and_each_piece_are_shown_alike(tmp_path, see_once, wanted):
    movie = movie_of_array(film(), tmp_path / "film.tif")
    write_movie(movie.path, movie)
    runs = [segmented_by_model(TwoViews(see_once), movie, TrackOptions(every_frame=True)) for _ in range(2)]
    assert [run.found["n_views"] for run in runs] == [wanted] * 2
    unbroken, went_on = runs[0].resumed(0), runs[1].resumed(2)
    labels = [unbroken(movie.read_frame(t)) for t in range(4)]
    for t in (2, 3):
        np.testing.assert_array_equal(went_on(movie.read_frame(t)), labels[t])
    stage = SegmentStage(TwoViews(see_once), SegmentOptions())
    for frames in (slice(0, 2), slice(MIN_FRAMES - 2, None)):
        segment_piece(movie.path, tmp_path / "pieces", frames, stage, Request())
    pieces = [Piece.read(path) for path in (tmp_path / "pieces").glob("piece*.json")]
    assert [piece.record.found for piece in pieces] == [runs[0].found] * 2
