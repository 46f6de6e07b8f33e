"""Segment Anything asked everywhere: what is background is no particle, and one told twice is one."""

import numpy as np
import pytest
import torch
from needs import need_module
from skimage.draw import disk
from typer.testing import CliRunner

from temtrack.cli.app import app
from temtrack.models.registry import ModelSpec
from temtrack.nets.layers import to_picture
from temtrack.segmentation import automatic
from temtrack.segmentation.adapters import SAM
from temtrack.segmentation.automatic import detect_by_points, detections_of
from temtrack.segmentation.detections import Detection, decode
from temtrack.segmentation.network import NetworkModel
from temtrack.segmentation.prompts import Prompts, answer_by_sam
from temtrack.segmentation.segmenter import Segmenter


def disc(y, x, radius, shape=(100, 120)):
    mask = np.zeros(shape, bool)
    mask[disk((y, x), radius, shape=shape)] = True
    return mask


def test_the_background_is_left_out_and_overlaps_are_resolved():
    one, two, at_the_edge = disc(30, 30, 12), disc(60, 80, 15), disc(0, 60, 10)
    ground = ~(one | two | at_the_edge)
    strip = np.zeros_like(one)
    strip[:, :8] = True  # along three sides
    masks = [ground, strip, one, disc(30, 31, 11), two, at_the_edge, np.zeros_like(one)]
    found = decode(detections_of(masks, [0.99, 0.98, 0.9, 0.8, 0.95, 0.7, 0.99]), one.shape).labels
    assert found.max() >= 3
    assert len(np.unique(found)) == 4
    for mask in (one, two, at_the_edge):
        (label,) = np.unique(found[mask])
        np.testing.assert_array_equal(found == label, mask)


@pytest.fixture
def tiny_sam():
    """A small, untrained SAM of the package's own parts, of 64 px."""
    modeling = need_module("segment_anything.modeling")
    torch.manual_seed(0)
    return modeling.Sam(
        modeling.ImageEncoderViT(
            img_size=64,
            depth=1,
            embed_dim=32,
            num_heads=2,
            out_chans=16,
            window_size=2,
            global_attn_indexes=(0,),
        ),
        modeling.PromptEncoder(16, (4, 4), (64, 64), 8),
        modeling.MaskDecoder(
            transformer_dim=16, transformer=modeling.TwoWayTransformer(1, 16, 2, 32), iou_head_hidden_dim=16
        ),
    ).eval()


def test_every_tile_of_an_image_is_asked_and_answered(tiny_sam, monkeypatch):
    asked = []

    def watched(net, tile):
        asked.append(tuple(tile.shape))
        return detect_by_points(net, tile)

    adapter = type(SAM)(SAM.tiling, watched)
    spec = ModelSpec("sam", "sam-vit-b", None, None, {})
    segmenter = Segmenter(NetworkModel(tiny_sam, adapter, spec, "0" * 64, torch.device("cpu")))
    image = np.where(disc(30, 30, 12), 20.0, 200.0)
    labels = segmenter.segment(image, scale=1.0).labels
    assert asked == [(1, 3, 112, 128)]
    assert (labels.shape, labels.dtype) == (image.shape, np.int32)
    assert not segmenter.takes_prompts


@pytest.mark.parametrize(
    "asked",
    [{"points": np.array([[10, 20], [30, 50]])}, {"boxes": np.array([[5, 5, 20, 30], [25, 40, 40, 60]])}],
    ids=["points", "boxes"],
)
def test_points_and_boxes_are_answered_as_the_package_does(tiny_sam, asked):
    from segment_anything import SamPredictor

    tile, prompts = torch.rand(1, 3, 48, 64), Prompts.of(**asked)
    found = torch.stack(list(answer_by_sam(tiny_sam, tile, prompts.xy, prompts.kinds)))
    predictor = SamPredictor(tiny_sam)
    predictor.set_image(to_picture(tile))
    for logits, (y, x, *opposite) in zip(found, next(iter(asked.values())).tolist(), strict=True):
        own = {"point_coords": np.array([[x, y]]), "point_labels": np.ones(1)}
        if opposite:
            own = {"box": np.array([x, y, *opposite[::-1]])}
        (wanted,), _, _ = predictor.predict(**own, multimask_output=False, return_logits=True)
        np.testing.assert_allclose(logits.numpy(), wanted, atol=1e-5)


def test_masks_of_the_network_become_detections_as_they_are(tiny_sam, monkeypatch):
    from segment_anything import SamAutomaticMaskGenerator

    monkeypatch.setattr(
        "segment_anything.SamAutomaticMaskGenerator",
        lambda net: SamAutomaticMaskGenerator(
            net, points_per_side=4, pred_iou_thresh=-9.0, stability_score_thresh=0.0
        ),
    )
    monkeypatch.setattr(automatic, "N_BACKGROUND_SIDES", 9)
    monkeypatch.setattr(automatic, "MAX_BACKGROUND_FRACTION", 1.0)
    detections = detect_by_points(tiny_sam, torch.rand(1, 3, 48, 64))
    assert detections
    for detection in detections:
        y0, x0, y1, x1 = detection.box
        assert 0 <= y0 < y1 <= 48
        assert 0 <= x0 < x1 <= 64
        assert detection.logits.shape == (y1 - y0, x1 - x0)
        assert detection.score <= 1


def test_fastsam_is_imported_and_its_background_left_out(tmp_path, monkeypatch):
    nets = need_module("temtrack.nets.fastsam")
    monkeypatch.setenv("TEMTRACK_CACHE", str(tmp_path / "cache"))
    torch.manual_seed(0)
    torch.save({"model": nets.fastsam_s(), "ema": None}, tmp_path / "FastSAM-s.pt")
    result = CliRunner().invoke(app, ["models", "import", "fastsam-s", str(tmp_path / "FastSAM-s.pt")])
    assert result.exit_code == 0, result.output
    segmenter = Segmenter("fastsam-s", "cpu")
    noise = np.random.default_rng(0).normal(size=(90, 130))
    assert segmenter.segment(noise, 1.0).labels.shape == (90, 130)
    particle = Detection((20, 30, 60, 80), np.ones((10, 13), np.float32), (20, 28), 4, 0.9)
    whole = Detection((0, 0, 96, 128), np.ones((24, 32), np.float32), (0, 0), 4, 0.9)
    monkeypatch.setattr(automatic, "detect", lambda net, tile: [whole, particle])
    assert automatic.detect_objects(segmenter.model.net, torch.zeros(1, 3, 96, 128)) == [particle]
