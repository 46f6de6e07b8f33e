"""DeAOT, which carries ids through a movie: encoder, gated propagation with memory, decoder."""

from temtrack.nets.deaot.memory import Memory, View
from temtrack.nets.deaot.model import (
    N_CHANNELS,
    N_IDS,
    STRIDE,
    Deaot,
    Pyramid,
    deaot_b,
    deaot_l,
    deaot_s,
    deaot_t,
    mask_unused_ids,
    r50_deaot_l,
    to_image_size,
)

__all__ = [
    "N_CHANNELS",
    "N_IDS",
    "STRIDE",
    "Deaot",
    "Memory",
    "Pyramid",
    "View",
    "deaot_b",
    "deaot_l",
    "deaot_s",
    "deaot_t",
    "mask_unused_ids",
    "r50_deaot_l",
    "to_image_size",
]
