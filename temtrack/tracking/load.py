"""From a tracker's name to a tracker that is ready to use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from temtrack.models.catalog import Kind, find_architecture
from temtrack.models.checkpoints import load_weights
from temtrack.models.registry import find_model
from temtrack.nets.device import find_device
from temtrack.tracking.overlap import OverlapTracker

if TYPE_CHECKING:
    from temtrack.tracking.deaot.tracker import DeaotTracker
    from temtrack.tracking.engine import ResumableTracker


def load_tracker(name: str, device: str = "auto") -> ResumableTracker:
    """Make the tracker of that name, loading its network onto a device where it has one.

    Parameters
    ----------
    name
        ``overlap``, ``trackpy``, a registered DeAOT model, or the folder of a training run of one.
    device
        For the network.

    Raises
    ------
    ModelError
        Unknown or unsuitable model, missing or damaged weights.
    UsageError
        A device that this machine lacks.
    """
    if name == "overlap":
        return OverlapTracker()
    if name == "trackpy":
        from temtrack.tracking.centroids import CentroidTracker

        return CentroidTracker()
    return load_deaot(name, device)


def load_deaot(name: str, device: str = "auto") -> DeaotTracker:
    """Load a DeAOT by the name of its model or the folder of its training run; see `load_tracker`."""
    from temtrack.tracking.deaot.tracker import DeaotTracker

    spec = find_model(name)
    net = find_architecture(spec.architecture, Kind.tracker).build()
    load_weights(net, spec)
    return DeaotTracker(net, find_device(device))
