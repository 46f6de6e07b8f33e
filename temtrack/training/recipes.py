"""How weights to be embedded are trained: what of each dataset, and settings that differ from the presets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from temtrack.errors import UsageError, did_you_mean
from temtrack.training.config import TrainConfig


@dataclass(frozen=True)
class Recipe:
    """The training of one model.

    Parameters
    ----------
    model
        The network.
    fractions
        Fraction of the samples that each dataset gives, by the name of its folder.
    synthetic_fraction
        That of freshly simulated samples.
    settings
        Settings from nothing on, by their names in `TrainConfig`.
    fine_tuning
        Those that differ where training starts from weights.
    """

    model: str
    fractions: Mapping[str, float]
    synthetic_fraction: float
    settings: Mapping[str, Any]
    fine_tuning: Mapping[str, Any] = field(default_factory=dict)

    def configure(self, config: TrainConfig, from_weights: bool) -> TrainConfig:
        """Return the preset with the recipe's settings."""
        return replace(config, **{**self.settings, **(self.fine_tuning if from_weights else {})})

    def complete(self, folders: Sequence[tuple[Path, float | None]]) -> list[tuple[Path, float | None]]:
        """Return datasets with the recipe's fractions where none are given.

        Raises
        ------
        UsageError
            Where one is missing, or one is given that the recipe does not name.
        """
        found = [folder.name for folder, _ in folders]
        if sorted(found) != sorted(self.fractions):
            raise UsageError(
                f"the recipe needs the folders {', '.join(self.fractions)}, given are "
                f"{', '.join(found) or 'none'}"
            )
        return [
            (folder, self.fractions[folder.name] if fraction is None else fraction)
            for folder, fraction in folders
        ]


_EFFSAM_TINY = Recipe(
    model="effsam-tiny",
    fractions={"emps": 0.25, "paper": 0.2, "haadf": 0.25},
    synthetic_fraction=0.3,
    settings={
        "n_steps": 20_000,
        "min_diameter_px": 10.0,
        "flattened_fraction": 0.15,
        "supported_fraction": 0.4,
        "movie_fraction": 0.35,
        "unaugmented_fraction": 0.7,
    },
    fine_tuning={
        "n_steps": 2400,
        "steps_per_epoch": 100,
        "batch_size": 4,
        "learning_rate": 1.5e-4,
        "ema_decay": 0.998,
    },
)

#: That of networks which see particles as they are, dark, and no background flattened.
_SWIN_UNET = Recipe(
    model="swin-unet",
    fractions={"emps": 0.35, "paper": 0.35},
    synthetic_fraction=0.3,
    settings={"n_steps": 5500, "unaugmented_fraction": 0.7},
    fine_tuning={"n_steps": 1500, "learning_rate": 2.5e-4},
)

RECIPES = {
    recipe.model: recipe
    for recipe in (
        _EFFSAM_TINY,
        _SWIN_UNET,
        replace(
            _SWIN_UNET,
            model="vmamba",
            settings={"n_steps": 4000, "crop_px": 192, "unaugmented_fraction": 0.7},
            fine_tuning={"n_steps": 1000, "learning_rate": 3e-4},
        ),
        replace(
            _SWIN_UNET,
            model="yolov8n-seg",
            settings={"n_steps": 6500, "unaugmented_fraction": 0.7},
            fine_tuning={"n_steps": 1500, "learning_rate": 3e-4},
        ),
    )
}


def find_recipe(name: str) -> Recipe:
    """Return a recipe by its name; `UsageError` where there is none."""
    if name not in RECIPES:
        raise UsageError(f"--recipe {name}: known are {', '.join(RECIPES)}.{did_you_mean(name, RECIPES)}")
    return RECIPES[name]
