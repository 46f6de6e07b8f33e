"""One model finds boxes on a reduced image, another outlines what is in them."""

import numpy as np
import pytest
from skimage.draw import disk

from temtrack.errors import ModelError, UsageError
from temtrack.metrics.segmentation import score_segmentation
from temtrack.models.registry import find_model
from temtrack.segmentation.cascade import REDUCED_SIDE_PX, CascadeModel, boxes_of, reduce
from temtrack.segmentation.otsu import OtsuModel
from temtrack.segmentation.segmenter import Segmenter


class Watched(OtsuModel):
    """The classical baseline, which notes what it was shown."""

    def __init__(self):
        super().__init__(find_model("otsu"))
        self.seen = []

    def segment(self, image, sight, min_area_px):
        self.seen.append((image.shape, sight and sight.sight.scale))
        return super().segment(image, sight, min_area_px)


@pytest.fixture
def cascade(segmenter):
    return Segmenter(CascadeModel(Segmenter(Watched()), segmenter))


def large(height=2000, width=3072):
    """Dark discs, thirty px wide, in one corner of a large bright image."""
    labels = np.zeros((height, width), np.int32)
    for i in range(12):
        labels[disk((60 + 60 * (i % 3), 80 + 60 * (i // 3)), 15)] = i + 1
    return np.where(labels > 0, 20.0, 200.0), labels


def test_the_first_sees_the_image_reduced_and_the_second_only_where_boxes_are(cascade):
    image, truth = large()
    found = cascade.segment(image, scale=2.0)
    score = score_segmentation(found.labels, truth)
    assert (score.n_matched, score.n_found) == (12, 12)
    assert score.iou > 0.9
    assert (found.scores > 0.9).all()
    assert cascade.model.first.model.seen == [((1000, 1536), 2.0)]
    n_tiles = cascade.model.second.model.net.n_embedded
    assert 1 <= n_tiles <= 16  # of more than three hundred


def test_small_particles_and_pixels_without_a_value_are_left_out(cascade):
    image, _ = large(400, 500)
    image[:90] = np.nan
    assert not cascade.segment(image).labels[:90].any()
    assert cascade.segment(image).labels.max() >= 8
    assert not cascade.segment(image, min_area_px=10_000).labels.any()


def test_an_image_without_particles_is_empty(cascade):
    assert not cascade.segment(np.full((40, 50), 7.0)).labels.any()
    assert cascade.find_scale(np.full((40, 50), 7.0)) is None
    assert cascade.segment(np.full((1, 1), 7.0)).labels.shape == (1, 1)


def test_boxes_lie_where_the_labels_do_whatever_the_factor():
    labels = np.zeros((50, 80), np.int32)
    labels[10:30, 20:60] = 3
    (box,) = boxes_of(labels, 0.5, (100, 160))
    assert box == pytest.approx([20 - 1.6, 40 - 3.2, 59 + 1.6, 119 + 3.2])
    labels[0, 0] = 1
    assert boxes_of(labels, 0.5, (100, 160))[0] == pytest.approx([0, 0, 1.08, 1.08])
    assert boxes_of(labels * 0, 0.5, (100, 160)).shape == (0, 4)


def test_only_large_images_are_reduced():
    assert reduce(np.zeros((30, REDUCED_SIDE_PX)))[1] == 1
    small, factor = reduce(np.ones((2 * REDUCED_SIDE_PX, 64)))
    assert (small.shape, factor) == ((REDUCED_SIDE_PX, 32), 0.5)
    assert small == pytest.approx(1)


def test_two_names_joined_by_a_plus_are_a_cascade():
    both = Segmenter("otsu+effsam-tiny", "cpu")
    assert both.spec.name == "otsu+effsam-tiny"
    assert both.sha256 == f"otsu+{both.model.second.sha256}"
    assert both.takes_prompts
    image, truth = large(300, 400)
    boxes = boxes_of(truth[:300, :400], 1.0, image.shape)
    found, by_second = (each.predict_prompts(image, boxes=boxes) for each in (both, both.model.second))
    np.testing.assert_array_equal(found.labels, by_second.labels)
    np.testing.assert_array_equal(found.scores, by_second.scores)


def test_what_cannot_follow_is_refused_in_one_line():
    with pytest.raises(UsageError, match=r"'otsu' takes no boxes: after the \+ give one that does"):
        Segmenter("effsam-tiny+otsu", "cpu")
    with pytest.raises(ModelError, match="unknown model 'effsam-tny'"):
        Segmenter("otsu+effsam-tny", "cpu")
    with pytest.raises(ModelError, match="unknown model ''"):
        Segmenter("otsu+", "cpu")
