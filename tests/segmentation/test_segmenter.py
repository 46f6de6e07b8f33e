import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from temtrack.errors import InputError, ModelError
from temtrack.imaging.intensity import centre_intensity
from temtrack.models.catalog import ARCHITECTURES, Architecture, Kind
from temtrack.models.checkpoints import load_weights
from temtrack.models.registry import DEFAULT_TTA, ModelSpec, find_model, write_run_spec
from temtrack.nets.efficient_sam import EfficientSam
from temtrack.segmentation.adapters import ADAPTERS, EFFICIENT_SAM, YOLO
from temtrack.segmentation.network import NetworkModel
from temtrack.segmentation.segmenter import Segmenter

CPU = torch.device("cpu")


def ids(labels):
    return np.unique(labels[labels > 0]).tolist()


def labels_of(segmenter, image, scale=None, min_area_px=None):
    return segmenter.segment(image, scale, min_area_px).labels


def iou(found, true):
    """Edges are rounded on the network's grid of 4 px, so that squares agree to a few percent."""
    return (found & true).sum() / (found | true).sum()


def test_particles_are_found_where_they_are(segmenter, bright):
    image = bright((200, 300), (20, 40, 48), (120, 200, 40))
    labels = labels_of(segmenter, image, scale=1.0)
    assert ids(labels) == [1, 2]
    assert iou(labels > 0, image < 100) > 0.98


@pytest.mark.parametrize("scale", [0.4, 1.0, 2.3])
def test_a_particle_on_a_seam_keeps_one_id(segmenter, bright, scale):
    image = bright((800, 1500), (250, 40, 200), (280, 500, 500), (20, 1200, 200))
    labels = labels_of(segmenter, image, scale)
    assert len(ids(labels)) == 3
    assert len(np.unique(labels[300:760, 520:980])) == 1


def test_a_prediction_that_gave_the_scale_is_not_made_again(segmenter, bright):
    image = bright((300, 300), (20, 20, 60), (150, 150, 60))
    assert segmenter.find_scale(image) == 1.0
    n_to_find_it, segmenter.model.net.n_embedded = segmenter.model.net.n_embedded, 0
    labels = labels_of(segmenter, image)
    assert segmenter.model.net.n_embedded == n_to_find_it
    np.testing.assert_array_equal(labels, labels_of(segmenter, image, 1.0))


@pytest.mark.parametrize("tta", [False, True])
def test_two_views_are_merged(dark_patches, bright, tta):
    image = bright((300, 300), (20, 20, 60), (150, 150, 60))
    own = dark_patches(tta)
    labels = labels_of(own, image, 1.0)
    assert own.model.net.n_embedded == 1 + tta
    assert ids(labels) == [1, 2]
    assert iou(labels > 0, image < 100) > 0.9


def test_fragments_are_dropped_or_what_is_below_the_least_area_given(segmenter, bright):
    image = bright((300, 300), (20, 20, 60), (150, 150, 60), (20, 200, 12), (200, 20, 28))
    assert ids(labels_of(segmenter, image, 1.0)) == [1, 2, 3]
    assert ids(labels_of(segmenter, image, 1.0, min_area_px=1)) == [1, 2, 3, 4]
    assert ids(labels_of(segmenter, image, 1.0, min_area_px=1000)) == [1, 2]


def test_a_scale_and_least_area_of_its_own_take_the_place_of_what_the_image_would_say(dark_patches, bright):
    image = bright((300, 300), (20, 20, 60), (150, 150, 60), (20, 200, 12))
    own = dark_patches(scale=1.0, min_area_px=100.0)
    assert own.find_scale(image) == 1.0
    assert own.model.net.n_embedded == 0
    assert ids(labels_of(own, image)) == [1, 2, 3]
    assert ids(labels_of(own, image, min_area_px=1000)) == [1, 2]
    assert ids(own.predict_prompts(image, boxes=np.array([[20.0, 20.0, 79.0, 79.0]])).labels) == [1]


