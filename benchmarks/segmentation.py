"""Score models on folders of images with masks, beside each other: the paper's table.

Run ``python benchmarks/segmentation.py FOLDER... --only LIST --model effsam-tiny otsu runs/x``. Each FOLDER
has ``images/`` and ``masks/`` of equal names; LIST names what to score as ``<folder>/<stem>``, one a line.
Of a mask with two values each connected part is a particle. IoU, Dice, F1 (at IoU 0.5) and PQ are means
over images, *pooled* ones are over all their particles. Each model runs in a process of its own: *peak MiB*
is the memory of that process on a CPU, with the interpreter and its libraries, and that of the GPU on one.
*Printed* is the parameter count that Duan et al. 2024 give for such a network; theirs leave out what
torchsummary did not reach.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from temtrack.metrics.segmentation import SegmentationScore, score_segmentation
from temtrack.segmentation.load import load_segmenter
from temtrack.segmentation.otsu import OtsuSegmenter
from temtrack.segmentation.segmenter import Segmenter
from temtrack.training.dataset import LabelledImage, read_folder
from temtrack.training.run import read_excluded

PRINTED_PARAMETERS = {
    "effsam-tiny": 10_185_380,
    "swin-unet": 3_645_600,
    "swin-unet-base": 3_645_600,
    "vmamba": 3_145_179,
    "vmamba-base": 3_145_179,
}


@dataclass(frozen=True)
class Job:
    """What one process does: a model, folders of images, those that count, and how to look at them."""

    model: str
    folders: Sequence[Path]
    only: frozenset[str] | None
    scale: float | None
    device: str


def read_images(folder: Path, only: frozenset[str] | None) -> list[LabelledImage]:
    """Read a folder's images, or of them those named in ``only``."""
    names = {f"{folder.name}/{path.stem}" for path in (folder / "images").glob("*")}
    return read_folder(folder, frozenset() if only is None else frozenset(names - only))


def run(job: Job) -> dict[str, dict[str, object]]:
    """Return the row of a model for each folder."""
    segmenter = load_segmenter(job.model, job.device)
    rows = {}
    for folder in job.folders:
        scores = score_images(segmenter, read_images(folder, job.only), job.scale)
        rows[folder.name] = {"model": job.model, **describe(segmenter), **scores}
        rows[folder.name]["peak_mib"] = peak_mib(segmenter)
    return rows


def describe(segmenter: Segmenter | OtsuSegmenter) -> dict[str, object]:
    """Return the side of the pieces that a network sees, and its parameters: true and printed."""
    if isinstance(segmenter, OtsuSegmenter):
        return {"tile_px": None, "parameters": 0, "printed": None}
    return {
        "tile_px": segmenter.adapter.tiling.tile_px,
        "parameters": sum(parameter.numel() for parameter in segmenter.net.parameters()),
        "printed": PRINTED_PARAMETERS.get(segmenter.spec.architecture),
    }


def score_images(
    segmenter: Segmenter | OtsuSegmenter, images: Sequence[LabelledImage], scale: float | None
) -> dict[str, object]:
    """Segment images and return their scores, and how many images and pixels a second there were."""
    scores, seconds = [], 0.0
    for image in images:
        start = time.perf_counter()
        labels = segmenter.segment(image.image, scale)
        seconds += time.perf_counter() - start
        scores.append(score_segmentation(labels, image.labels))
    pooled = sum(scores, SegmentationScore())
    return {
        "images": len(images),
        "images_per_s": len(images) / seconds,
        "mpx_per_s": sum(image.image.size for image in images) / seconds / 1e6,
        **{name: float(np.mean([getattr(s, name) for s in scores])) for name in ("iou", "dice", "f1", "pq")},
        **{f"pooled_{name}": float(getattr(pooled, name)) for name in ("iou", "f1", "pq")},
    }


def peak_mib(segmenter: Segmenter | OtsuSegmenter) -> float:
    """Return the most memory that this process has taken, on the GPU where the model is there."""
    if isinstance(segmenter, Segmenter) and segmenter.device.type == "cuda":
        import torch

        return torch.cuda.max_memory_allocated(segmenter.device) / 2**20
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def show(folder: str, rows: Sequence[dict[str, object]]) -> None:
    """Print a table in Markdown with a row for each model."""
    print(f"\n{folder}, {rows[0]['images']} images\n")
    names = [name for name in rows[0] if name != "images"]
    print(f"| {' | '.join(name.replace('_', ' ') for name in names)} |")
    print(f"|{'---|' * len(names)}")
    for row in rows:
        print(f"| {' | '.join(told(row[name]) for name in names)} |")


def told(value: object) -> str:
    """Return a value as it stands in a table."""
    if value is None:
        return "-"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.3f}" if value < 100 else f"{value:.0f}"
    return str(value)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--only", type=Path, metavar="LIST", help="score only what this list names")
    parser.add_argument(
        "--model", nargs="+", default=["effsam-tiny", "otsu"], help="models' names or runs' folders"
    )
    parser.add_argument("--scale", default="auto", metavar="auto|F")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def main() -> None:
    """Score each model in a process of its own, and print."""
    words = parse()
    only = None if words.only is None else read_excluded(words.only)
    scale = None if words.scale == "auto" else float(words.scale)
    jobs = [Job(model, words.folders, only, scale, words.device) for model in words.model]
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=fresh, max_tasks_per_child=1) as pool:
        found = list(pool.map(run, jobs))
    tables = {folder.name: [rows[folder.name] for rows in found] for folder in words.folders}
    if words.json:
        print(json.dumps(tables, indent=2))
        return
    for folder, rows in tables.items():
        show(folder, rows)


if __name__ == "__main__":
    main()
