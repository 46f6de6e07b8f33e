"""What a user would do without temtrack: a random forest of pixel features, trained on the same images.

Run ``python benchmarks/random_forest.py FOLDER... --only LIST``. It works as ilastik and trainable
segmentation do: grey value, edges and texture of each pixel in blurs of several widths; a forest tells
particle from background; what touches is parted at its necks, as ``otsu`` does. For each FOLDER, as for
``benchmarks/segmentation.py``, a forest is trained on the images that LIST does not name, and scored on
those that it names. The widest blur, the least leaf and the probability of a particle are those that do best
on a fifth of the training images, of which the forest that chooses them has seen nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from results import BenchmarkResult, ResultTable, add_json_option, publish
from segmentation import read_images, score_images, table_of
from skimage.feature import multiscale_basic_features
from sklearn.ensemble import RandomForestClassifier

from temtrack.datasets.labelled import LabelledImage, read_dataset, read_excluded
from temtrack.imaging.intensity import rescale_intensity
from temtrack.models.registry import find_model
from temtrack.segmentation.model import Segmentation, SegmentationModel
from temtrack.segmentation.otsu import part
from temtrack.segmentation.segmenter import Segmenter
from temtrack.segmentation.sight import SightEstimate

SEED = 0
N_TREES = 100
PIXELS_PER_IMAGE = 3000  # half of them on particles, half beside
CHOOSING_FRACTION = 0.2

WIDEST_BLURS_PX = (4.0, 16.0)
LEAST_LEAVES = (2, 20)
PROBABILITIES = (0.4, 0.5, 0.6, 0.7)


@dataclass(frozen=True)
class Settings:
    """Of a forest: its widest blur (px), its least leaf, and the probability from which on a pixel counts."""

    widest_px: float
    least_leaf: int
    probability: float = 0.5


class PixelForest(SegmentationModel):
    """A forest that works behind a `Segmenter`."""

    def __init__(self, settings: Settings, images: Sequence[LabelledImage]) -> None:
        self.spec = find_model("otsu")  # for its facts only: no least area, no scale
        self.settings = settings
        self.trees = RandomForestClassifier(
            N_TREES, min_samples_leaf=settings.least_leaf, n_jobs=-1, random_state=SEED
        )
        samples = [self._sample(image, np.random.default_rng([SEED, i])) for i, image in enumerate(images)]
        self.trees.fit(*(np.concatenate(each) for each in zip(*samples, strict=True)))

    def probability(self, image: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return how likely each pixel of an image (Y, X) belongs to a particle."""
        features = self._features(image)
        flat = self.trees.predict_proba(features.reshape(-1, features.shape[-1]))
        return np.asarray(flat[:, 1].reshape(image.shape))

    def segment(
        self, image: NDArray[np.float32], sight: SightEstimate | None, min_area_px: float | None
    ) -> Segmentation:
        """Find every particle of an image (Y, X)."""
        labels = part(self.probability(image) >= self.settings.probability)
        return Segmentation(labels, np.full(labels.max(), np.nan, np.float32))

    def _features(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        return multiscale_basic_features(rescale_intensity(image), sigma_max=self.settings.widest_px)

    def _sample(
        self, image: LabelledImage, rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        is_particle = image.labels > 0
        places = [np.flatnonzero(is_particle == side) for side in (False, True)]
        taken = np.concatenate(
            [rng.choice(some, min(len(some), PIXELS_PER_IMAGE // 2), replace=False) for some in places]
        )
        features = self._features(image.image)
        return features.reshape(-1, features.shape[-1])[taken], is_particle.ravel()[taken]


def score(forest: PixelForest, images: Sequence[LabelledImage]) -> dict[str, object]:
    """Return the scores of a forest on images."""
    return score_images(Segmenter(forest), images, None)


def choose(images: Sequence[LabelledImage]) -> Settings:
    """Return the settings that do best on images that were kept from training, by their pooled F1."""
    order = np.random.default_rng(SEED).permutation(len(images))
    n_kept = max(1, round(CHOOSING_FRACTION * len(images)))
    kept, taught = ([images[i] for i in some] for some in (order[:n_kept], order[n_kept:]))
    tried = {}
    for widest, leaf in product(WIDEST_BLURS_PX, LEAST_LEAVES):
        forest = PixelForest(Settings(widest, leaf), taught)
        for probability in PROBABILITIES:
            forest.settings = Settings(widest, leaf, probability)
            tried[forest.settings] = float(score(forest, kept)["pooled_f1"])
            print(forest.settings, f"{tried[forest.settings]:.3f}", flush=True)
    return max(tried, key=tried.__getitem__)


def table(folder: Path, named: frozenset[str]) -> ResultTable:
    """Return the row of the forest for a folder."""
    images = read_dataset(folder, named)
    settings = choose(images)
    row = score(PixelForest(settings, images), read_images(folder, named))
    return table_of(folder.name, [{"model": "random forest", **vars(settings), **row}])


def main() -> None:
    """Train and score a forest for each folder, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--only", type=Path, metavar="LIST", required=True)
    add_json_option(parser)
    words = parser.parse_args()
    named = read_excluded(words.only)
    tables = [table(folder, named) for folder in words.folders]
    result = BenchmarkResult(
        title="Segmentation by a random forest",
        data=", ".join(each.title for each in tables),
        split=f"trained on what {words.only.name} does not name, scored on what it names",
        seed=str(SEED),
        tables=tables,
    )
    publish(result, words.json)


if __name__ == "__main__":
    main()
