"""How likely it is that what was found is a particle: by the network's word, and by how it stands out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import expit, logit

from temtrack.errors import ModelError
from temtrack.imaging.labels import mean_values

#: On a flattened background, texture of the support looks like particles: what is less likely is left out.
MIN_FLATTENED_SCORE = 0.3

#: What is around a particle: further from it than the first number of pixels, no further than the second.
RING_PX = (1, 3)

#: Contrast that is as good as none, in standard deviations of the image.
LEAST_CONTRAST = 0.05

#: A mean probability is taken for certain no nearer than this.
_LEAST_DOUBT = 1e-4


@dataclass(frozen=True)
class ScoreModel:
    """A logistic model of a particle being one, fitted on labelled images (``benchmarks/scores.py``).

    Its log odds are ``bias``, plus ``probability`` times those of the mean probability of foreground, plus
    ``contrast`` times the logarithm of what `measure_contrast` returns.
    """

    bias: float
    probability: float
    contrast: float = 0.0

    def score(
        self, labels: NDArray[np.int32], shown: NDArray[np.float32], probability: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return the scores (N,) of labels (Y, X) in an image as it was shown, each of a probability (N,)."""
        odds = self.bias + self.probability * log_odds(probability)
        if self.contrast:
            odds = odds + self.contrast * log_contrast(measure_contrast(labels, shown, len(probability)))
        return np.asarray(expit(odds), np.float32)


@dataclass(frozen=True)
class ScoreModels:
    """Those of a network, for images as they are and for ones whose background was flattened."""

    plain: ScoreModel
    flattened: ScoreModel

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> ScoreModels | None:
        """Return what a model's description says under ``score``; ``None`` where it says nothing.

        Raises
        ------
        ModelError
            Where it is not the numbers of both.
        """
        if "score" not in facts:
            return None
        try:
            return cls(**{kind: ScoreModel(**numbers) for kind, numbers in facts["score"].items()})
        except (TypeError, AttributeError) as error:
            raise ModelError(
                f"a model's 'score' is {facts['score']}: needs bias and probability, of plain and flattened"
            ) from error


def log_odds(probability: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the log odds of mean probabilities (N,), of which none counts as certain."""
    return np.asarray(logit(np.clip(probability.astype(np.float64), _LEAST_DOUBT, 1 - _LEAST_DOUBT)))


def log_contrast(contrast: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the logarithm of contrasts (N,), as low as that of `LEAST_CONTRAST`."""
    return np.asarray(np.log(np.maximum(contrast, LEAST_CONTRAST)))


def measure_contrast(labels: NDArray[np.int32], shown: NDArray[np.float32], n: int) -> NDArray[np.float64]:
    """Return by how much each of the labels 1 to n (Y, X) is darker than what is around it.

    In standard deviations of the image; NaN for one without pixels. One with others all around is compared
    with what is around these.
    """
    narrow, wide = (ndimage.maximum_filter(labels, 2 * reach + 1) for reach in RING_PX)
    ring = np.where(narrow == 0, wide, 0)
    elsewhere = float(shown[ring > 0].mean()) if ring.any() else float(np.median(shown))
    inside, around = (mean_values(each, shown, n)[1:] for each in (labels, ring))
    around[np.isnan(around)] = elsewhere
    return (around - inside) / max(float(shown.std()), 1e-6)
