import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import nn
from torch.nn import functional as F

from temtrack.models.registry import ModelSpec
from temtrack.nets.efficient_sam import POINT
from temtrack.segmentation.adapters import EFFICIENT_SAM
from temtrack.segmentation.network import NetworkModel
from temtrack.segmentation.segmenter import Segmenter

SURE = 20.0  # a logit that is a probability of 1


class DarkPatches(nn.Module):
    """In the place of a network: what is dark is foreground, and marker too; nothing is boundary.

    A prompt is answered with the dark patch below its point, or below the middle of its box.
    """

    def __init__(self):
        super().__init__()
        self.n_embedded = 0

    def embed(self, images):
        self.n_embedded += 1
        return images

    def decode(self, embedding, xy, labels):
        dark = F.avg_pool2d(embedding[:, :1], 4)[:, 0] < 0.5
        if labels.shape[-1]:
            dark = torch.stack([self._patch(dark[0], *query) for query in zip(xy[0], labels[0], strict=True)])
        else:
            dark = dark[:, None]
        foreground = torch.where(dark, SURE, -SURE).reshape(len(embedding), -1, *dark.shape[-2:])
        return torch.stack([foreground, foreground, torch.full_like(foreground, -SURE)], dim=2), None

    def _patch(self, dark, xy, labels):
        parts, _ = ndimage.label(dark.numpy())
        x, y = (xy[0] if labels[0] == POINT else xy.mean(0)).div(4).long().tolist()
        return torch.from_numpy((parts == parts[y, x]) & (parts[y, x] > 0))


@pytest.fixture
def dark_patches():
    """Build a segmenter of dark patches, in place of a trained network, of which these facts are known."""

    def build(tta=False, **facts):
        spec = ModelSpec("dark", "dark", None, None, facts)
        net = DarkPatches()
        return Segmenter(NetworkModel(net, EFFICIENT_SAM, spec, "0" * 64, torch.device("cpu"), tta))

    return build


@pytest.fixture
def segmenter(dark_patches):
    """A segmenter of dark patches of which nothing more is known."""
    return dark_patches()


@pytest.fixture
def bright():
    """Make a bright ground (Y, X) with dark squares, each given as y, x, side."""

    def make(shape, *squares):
        image = np.full(shape, 200, np.float32)
        for y, x, side in squares:
            image[y : y + side, x : x + side] = 20
        return image

    return make
