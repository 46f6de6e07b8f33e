import numpy as np
import torch

from temtrack.nets.efficient_sam import BOX_BOTTOM_RIGHT, BOX_TOP_LEFT, INVALID, POINT, EfficientSam
from temtrack.segmentation import prompts
from temtrack.segmentation.adapters import EFFICIENT_SAM
from temtrack.segmentation.prompts import Prompts

ask = EFFICIENT_SAM.predict_prompts


def test_points_and_boxes_turn_from_y_x_to_the_networks_x_y():
    points = Prompts.of(np.array([[7, 3], [1, 2]]))
    assert points.xy[:, 0].tolist() == [[3, 7], [2, 1]]
    assert points.kinds.tolist() == [[POINT, INVALID]] * 2
    boxes = Prompts.of(boxes=np.array([[1, 2, 30, 40]]))
    assert boxes.xy.tolist() == [[[2, 1], [40, 30]]]
    assert boxes.kinds.tolist() == [[BOX_TOP_LEFT, BOX_BOTTOM_RIGHT]]
    assert boxes.centres.tolist() == [[21, 15.5]]
    assert (len(points), len(boxes)) == (2, 1)


def test_the_centre_of_a_pixel_stays_one_when_the_image_is_resized():
    points = Prompts.of(np.array([[0, 0], [9, 4]])).scaled(3)
    assert points.xy[:, 0].tolist() == [[1, 1], [13, 28]]  # the middle of 3 x 3 pixels


def test_many_prompts_share_one_embedding_and_batches_change_nothing(monkeypatch):
    torch.manual_seed(0)
    net = EfficientSam(dim=48, depth=1, n_heads=3, prompt_dim=32).eval()
    image = torch.rand(1, 3, 64, 96)
    rng = np.random.default_rng(0)
    asked = Prompts.of(rng.uniform(0, 64, (7, 2)))
    embed, n_embedded = net.embed, []
    monkeypatch.setattr(net, "embed", lambda tile: n_embedded.append(1) or embed(tile))
    with torch.inference_mode():
        whole = ask(net, image, asked)
        monkeypatch.setattr(prompts, "QUERIES_A_BATCH", 2)
        again = ask(net, image, asked)
    np.testing.assert_array_equal(again.labels, whole.labels)
    np.testing.assert_allclose(again.scores, whole.scores, rtol=1e-5)
    assert len(n_embedded) == 2
    assert whole.labels.any()


def test_where_two_answers_meet_the_surer_one_has_the_pixel():
    class Halves:
        """Answers every prompt with the whole image, the surer the nearer a pixel lies to the point."""

        def embed(self, images):
            return images

        def decode(self, embedding, xy, labels):
            x = torch.arange(embedding.shape[-1] // 4) * 4 + 1.5
            sure = 1000 - (x - xy[0, :, 0, :1]).abs()
            logits = sure[None, :, None, None].expand(1, -1, 3, embedding.shape[-2] // 4, -1)
            return logits, None

    labels = ask(
        Halves(),
        torch.zeros(1, 3, 32, 64),
        Prompts.of(np.array([[8, 50], [20, 10]])),
    ).labels
    assert (labels[:, :28] == 2).all()
    assert (labels[:, 32:] == 1).all()
