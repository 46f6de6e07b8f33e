"""DeAOT, which carries ids through a movie: encoder, gated propagation with memory, decoder."""

from temtrack.nets.deaot.memory import Memory, View
from temtrack.nets.deaot.model import (
    N_CHANNELS,
    N_IDS,
    STRIDE,
    VARIANTS,
    Deaot,
    DeaotVariant,
    Pyramid,
    mask_unused_ids,
    to_image_size,
)

__all__ = [
    "N_CHANNELS",
    "N_IDS",
    "STRIDE",
    "VARIANTS",
    "Deaot",
    "DeaotVariant",
    "Memory",
    "Pyramid",
    "View",
    "mask_unused_ids",
    "to_image_size",
]
