import numpy as np
import pytest
from skimage.measure import label
from typer.testing import CliRunner

from temtrack.cli.app import app
from temtrack.imaging.labels import compact, filter_fragments
from temtrack.models.registry import ModelSpec
from temtrack.segmentation.model import Segmentation, middle_frame
from temtrack.segmentation.sight import Sight, SightEstimate


class FakeSegmenter:
    """Calls every connected dark patch a particle; notes at which scales it is asked to see."""

    takes_prompts = True
    averages_views = False

    def __init__(self):
        self.spec = ModelSpec("fake", "fake", None, None, {})
        self.sha256 = None
        self.asked = []
        self.prompted = []

    def find_sight(self, image, polarity="auto", scale=None):
        self.asked.append(scale)
        return None if scale is None else SightEstimate(Sight(scale, polarity == "bright"))

    def segment(self, image, scale, min_area_px=None):
        grey = np.nan_to_num(middle_frame(image), nan=255)
        dark = label((grey < 100) & (grey < grey.max())).astype(np.int32)
        labels = compact(filter_fragments(dark, 0.0, max(1, round(min_area_px or 0))))[0]
        return Segmentation(labels, np.ones(labels.max(), np.float32))

    def predict_prompts(self, image, points, boxes):
        self.prompted.append((points, boxes))
        return self.segment(image, None)


@pytest.fixture
def segmenter(monkeypatch):
    """A fake in the place of every model."""
    fake = FakeSegmenter()
    monkeypatch.setattr("temtrack.segmentation.segmenter.Segmenter", lambda model, device, *, tta: fake)
    return fake


@pytest.fixture
def run():
    """Run the command line and return its result, stdout and stderr apart."""
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])
