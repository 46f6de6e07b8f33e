"""Each network's adapter leads from labels to targets and back, and from an image to logits on its grid."""

import numpy as np
import pytest
import torch
from skimage.draw import disk
from skimage.measure import label
from torch import nn

from temtrack.errors import UsageError
from temtrack.metrics.segmentation import score_segmentation
from temtrack.models.catalog import ARCHITECTURES
from temtrack.models.registry import ModelSpec
from temtrack.segmentation import detections
from temtrack.segmentation.adapters import ADAPTERS, SWIN_UNET, DetectionAdapter
from temtrack.segmentation.network import NetworkModel
from temtrack.segmentation.segmenter import Segmenter
from temtrack.segmentation.tiling import Tiling, View
from temtrack.simulation.scenes import SceneConfig, simulate_scene

SCENES = [
    simulate_scene(np.random.default_rng(seed), SceneConfig(mean_radius_px=(10.0, 30.0), empty_fraction=0.0))
    for seed in range(3)
]


class DarkPixels(nn.Module):
    """In the place of a dense network: what is dark is foreground and marker, nothing is boundary."""

    def forward(self, images):
        dark = 40 * (0.5 - images[:, :1])
        return torch.cat([dark, dark, torch.full_like(dark, -20)], dim=1)


@pytest.fixture
def segmenter_without_prompts():
    spec = ModelSpec("dense", "swin-unet", None, None, {})
    return Segmenter(NetworkModel(DarkPixels(), SWIN_UNET, spec, "0" * 64, torch.device("cpu")))


@pytest.mark.parametrize("adapter", ADAPTERS.values(), ids=ADAPTERS)
def test_decoding_what_was_encoded_gives_the_particles_back(adapter):
    for scene in SCENES:
        decoded = adapter.decode(adapter.encode(scene.labels), scene.labels.shape)
        score = score_segmentation(decoded.labels, scene.labels)
        assert score.n_true > 3
        assert score.f1 > 0.95
        assert score.iou > 0.97
        assert decoded.scores[np.unique(decoded.labels)[1:] - 1] == pytest.approx(1)
        assert decoded.confidence == pytest.approx(1)


@pytest.mark.parametrize("name", ["effsam-tiny", "swin-unet", "vmamba"])
def test_a_network_predicts_on_the_grid_of_its_tiling(name):
    torch.manual_seed(0)
    architecture = ARCHITECTURES[name]
    net, adapter = architecture.build().eval(), ADAPTERS[architecture.family]
    images = torch.rand(2, 3, adapter.tiling.multiple, 2 * adapter.tiling.multiple)
    with torch.inference_mode():
        logits = adapter.predict_dense(net, images)
    height, width = (n // adapter.tiling.grid for n in images.shape[-2:])
    assert logits.shape == (2, len(adapter.encode(np.zeros((4, 4), np.int32))), height, width)


def test_a_network_without_prompts_refuses_them(segmenter_without_prompts):
    assert not segmenter_without_prompts.takes_prompts
    with pytest.raises(UsageError, match="'dense' takes no points or boxes; use a model that does"):
        segmenter_without_prompts.predict_prompts(np.eye(9), points=np.zeros((1, 2)))


def test_a_dense_network_finds_particles_where_they_are(segmenter_without_prompts):
    image = np.full((500, 530), 200.0)
    labels = np.zeros(image.shape, np.int32)
    for i, (y, x) in enumerate([(60, 70), (250, 265), (440, 300)], start=1):
        labels[disk((y, x), 30)] = i
    image[labels > 0] = 20
    score = score_segmentation(segmenter_without_prompts.segment(image, 1.0).labels, labels)
    assert (score.n_matched, score.n_found) == (3, 3)
    assert score.iou > 0.99


class DarkDetections:
    """Tells each dark patch of a tile as a detector would, and notes the tiles."""

    def __init__(self):
        self.tiles = []

    def __call__(self, net, tile):
        self.tiles.append(tuple(tile.shape))
        return detections.encode(label(tile[0, 0].numpy() < 0.5).astype(np.int32))


def predict(adapter, grey, scale):
    """Return the prediction from one view."""
    output = adapter.forward(None, grey, View(scale), torch.device("cpu"))
    return adapter.decode(adapter.merge([output], grey.shape, scale), grey.shape, scale)


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_detections_of_overlapping_tiles_become_one_particle_each(scale):
    find = DarkDetections()
    adapter = DetectionAdapter(Tiling(128, 64, multiple=32, grid=1), find)
    truth = np.zeros((300, 340), np.int32)
    centres = [(y, x) for y in range(25, 300, 50) for x in range(25, 340, 50)]
    for i, centre in enumerate(centres, start=1):
        truth[disk(centre, 14)] = i
    grey = np.where(truth > 0, 0.1, 0.9).astype(np.float32)
    prediction = predict(adapter, grey, scale)
    score = score_segmentation(prediction.labels, truth)
    assert (score.n_matched, score.n_found) == (len(centres), len(centres))
    assert score.iou > 0.93
    assert 0.5 <= prediction.confidence <= 1
    assert (len(find.tiles) > 1) == (scale >= 0.5)
    assert predict(adapter, np.ones((40, 40), np.float32), scale).confidence == 0
