import numpy as np
import torch
from skimage.draw import disk

from temtrack.datasets.labelled import LabelledImage
from temtrack.nets.efficient_sam import BOX_TOP_LEFT, INVALID, POINT
from temtrack.segmentation.dense_maps import FOREGROUND, encode
from temtrack.training.segmentation_task import collate_queries

LABELS = np.zeros((48, 64), np.int32)
LABELS[disk((20, 20), 10)] = 1
LABELS[disk((20, 40), 9)] = 2
SAMPLE = LabelledImage(np.zeros(LABELS.shape, np.float32), LABELS)


def test_the_first_query_asks_for_everything_the_others_for_the_particle_they_point_at():
    batch = collate_queries([SAMPLE] * 8, 3, np.random.default_rng(0))
    assert batch.images.shape == (8, 3, 48, 64)
    assert (batch.point_labels[:, 0] == INVALID).all()
    torch.testing.assert_close(batch.targets[0, 0], torch.from_numpy(encode(LABELS)))
    kinds = set()
    for b in range(8):
        for q in range(1, 4):
            foreground = batch.targets[b, q, FOREGROUND].numpy() > 0
            (asked,) = np.unique(LABELS[foreground])
            assert foreground.sum() == (LABELS == asked).sum()
            kind = int(batch.point_labels[b, q, 0])
            kinds.add(kind)
            x, y = batch.xy[b, q].mean(0) if kind == BOX_TOP_LEFT else batch.xy[b, q, 0]
            assert LABELS[int(y), int(x)] == asked
    assert kinds == {POINT, BOX_TOP_LEFT}


def test_a_mask_without_instances_and_one_without_particles_weigh_what_they_know():
    semantic = LabelledImage(SAMPLE.image, LABELS, semantic=True)
    empty = LabelledImage(SAMPLE.image, LABELS * 0)
    batch = collate_queries([semantic, empty], 1, np.random.default_rng(0))
    assert batch.weights.tolist() == [[[1, 0, 0], [0, 0, 0]], [[1, 1, 1], [0, 0, 0]]]
