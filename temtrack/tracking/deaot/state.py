"""What the `deaot` trackers remember between two frames, as data that can be written and read again."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from temtrack.imaging.labels import LabelImage
from temtrack.imaging.registration import Step
from temtrack.imaging.runs import RunLengths
from temtrack.nets.deaot.memory import LayerMemory, LayerView, Memory, View
from temtrack.tracking.deaot.memory import MemoryEntry
from temtrack.tracking.deaot.padding import PaddedInput


@dataclass
class EncodedFrame:
    """What is known of a frame before its ids are decided.

    Parameters
    ----------
    drift_px
        Of the specimen (y, x) since the first reference, in pixels.
    padded
        Its place on the network's input.
    tokens
        What the encoder sees; ``None`` where nobody has asked it yet.
    views
        What propagation saw, one a pass; none of a frame that was not propagated to.
    predicted
        The ids where motion predicts them; ``None`` for the first frame.
    grey
        (H, W) float32, the frame on the padded input, where the encoder has yet to see it.
    """

    drift_px: Step
    padded: PaddedInput
    tokens: Tensor | None
    views: list[View]
    predicted: LabelImage | None
    grey: NDArray[np.float32] | None = None


@dataclass
class DeaotState:
    """All that the tracker remembers between frames; its size does not grow with their number.

    Parameters
    ----------
    scale
        Input pixels to a pixel of the frames; chosen from the first reference that shows a particle.
    n_references
        References so far.
    drift_px
        Of the specimen (y, x) from the first reference to the newest, in pixels.
    colour_of_id
        Of the ids in the newest reference.
    references
        Long-term memory, oldest first.
    newest
        Short-term memory.
    encoded
        The frame that was propagated to last.
    doubts
        Ids of which that frame left a doubt, in groups, and for how many frames each is settled.
    """

    scale: float | None = None
    n_references: int = 0
    drift_px: Step = (0.0, 0.0)
    colour_of_id: dict[int, int] = field(default_factory=dict)
    references: list[MemoryEntry] = field(default_factory=list)
    newest: MemoryEntry | None = None
    encoded: EncodedFrame | None = None
    doubts: dict[tuple[int, ...], int] = field(default_factory=dict)


#: The classes that a state is made of.
STATE_CLASSES = (
    *(DeaotState, EncodedFrame, MemoryEntry, PaddedInput, LabelImage, RunLengths),
    *(Memory, LayerMemory, View, LayerView),
)


def to_device(value: Any, device: torch.device) -> Any:
    """Return a state with all its tensors on a device."""
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, list | tuple):
        return type(value)(to_device(item, device) for item in value)
    if isinstance(value, dict):
        return {key: to_device(item, device) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        held = {f.name: to_device(getattr(value, f.name), device) for f in fields(value)}
        return type(value)(**held)
    return value
