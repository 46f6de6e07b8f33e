"""Score a model on folders of images with masks.

Run ``python benchmarks/segmentation.py FOLDER... --only LIST``; each FOLDER has ``images/`` and ``masks/`` of
equal names, LIST names what to score as ``<folder>/<stem>``, one a line. Of a mask with two values each
connected part is a particle. *Mean* is over images, *pooled* over their pixels and particles.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from temtrack.metrics.segmentation import SegmentationScore, score_segmentation
from temtrack.segmentation.load import load_segmenter
from temtrack.segmentation.segmenter import Segmenter
from temtrack.training.dataset import LabelledImage, read_folder
from temtrack.training.run import read_excluded


def read_images(folder: Path, only: frozenset[str] | None) -> list[LabelledImage]:
    """Read a folder's images, or of them those named in ``only``."""
    names = {f"{folder.name}/{path.stem}" for path in (folder / "images").glob("*")}
    return read_folder(folder, frozenset() if only is None else frozenset(names - only))


def score_images(
    segmenter: Segmenter, images: Sequence[LabelledImage], scale: float | None
) -> dict[str, float]:
    """Segment images and return their scores, and the seconds that one took."""
    scores, start = [], time.perf_counter()
    for image in images:
        scores.append(score_segmentation(segmenter.segment(image.image, scale), image.labels))
    seconds = (time.perf_counter() - start) / len(images)
    pooled = sum(scores, SegmentationScore())
    return {
        "images": len(images),
        "mean_iou": float(np.mean([score.iou for score in scores])),
        "pooled_iou": pooled.iou,
        "mean_dice": float(np.mean([score.dice for score in scores])),
        "pooled_f1": pooled.f1,
        "mean_f1": float(np.mean([score.f1 for score in scores])),
        "pooled_pq": pooled.pq,
        "mean_pq": float(np.mean([score.pq for score in scores])),
        "seconds_per_image": seconds,
    }


def show(scores: dict[str, dict[str, float]]) -> None:
    """Print a line for each measure and a column for each folder."""
    names = next(iter(scores.values()))
    print(f"{'':18s}", *(f"{folder:>12s}" for folder in scores))
    for name in names:
        values = (f"{row[name]:12.4g}" for row in scores.values())
        print(f"{name.replace('_', ' '):18s}", *values)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--only", type=Path, metavar="LIST", help="score only what this list names")
    parser.add_argument("--model", default="effsam-tiny", help="a model's name or a run's folder")
    parser.add_argument("--scale", default="auto", metavar="auto|F")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def main() -> None:
    """Score and print."""
    arguments = parse()
    only = None if arguments.only is None else read_excluded(arguments.only)
    scale = None if arguments.scale == "auto" else float(arguments.scale)
    segmenter = load_segmenter(arguments.model, arguments.device)
    scores = {
        folder.name: score_images(segmenter, read_images(folder, only), scale) for folder in arguments.folders
    }
    if arguments.json:
        print(json.dumps(scores, indent=2))
    else:
        show(scores)


if __name__ == "__main__":
    main()
