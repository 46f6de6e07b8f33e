import numpy as np
import pytest
import torch

from temtrack.imaging.intensity import centre_intensity
from temtrack.models.registry import ModelSpec
from temtrack.nets.efficient_sam import EfficientSam
from temtrack.segmentation.adapters import EFFICIENT_SAM
from temtrack.segmentation.segmenter import Segmenter

CPU = torch.device("cpu")


def ids(labels):
    return np.unique(labels[labels > 0]).tolist()


def iou(found, true):
    """Edges are rounded on the network's grid of 4 px, so that squares agree to a few percent."""
    return (found & true).sum() / (found | true).sum()


def test_particles_are_found_where_they_are(segmenter, bright):
    image = bright((200, 300), (20, 40, 48), (120, 200, 40))
    labels = segmenter.segment(image, scale=1.0)
    assert ids(labels) == [1, 2]
    assert iou(labels > 0, image < 100) > 0.98


@pytest.mark.parametrize("scale", [0.4, 1.0, 2.3])
def test_a_particle_on_a_seam_keeps_one_id(segmenter, bright, scale):
    image = bright((800, 1500), (250, 40, 200), (280, 500, 500), (20, 1200, 200))
    labels = segmenter.segment(image, scale)
    assert len(ids(labels)) == 3
    assert len(np.unique(labels[300:760, 520:980])) == 1


def test_a_look_that_told_the_scale_is_not_taken_again(segmenter, bright):
    image = bright((300, 300), (20, 20, 60), (150, 150, 60))
    assert segmenter.find_scale(image) == 1.0
    n_to_find_it, segmenter.net.n_embedded = segmenter.net.n_embedded, 0
    labels = segmenter.segment(image)
    assert segmenter.net.n_embedded == n_to_find_it
    np.testing.assert_array_equal(labels, segmenter.segment(image, 1.0))


@pytest.mark.parametrize("twice", [False, True])
def test_looks_are_joined(segmenter, bright, twice):
    image = bright((300, 300), (20, 20, 60), (150, 150, 60))
    own = Segmenter(segmenter.net, EFFICIENT_SAM, segmenter.spec, "0" * 64, CPU, twice)
    labels = own.segment(image, 1.0)
    assert segmenter.net.n_embedded == 1 + twice
    assert ids(labels) == [1, 2]
    assert iou(labels > 0, image < 100) > 0.9


def test_fragments_are_dropped_or_what_is_below_the_least_area_given(segmenter, bright):
    image = bright((300, 300), (20, 20, 60), (150, 150, 60), (20, 200, 12), (200, 20, 28))
    assert ids(segmenter.segment(image, 1.0)) == [1, 2, 3]
    assert ids(segmenter.segment(image, 1.0, min_area_px=1)) == [1, 2, 3, 4]
    assert ids(segmenter.segment(image, 1.0, min_area_px=1000)) == [1, 2]


def test_a_scale_and_least_area_of_its_own_take_the_place_of_what_the_image_would_say(segmenter, bright):
    image = bright((300, 300), (20, 20, 60), (150, 150, 60), (20, 200, 12))
    own = Segmenter(segmenter.net, EFFICIENT_SAM, segmenter.spec, "0" * 64, CPU, scale=1.0, min_area_px=100.0)
    assert own.find_scale(image) == 1.0
    assert own.net.n_embedded == 0
    assert ids(own.segment(image)) == [1, 2, 3]
    assert ids(own.segment(image, min_area_px=1000)) == [1, 2]
    assert ids(own.predict_prompts(image, boxes=np.array([[20.0, 20.0, 79.0, 79.0]]))) == [1]