def test_the_intensity_is_centred_after_the_networks_own_blur(dark_patches, bright, monkeypatch):
    blurs_px = []

    def noted(grey, blur_px):
        blurs_px.append(blur_px)
        return centre_intensity(grey, blur_px)

    monkeypatch.setattr("temtrack.segmentation.sight.centre_intensity", noted)
    image = bright((300, 300), (20, 20, 60), (150, 150, 60))
    own = dark_patches(centring_blur_px=5.0)
    for asked in (own, dark_patches()):
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
    for labels in (labels_of(segmenter, holed, 1.0), segmenter.predict_prompts(holed, boxes=boxes).labels):
        assert iou(labels > 0, (image < 100) & np.isfinite(holed)) > 0.9
        assert not labels[~np.isfinite(holed)].any()


@pytest.mark.parametrize("value", [np.uint16(0), np.uint8(77), np.float32("nan"), np.float64(1e9)])
def test_an_image_without_contrast_is_empty_and_not_asked_about(segmenter, value):
    image = np.full((40, 50), value)
    np.testing.assert_array_equal(labels_of(segmenter, image), np.zeros((40, 50), np.int32))
    assert not segmenter.predict_prompts(image, points=np.array([[5.0, 6.0]])).labels.any()
    assert segmenter.find_scale(image) is None
    assert segmenter.model.net.n_embedded == 0


def test_prompts_give_ids_in_their_order(segmenter, bright):
    image = bright((400, 500), (40, 40, 48), (40, 300, 40), (300, 200, 60))
    points = np.array([[320.0, 230.0], [60.0, 60.0], [200.0, 200.0], [60.0, 320.0]])  # the third hits nothing
    labels = segmenter.predict_prompts(image, points=points).labels
    assert ids(labels) == [1, 2, 4]
    assert (labels[320, 230], labels[60, 60], labels[60, 320]) == (1, 2, 4)
    boxes = np.array([[40.0, 300.0, 79.0, 339.0], [300.0, 200.0, 359.0, 259.0]])
    labels = segmenter.predict_prompts(image, boxes=boxes).labels
    assert (labels[60, 320], labels[330, 230], labels[60, 60]) == (1, 2, 0)
    assert (labels == 2).sum() == pytest.approx(60**2, rel=0.1)


def test_prompts_in_every_tile_of_a_large_image_are_answered_where_they_ask(segmenter, bright):
    places = [(y, x) for y in (30, 500, 950) for x in (30, 600, 1300)]
    image = bright((1000, 1400), *((y, x, 40) for y, x in places))
    points = np.array(places, float)[::-1] + 20
    labels = segmenter.predict_prompts(image, points=points).labels
    found = [labels[int(y), int(x)] for y, x in points]
    assert found == list(range(1, 10))


def test_scores_are_the_mean_probability_inside_each_particle(segmenter, bright):
    image = bright((300, 300), (20, 20, 60), (150, 150, 60))
    found = segmenter.segment(image, 1.0)
    assert (found.scores.dtype, found.scores.shape) == (np.float32, (2,))
    assert found.scores == pytest.approx(1, abs=0.05)
    prompted = segmenter.predict_prompts(image, points=np.array([[50.0, 50.0], [5.0, 5.0]]))
    assert prompted.scores == pytest.approx([1, np.nan], abs=0.05, nan_ok=True)
    nothing = segmenter.predict_prompts(np.zeros((9, 9)), points=np.zeros((3, 2)))
    assert np.isnan(nothing.scores).tolist() == [True] * 3


@pytest.mark.parametrize("shape", [(4, 9, 9), (9,), (0, 5)])
def test_what_is_no_image_is_refused(segmenter, shape):
    with pytest.raises(InputError, match="an image is"):
        segmenter.segment(np.zeros(shape))


def test_no_prompt_is_a_mistake_of_the_caller(segmenter, bright):
    with pytest.raises(ValueError, match="points or boxes"):
        segmenter.predict_prompts(bright((50, 50), (10, 10, 20)))


