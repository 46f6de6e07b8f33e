"""What a dense network is taught: every map at full resolution, and no more than a sample knows."""

import numpy as np
import pytest
import torch
from skimage.draw import disk

from temtrack.datasets.labelled import LabelledImage
from temtrack.models.catalog import ARCHITECTURES, Kind
from temtrack.segmentation.adapters import ADAPTERS
from temtrack.segmentation.dense_maps import BOUNDARY, FOREGROUND, MARKER, encode
from temtrack.training.config import PRESETS, preset
from temtrack.training.segmentation_task import collate_queries, dense_loss

LABELS = np.zeros((32, 32), np.int32)
LABELS[disk((16, 10), 6)] = 1
LABELS[disk((16, 23), 6)] = 2


class Knows(torch.nn.Module):
    """Answers with the maps that it was given, whatever it is shown."""

    def __init__(self, maps):
        super().__init__()
        self.logits = torch.from_numpy(20 * (2 * maps - 1))

    def forward(self, images):
        return self.logits.expand(len(images), -1, -1, -1)


def batch_of(semantic):
    sample = LabelledImage(np.zeros(LABELS.shape, np.float32), LABELS, semantic)
    return collate_queries([sample] * 2, 0, np.random.default_rng(0))


def test_the_right_maps_cost_nothing_and_every_foreground_pixel_is_counted():
    loss, counts = dense_loss(Knows(encode(LABELS)), batch_of(semantic=False))
    assert float(loss) == pytest.approx(0, abs=1e-3)
    assert counts.tolist() == [2 * np.count_nonzero(LABELS)] * 3


@pytest.mark.parametrize("wrong", [FOREGROUND, MARKER, BOUNDARY])
def test_a_mask_without_instances_teaches_the_foreground_alone(wrong):
    maps = encode(LABELS)
    maps[wrong] = 1 - maps[wrong]
    assert float(dense_loss(Knows(maps), batch_of(semantic=False))[0]) > 1
    loss = float(dense_loss(Knows(maps), batch_of(semantic=True))[0])
    assert (loss > 1) == (wrong == FOREGROUND)


@pytest.mark.parametrize("model", sorted(each.name for each in ARCHITECTURES.values() if each.preset))
def test_each_network_has_settings_whose_crops_it_takes_as_they_are(model):
    config, architecture = preset(model), ARCHITECTURES[model]
    assert config.model == model
    if architecture.kind is not Kind.tracker:
        adapter = ADAPTERS[architecture.family]
        assert architecture.crop_multiple % adapter.tiling.multiple == 0
        assert (config.n_prompts > 0) == (adapter.predict_prompts is not None)


def test_every_preset_belongs_to_an_architecture():
    assert {each.preset for each in ARCHITECTURES.values() if each.preset} == PRESETS.keys()