def test_the_intensity_is_centred_after_the_networks_own_blur(segmenter, bright, monkeypatch):
    blurs_px = []

    def noted(grey, blur_px):
        blurs_px.append(blur_px)
        return centre_intensity(grey, blur_px)

    monkeypatch.setattr("temtrack.segmentation.segmenter.centre_intensity", noted)
    image = bright((300, 300), (20, 20, 60), (150, 150, 60))
    own = Segmenter(segmenter.net, EFFICIENT_SAM, segmenter.spec, "0" * 64, CPU, centring_blur_px=5.0)
    for asked in (own, segmenter):
        asked.segment(image, 1.0)
        asked.find_scale(image)
        asked.predict_prompts(image, boxes=np.array([[20.0, 20.0, 79.0, 79.0]]))
    assert blurs_px == [5.0] * 3 + [2.0] * 3


@pytest.mark.parametrize("nothing", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_no_number_are_background(segmenter, bright, nothing):
    image = bright((200, 200), (40, 40, 60), (120, 120, 48))
    holed = image.copy()
    holed[:, 90:130] = nothing
    boxes = np.array([[40.0, 40.0, 99.0, 99.0], [120.0, 120.0, 167.0, 167.0]])
    for labels in (segmenter.segment(holed, 1.0), segmenter.predict_prompts(holed, boxes=boxes)):
        assert iou(labels > 0, (image < 100) & np.isfinite(holed)) > 0.9
        assert not labels[~np.isfinite(holed)].any()


@pytest.mark.parametrize("value", [np.uint16(0), np.uint8(77), np.float32("nan"), np.float64(1e9)])
def test_an_image_without_contrast_is_empty_and_not_asked_about(segmenter, value):
    image = np.full((40, 50), value)
    np.testing.assert_array_equal(segmenter.segment(image), np.zeros((40, 50), np.int32))
    assert not segmenter.predict_prompts(image, points=np.array([[5.0, 6.0]])).any()
    assert segmenter.find_scale(image) is None
    assert segmenter.net.n_embedded == 0


def test_prompts_give_ids_in_their_order(segmenter, bright):
    image = bright((400, 500), (40, 40, 48), (40, 300, 40), (300, 200, 60))
    points = np.array([[320.0, 230.0], [60.0, 60.0], [200.0, 200.0], [60.0, 320.0]])  # the third hits nothing
    labels = segmenter.predict_prompts(image, points=points)
    assert ids(labels) == [1, 2, 4]
    assert (labels[320, 230], labels[60, 60], labels[60, 320]) == (1, 2, 4)
    boxes = np.array([[40.0, 300.0, 79.0, 339.0], [300.0, 200.0, 359.0, 259.0]])
    labels = segmenter.predict_prompts(image, boxes=boxes)
    assert (labels[60, 320], labels[330, 230], labels[60, 60]) == (1, 2, 0)
    assert (labels == 2).sum() == pytest.approx(60**2, rel=0.1)


def test_prompts_in_every_tile_of_a_large_image_are_answered_where_they_ask(segmenter, bright):
    places = [(y, x) for y in (30, 500, 950) for x in (30, 600, 1300)]
    image = bright((1000, 1400), *((y, x, 40) for y, x in places))
    points = np.array(places, float)[::-1] + 20
    labels = segmenter.predict_prompts(image, points=points)
    found = [labels[int(y), int(x)] for y, x in points]
    assert found == list(range(1, 10))


def test_no_prompt_is_a_mistake_of_the_caller(segmenter, bright):
    with pytest.raises(ValueError, match="points or boxes"):
        segmenter.predict_prompts(bright((50, 50), (10, 10, 20)))


@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (17, 511)])
def test_a_true_network_takes_any_size_and_type(shape):
    torch.manual_seed(0)
    net = EfficientSam(dim=48, depth=1, n_heads=3, prompt_dim=32)
    segmenter = Segmenter(net, EFFICIENT_SAM, ModelSpec("tiny", "tiny", None, None, {}), "0" * 64, CPU)
    image = np.random.default_rng(0).integers(0, 60_000, shape).astype(np.uint16)
    labels = segmenter.segment(image)
    assert (labels.shape, labels.dtype) == (shape, np.int32)
    prompted = segmenter.predict_prompts(image, points=np.zeros((3, 2)))
    assert (prompted.shape, prompted.dtype) == (shape, np.int32)
