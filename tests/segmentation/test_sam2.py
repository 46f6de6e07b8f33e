"""SAM 2, 2.1 and MobileSAM: a user's own weights, asked by points, by boxes, and everywhere."""

import numpy as np
import pytest
import torch
from needs import need_module
from skimage.draw import disk
from typer.testing import CliRunner

from temtrack.cli.app import app
from temtrack.errors import ModelError
from temtrack.formats.store.masks import read_labels
from temtrack.formats.store.movies import write_image
from temtrack.models.catalog import find_architecture
from temtrack.models.import_checkpoint import import_checkpoint
from temtrack.segmentation.automatic import detect_by_grid
from temtrack.segmentation.prompts import Prompts, answer_by_sam2
from temtrack.segmentation.segmenter import Segmenter

nets = need_module("temtrack.nets.sam2")


@pytest.fixture(scope="module")
def mobile_sam(tmp_path_factory):
    """A fresh MobileSAM, as a checkpoint of its authors holds it."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "mobile_sam.pt"
    torch.save(nets.mobile_sam().state_dict(), path)
    return path


def disc(y, x, radius, shape=(60, 90)):
    mask = np.zeros(shape, bool)
    mask[disk((y, x), radius, shape=shape)] = True
    return mask


def test_imported_weights_answer_points_and_boxes_one_by_one(mobile_sam, tmp_path, monkeypatch):
    monkeypatch.setenv("TEMTRACK_CACHE", str(tmp_path / "cache"))
    result = CliRunner().invoke(app, ["models", "import", "mobile-sam", str(mobile_sam)])
    assert result.exit_code == 0, result.output
    image = np.random.default_rng(0).integers(0, 255, (60, 90), np.uint8)
    write_image(tmp_path / "image.tif", image)
    (tmp_path / "points.csv").write_text("x,y\n20,30\n70,40\n")
    words = ["segment", "image.tif", "--model", "mobile-sam", "--points", "points.csv"]
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert set(np.unique(read_labels(tmp_path / "image_mask.tif"))) <= {0, 1, 2}
    segmenter = Segmenter("mobile-sam", "cpu")
    assert segmenter.takes_prompts
    found = segmenter.predict_prompts(
        image, boxes=np.array([[10, 10, 30, 30], [5, 50, 40, 80], [0, 0, 9, 9]])
    )
    assert found.labels.shape == image.shape
    assert len(found.scores) == 3
    assert found.labels.any()


def test_everything_can_be_asked_for_too(mobile_sam, monkeypatch):
    monkeypatch.setattr(nets, "N_POINTS_A_SIDE", 2)
    net = nets.mobile_sam()
    net.load_state_dict(torch.load(mobile_sam))
    masks, scores = nets.outline_everything(net, torch.rand(1, 3, 60, 90))
    assert masks.shape[1:] == (60, 90)
    assert len(masks) == len(scores)


def test_background_of_all_that_is_outlined_is_left_out(monkeypatch):
    one, two = disc(20, 20, 9), disc(40, 60, 12)
    masks, scores = np.array([~(one | two), one, two]), np.array([0.99, 0.9, 1.2], np.float32)
    monkeypatch.setattr(nets, "outline_everything", lambda net, tile: (masks, scores))
    found = detect_by_grid(None, torch.zeros(1, 3, 60, 90))
    assert [detection.score for detection in found] == pytest.approx([0.9, 1.0])


@pytest.mark.parametrize("by", ["points", "boxes"])
def test_prompts_reach_the_network_as_it_counts_them(monkeypatch, by):
    """It counts x before y, and answers a mask and a score a prompt; unsure ones are answers too."""
    asked = {}

    def outline(net, tile, **prompts):
        asked.update(prompts)
        return np.array([disc(20, 30, 5), disc(40, 60, 8)]), np.array([0.2, 0.9], np.float32)

    monkeypatch.setattr(nets, "outline", outline)
    given = {"points": [[20, 30], [40, 60]], "boxes": [[15, 25, 25, 35], [32, 52, 48, 68]]}[by]
    prompts = Prompts.of(**{by: np.array(given)})
    one, two = answer_by_sam2(None, torch.zeros(1, 3, 60, 90), prompts.xy, prompts.kinds)
    wanted = {"points": [[30, 20], [60, 40]], "boxes": [[25, 15, 35, 25], [52, 32, 68, 48]]}[by]
    assert list(asked) == [by]
    np.testing.assert_array_equal(asked[by], wanted)
    np.testing.assert_array_equal(one.numpy() > 0, disc(20, 30, 5))
    assert one.max() < two.max()


def test_each_version_takes_its_own_checkpoint_only(tmp_path):
    older, newer = (find_architecture(f"sam{version}-t").build() for version in ("2", "2.1"))
    torch.save({"model": newer.state_dict()}, tmp_path / "sam2.1_t.pt")
    import_checkpoint(tmp_path / "mine", "sam2.1-t", newer, tmp_path / "sam2.1_t.pt")
    with pytest.raises(ModelError, match=r"sam2\.1_t\.pt: is no checkpoint of sam2-t"):
        import_checkpoint(tmp_path / "other", "sam2-t", older, tmp_path / "sam2.1_t.pt")


def test_sam2_answers_a_box():
    torch.manual_seed(0)
    masks, scores = nets.outline(nets.sam2_t(), torch.rand(1, 3, 60, 90), boxes=np.array([[25, 15, 35, 25]]))
    assert masks.shape == (1, 60, 90)
    assert scores.shape == (1,)