@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (17, 511)])
def test_a_true_network_takes_any_size_and_type(shape):
    torch.manual_seed(0)
    net = EfficientSam(dim=48, depth=1, n_heads=3, prompt_dim=32)
    spec = ModelSpec("tiny", "tiny", None, None, {})
    segmenter = Segmenter(NetworkModel(net, EFFICIENT_SAM, spec, "0" * 64, CPU))
    image = np.random.default_rng(0).integers(0, 60_000, shape).astype(np.uint16)
    labels = labels_of(segmenter, image)
    assert (labels.shape, labels.dtype) == (shape, np.int32)
    prompted = segmenter.predict_prompts(image, points=np.zeros((3, 2))).labels
    assert (prompted.shape, prompted.dtype) == (shape, np.int32)


def tiny_net():
    return EfficientSam(dim=48, depth=1, n_heads=3, prompt_dim=32)


@pytest.fixture
def run_folder(tmp_path, monkeypatch):
    """A training run of a tiny network."""
    tiny = Architecture("tiny", Kind.segmenter, "efficient_sam", "tiny_net")
    monkeypatch.setitem(ARCHITECTURES, "tiny", tiny)
    monkeypatch.setattr("temtrack.nets.efficient_sam.tiny_net", tiny_net, raising=False)
    save_file(
        {name: tensor.half() for name, tensor in tiny_net().state_dict().items()},
        tmp_path / "best.safetensors",
    )
    write_run_spec(tmp_path, "tiny", "temtrack train")
    return tmp_path


def test_a_runs_folder_becomes_a_segmenter_with_its_weights(run_folder):
    segmenter = Segmenter(str(run_folder), "cpu")
    assert len(segmenter.sha256) == 64
    assert not segmenter.model.net.training
    other = tiny_net()
    load_weights(other, find_model(str(run_folder)))
    for mine, theirs in zip(segmenter.model.net.parameters(), other.parameters(), strict=True):
        assert torch.equal(mine, theirs)


@pytest.mark.parametrize("damage", ["other network", "truncated", "text"])
def test_weights_that_do_not_fit_are_refused_in_one_line(run_folder, damage):
    weights = run_folder / "best.safetensors"
    if damage == "other network":
        save_file(EfficientSam(dim=24, depth=1, n_heads=3, prompt_dim=32).state_dict(), weights)
    else:
        weights.write_bytes(weights.read_bytes()[:1000] if damage == "truncated" else b"no weights at all")
    with pytest.raises(ModelError, match="does not fit the network tiny") as refused:
        Segmenter(str(run_folder), "cpu")
    assert "\n" not in str(refused.value)


def test_a_model_of_one_magnification_has_its_own_scale(run_folder):
    assert Segmenter(str(run_folder), "cpu").model.scale is None
    write_run_spec(run_folder, "tiny", "temtrack train", {"scale": 2.0, "min_area_px": 7})
    segmenter = Segmenter(str(run_folder), "cpu")
    assert (segmenter.model.scale, segmenter.model.min_area_px) == (2.0, 7.0)
    assert segmenter.averages_views is DEFAULT_TTA


@pytest.mark.parametrize("tta", [True, False])
def test_only_a_network_that_predicts_maps_takes_test_time_augmentation(run_folder, monkeypatch, tta):
    assert Segmenter(str(run_folder), "cpu", tta=tta).averages_views is tta
    monkeypatch.setitem(ADAPTERS, "efficient_sam", YOLO)
    assert not Segmenter(str(run_folder), "cpu", tta=tta).averages_views


def test_a_model_centres_an_image_after_the_blur_it_was_trained_with(run_folder):
    assert Segmenter(str(run_folder), "cpu").model.centring_blur_px == 2.0
    write_run_spec(run_folder, "tiny", "temtrack train", {"centring_blur_px": 5.0})
    assert Segmenter(str(run_folder), "cpu").model.centring_blur_px == 5.0


@pytest.mark.parametrize("number", ["0", "-1.0", "nan", "inf", '"large"', "[1]"])
def test_a_scale_that_is_none_is_refused(run_folder, number):
    with (run_folder / "model.toml").open("a") as file:
        file.write(f"scale = {number}\n")
    with pytest.raises(ModelError, match=r"states scale = .* needs a positive number"):
        Segmenter(str(run_folder), "cpu")
