"""EfficientSAM-Ti against the published network's numbers under a known filling."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from golden_fill import fill, image

from temtrack.nets import layers
from temtrack.nets.efficient_sam import efficient_sam_ti
from temtrack.nets.layers import QUERIES_AT_ONCE, attend, attend_explicitly

GOLDEN = np.load(Path(__file__).parent.parent / "golden" / "efficient_sam_ti.npz")


@pytest.fixture(scope="module")
def net():
    network = efficient_sam_ti().eval()
    fill(network)
    return network


def published(net, embedding, xy, labels):
    """Return what the published network does of an image of 512 px, embedded at 1024 px."""
    logits, iou = net.decode(embedding, 2 * xy, labels)
    full = F.interpolate(logits.flatten(0, 1), (512, 512), mode="bicubic", align_corners=False)
    return full.unflatten(0, logits.shape[:2]), iou


@pytest.mark.slow
@torch.inference_mode()
def test_the_golden_numbers(net):
    images = image((1, 3, 512, 512))
    embedding = net.embed(F.interpolate(images, (1024, 1024), mode="bilinear"))
    np.testing.assert_allclose(embedding[0, ::16, ::8, ::8], GOLDEN["embedding"], atol=1e-4)
    points = torch.tensor([[[[100.0, 120]], [[300, 200]], [[64, 400]]]])
    logits, iou = published(net, embedding, points, torch.ones(1, 3, 1, dtype=torch.long))
    np.testing.assert_allclose(logits[0, :, :, ::32, ::32], GOLDEN["logits"], atol=1e-4)
    np.testing.assert_allclose(iou[0], GOLDEN["iou"], atol=1e-4)
    box = torch.tensor([[[[50.0, 60], [200, 220]]]])
    logits, iou = published(net, embedding, box, torch.tensor([[[2, 3]]]))
    np.testing.assert_allclose(logits[0, :, :, ::32, ::32], GOLDEN["box_logits"], atol=1e-4)
    np.testing.assert_allclose(iou[0], GOLDEN["box_iou"], atol=1e-4)


def test_the_number_of_parameters(net):
    assert sum(p.numel() for p in net.parameters()) == 10_223_204


@torch.inference_mode()
def test_fused_and_explicit_attention_agree(net, monkeypatch):
    images = image((1, 3, 96, 160))
    fused = net.embed(images)
    monkeypatch.setattr(layers, "attend", attend_explicitly)
    torch.testing.assert_close(fused, net.embed(images), atol=1e-4, rtol=0)


@pytest.mark.parametrize("has_tiles", [False, True])
@torch.inference_mode()
def test_attention_in_bfloat16_is_that_of_float32_but_for_rounding(has_tiles, monkeypatch):
    monkeypatch.setattr(layers, "has_bf16_tiles", lambda: has_tiles)
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 2, 3, 2 * QUERIES_AT_ONCE + 7, 16)  # BxHeadsxNxD each, in more than one piece
    rounded = attend(*(x.bfloat16() for x in (q, k, v)))
    assert rounded.dtype == torch.bfloat16
    torch.testing.assert_close(rounded.float(), attend(q, k, v), atol=0.02, rtol=0)


@torch.inference_mode()
def test_places_are_as_exact_where_all_else_is_rounded(net):
    xy = torch.rand(1, 4, 2)
    with torch.autocast("cpu", torch.bfloat16):
        encoded = net.prompt_encoder.pe_layer(xy)
    torch.testing.assert_close(encoded, net.prompt_encoder.pe_layer(xy), atol=1e-5, rtol=0)


@torch.inference_mode()
def test_many_queries_at_once_answer_as_one_by_one(net):
    embedding = net.embed(image((2, 3, 64, 96)))
    xy = torch.rand(2, 5, 2, 2) * 60
    labels = torch.tensor([1, -1]).expand(2, 5, 2)
    logits, _ = net.decode(embedding, xy, labels)
    assert logits.shape == (2, 5, 3, 16, 24)
    alone, _ = net.decode(embedding[1:], xy[1:, 3:4], labels[1:, 3:4])
    torch.testing.assert_close(logits[1:, 3:4], alone, atol=1e-4, rtol=0)


@torch.inference_mode()
def test_a_query_without_points_is_one_whose_points_are_all_invalid(net):
    embedding = net.embed(image((1, 3, 64, 64)))
    none, _ = net.decode(embedding, torch.zeros(1, 1, 0, 2), torch.zeros(1, 1, 0, dtype=torch.long))
    invalid, _ = net.decode(embedding, torch.rand(1, 1, 2, 2), torch.full((1, 1, 2), -1))
    torch.testing.assert_close(none, invalid)
