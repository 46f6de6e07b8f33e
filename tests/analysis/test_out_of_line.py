import warnings

import numpy as np
import pytest
import tifffile

from temtrack.analysis.out_of_line import frames_out_of_line, images_out_of_line
from temtrack.errors import TemtrackWarning
from temtrack.formats.store.masks import read_masks
from temtrack.movie import movie_of_array
from temtrack.pipeline.options import SegmentOptions
from temtrack.pipeline.request import Request
from temtrack.pipeline.segment import SegmentStage
from temtrack.segmentation.model import Segmentation
from temtrack.segmentation.sight import Sight, SightEstimate


def test_frames_with_less_than_half_or_more_than_twice_as_many_are_out_of_line():
    counts = [20, 21, 9, 19, 20, 45, 22, 20]
    assert frames_out_of_line(counts) == {2: 20.0, 5: 20.0}
    assert frames_out_of_line([20, 18, 16, 14, 12, 11, 10, 9, 8]) == {}  # they sinter
    assert frames_out_of_line([2, 1, 0, 3]) == {}  # too few to say
    assert frames_out_of_line([30]) == {}


def test_images_of_a_folder_may_differ_more():
    counts, sizes = [40, 50, 20, 90, 60, 3], [10.0, 12, 9, 11, 10, 11]
    assert images_out_of_line(counts, sizes) == [5]
    assert images_out_of_line([40, 50, 45, 48, 50], [10.0, 11, 10, 60, None]) == [3]
    assert images_out_of_line(counts[:4], [1, 100, 1, 1]) == []


class Moody:
    """In the place of a model: finds dark pixels only where an image is shown as suits it."""

    takes_prompts = False
    averages_views = False
    sha256 = None

    def __init__(self, spec, blind):
        self.spec, self.blind, self.asked = spec, blind, []

    def find_sight(self, image, polarity="auto", scale=None):
        return SightEstimate(Sight(float(image.max() > 220) + 1.0), is_contradicted=polarity == "bright")

    def segment(self, image, sight, min_area_px=None):
        seen = sight.sight if isinstance(sight, SightEstimate) else sight
        self.asked.append(seen.scale)
        is_shown_well = seen.scale == 1.0 + (image.max() > 220) and not self.blind
        n = 8 if is_shown_well or image.max() <= 220 else 1
        labels = np.zeros(image.shape, np.int32)
        labels[2, 2 : 2 + 2 * n : 2] = np.arange(1, n + 1)
        return Segmentation(labels, np.ones(n, np.float32))


@pytest.fixture
def film(tmp_path):
    """Nine frames, of which one is brighter."""
    frames = np.full((9, 20, 30), 200, np.uint8)
    frames[:, 0, 0] = 10
    frames[3, 5, 5] = 250
    tifffile.imwrite(tmp_path / "film.tif", frames)
    return tmp_path / "film.tif"


def segment(film, blind, **options):
    from temtrack.models.registry import find_model

    stage = SegmentStage(Moody(find_model("otsu"), blind), SegmentOptions(**options))
    return stage.segment_file(film, film.with_name("out"), Request())


def test_a_frame_out_of_line_is_tried_again_as_suits_it_alone(film):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        summary = segment(film, blind=False)
    assert summary.counts == [8] * 9
    assert [int(labels.max()) for labels in read_masks(film.with_name("out"))] == [8] * 9


def test_a_frame_that_stays_out_of_line_is_told_by_its_number(film):
    with pytest.warns(TemtrackWarning, match=r"unlike its neighbours .*: frame 3 \(1 for 8\)"):
        summary = segment(film, blind=True)
    assert summary.counts[3] == 1


def test_a_polarity_that_contradicts_the_image_is_done_as_told_and_said():
    from temtrack.models.registry import find_model
    from temtrack.pipeline.segment import find_sight

    movie = movie_of_array(np.zeros((1, 20, 30)))
    model = Moody(find_model("otsu"), blind=False)
    with pytest.warns(TemtrackWarning, match="--polarity bright is done as told, but its particles look"):
        found = find_sight(model, movie.read_frame(0), movie, SegmentOptions(polarity="bright"))
    assert found.sight.scale == 1.0


def test_a_model_that_is_hardly_sure_is_told_of():
    from temtrack.models.registry import find_model
    from temtrack.pipeline.segment import find_sight

    class Unsure(Moody):
        def find_sight(self, image, polarity="auto", scale=None):
            return SightEstimate(Sight(1.0), 0.41, is_doubtful=True)

    movie = movie_of_array(np.zeros((1, 20, 30)))
    with pytest.warns(TemtrackWarning, match=r"hardly sure of what it sees \(confidence 0\.41\)"):
        find_sight(Unsure(find_model("otsu"), blind=False), movie.read_frame(0), movie, SegmentOptions())
