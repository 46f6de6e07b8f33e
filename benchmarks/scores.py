"""Fit the score of a particle on labelled images, and show on others that it is calibrated.

Run ``python benchmarks/scores.py FOLDER... --excluded LIST --model effsam-tiny``: prints what belongs under
``score`` of the model in ``models.toml``, fitted on the images of the FOLDERs that LIST does not name (with
``.[benchmark]``), and the reliability on those that it names. With ``--check`` only that, of the scores that
the model has. A FOLDER has ``images/`` and ``masks/``, where an IoU above 0.5 makes a particle right, or
``boxes/``, where its centre lies in one and its width is within a factor 2.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from results import BenchmarkResult, ResultTable, Row, add_json_option, publish
from segmentation import without_letters

from temtrack.datasets.labelled import LabelledImage, read_dataset, read_excluded
from temtrack.imaging.annotations import mask_out
from temtrack.imaging.intensity import rescale_intensity
from temtrack.metrics.boxes import match_boxes
from temtrack.metrics.overlaps import measure_overlaps
from temtrack.segmentation.network import NetworkModel
from temtrack.segmentation.score import ScoreModel, ScoreModels, log_contrast, log_odds, measure_contrast
from temtrack.segmentation.segmenter import Segmenter

#: Of a folder with more images, every so many is fitted on.
MAX_IMAGES = 20

#: Scores from one value to the next are taken together.
BINS = (0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 1.01)


@dataclass(frozen=True)
class Found:
    """The particles found in an image, each (N,): what they are scored by, the score, and whether right."""

    is_flat: bool
    log_odds: NDArray[np.float64]
    contrast: NDArray[np.float64]
    score: NDArray[np.float64]
    is_right: NDArray[np.bool_]


def find(segmenter: Segmenter, image: LabelledImage) -> Found:
    """Segment an image by default settings, and measure what was found."""
    seen = without_letters(image.image)
    grey = seen.read_frame(0)
    found = segmenter.segment(grey)
    labels = mask_out(found.labels, seen.burned_in)
    here = np.flatnonzero(np.bincount(labels.ravel(), minlength=len(found.scores) + 1)[1:])
    sight, model = found.sight, segmenter.model
    if sight is None or not isinstance(model, NetworkModel):
        raise SystemExit("the model is no network, or an image shows nothing")
    shown = sight.show(rescale_intensity(grey), model.centring_blur_px)
    contrast = measure_contrast(labels, shown, len(found.scores))[here]
    score = found.scores[here].astype(np.float64)
    is_flat = sight.background_px is not None
    return Found(is_flat, log_odds(score), contrast, score, is_right(labels, image))


def is_right(labels: NDArray[np.int32], image: LabelledImage) -> NDArray[np.bool_]:
    """Return which particles (N,), by increasing id, match a true one."""
    if image.boxes is not None:
        return match_boxes(labels, image.boxes)
    pairs = measure_overlaps([labels], [image.labels])
    matched = np.zeros(len(pairs.found), bool)
    matched[pairs.found_row[pairs.iou > 0.5]] = True
    return matched


def fit(some: Sequence[Found], with_contrast: bool) -> ScoreModel:
    """Fit a model on all particles of images."""
    from sklearn.linear_model import LogisticRegression

    odds, contrast, right = (
        np.concatenate([getattr(f, name) for f in some]) for name in ("log_odds", "contrast", "is_right")
    )
    columns = [odds, log_contrast(contrast)][: 1 + with_contrast]
    fitted = LogisticRegression(C=100).fit(np.column_stack(columns), right)
    return ScoreModel(*(round(float(value), 2) for value in (*fitted.intercept_, *fitted.coef_[0])))


def reliability(some: Sequence[Found]) -> Iterator[Row]:
    """Yield for each range of scores how many particles have one, its mean, and how many are right."""
    score, right = (np.concatenate([getattr(f, name) for f in some]) for name in ("score", "is_right"))
    for low, high in pairwise(BINS):
        here = (low <= score) & (score < high)
        if here.any():
            told = {"score": f"{low:g} to {min(high, 1):g}", "particles": int(here.sum())}
            yield told | {"mean": float(score[here].mean()), "right": float(right[here].mean())}


def images_of(folder: Path, excluded: frozenset[str], is_check: bool) -> list[LabelledImage]:
    """Read the images of a folder that are checked, or some of those to fit on."""
    names = sorted(f"{folder.name}/{path.stem}" for path in (folder / "images").glob("*"))
    wanted = [name for name in names if (name in excluded) is is_check]
    wanted = wanted[:: 1 if is_check else -(-len(wanted) // MAX_IMAGES)]
    return read_dataset(folder, frozenset(names) - frozenset(wanted))


def main() -> None:
    """Fit, check and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--excluded", type=Path, required=True, metavar="LIST")
    parser.add_argument("--model", default="effsam-tiny")
    parser.add_argument("--check", action="store_true", help="fit nothing")
    add_json_option(parser)
    words = parser.parse_args()
    excluded = read_excluded(words.excluded)
    segmenter = Segmenter(words.model)

    def found_in(is_check: bool) -> list[Found]:
        return [
            find(segmenter, image)
            for folder in words.folders
            for image in images_of(folder, excluded, is_check)
        ]

    if not words.check:
        network = segmenter.model
        own, network.score_models = network.score_models, None
        some = found_in(is_check=False)
        flat = [one for one in some if one.is_flat]
        plain = [one for one in some if not one.is_flat]
        network.score_models = ScoreModels(fit(plain, False), fit(flat, True))
        print(f"in models.toml: {own}; fitted: {asdict(network.score_models)}")
    checked = found_in(is_check=True)
    kinds = {"as they are": False, "with their background flattened": True}
    tables = [
        ResultTable(f"Images {kind}", list(reliability(some)))
        for kind, is_flat in kinds.items()
        if (some := [one for one in checked if one.is_flat is is_flat])
    ]
    result = BenchmarkResult(
        title="Scores of particles: how many of a score are right",
        data=f"images of {', '.join(each.name for each in words.folders)}, {words.model}, default settings",
        split=f"fitted on others than those that {words.excluded.name} names, which are shown",
        seed="none",
        tables=tables,
    )
    publish(result, words.json)


if __name__ == "__main__":
    main()
