"""Every number of a training run, each stated once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TrainConfig:
    """Settings of `temtrack train`.

    Particle sizes are normalised: each crop is scaled so that its image's typical particle is
    ``min_diameter_px`` to ``max_diameter_px`` wide for the network, drawn log-uniformly.
    """

    model: str = "effsam-tiny"
    crop_px: int = 256
    batch_size: int = 8
    n_steps: int = 3000
    steps_per_epoch: int = 100
    learning_rate: float = 6e-4
    weight_decay: float = 0.05
    warmup_share: float = 0.04
    ema_decay: float = 0.998
    clip_norm: float = 1.0
    n_prompts: int = 1
    prompt_weight: float = 0.25
    min_diameter_px: float = 20.0
    max_diameter_px: float = 100.0
    test_fraction: float = 0.08
    n_test_crops: int = 32
    patience_epochs: int = 0
    seed: int = 0
