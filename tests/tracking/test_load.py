import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from temtrack.errors import ModelError
from temtrack.imaging.labels import LabelImage
from temtrack.linking.motion import Prediction
from temtrack.models.registry import write_run_spec
from temtrack.nets.deaot.model import deaot_t
from temtrack.tracking.centroids import CentroidTracker
from temtrack.tracking.load import load_tracker
from temtrack.tracking.overlap import OverlapTracker


def test_overlap_and_trackpy_need_no_model():
    assert isinstance(load_tracker("overlap"), OverlapTracker)
    assert isinstance(load_tracker("trackpy"), CentroidTracker)


def test_a_runs_folder_becomes_a_tracker_with_its_weights(tmp_path):
    torch.manual_seed(1)
    net = deaot_t()
    save_file(net.state_dict(), tmp_path / "best.safetensors")
    write_run_spec(tmp_path, "deaot-t", "temtrack train")
    tracker = load_tracker(str(tmp_path), "cpu")
    assert not tracker.net.training
    ours, theirs = tracker.net.state_dict(), net.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    labels = np.zeros((40, 50), np.int32)
    labels[10:30, 10:30] = 3
    frame, image = np.where(labels > 0, 50.0, 200.0), LabelImage(labels)
    tracker.add_reference(frame, image)
    propagated = tracker.propagate(frame, image, Prediction(image, (0.0, 0.0)))
    assert propagated.regions.ids.tolist() == [3]


def test_a_segmentation_model_is_refused():
    with pytest.raises(ModelError, match="'effsam-tiny' is no tracker: those are deaot-t"):
        load_tracker("effsam-tiny", "cpu")
