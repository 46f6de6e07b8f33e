"""Show images at six zooms from 0.25 to 4 and count silent failures: few of the particles, and no warning.

Run ``python benchmarks/zooms.py FOLDER... --only LIST --scenes 100 --supported 100``. FOLDER and LIST are as
for ``benchmarks/segmentation.py``; ``--every N`` takes each N-th image, ``--side PX`` cuts out the middle. At
a zoom fails what shows fewer than half of the particles that are found at the image's best zoom; it is silent
where `temtrack segment` would not warn.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from results import BenchmarkResult, ResultTable, add_json_option, publish
from segmentation import SCENES, read_images

from temtrack.datasets.labelled import LabelledImage, read_excluded
from temtrack.errors import TemtrackNotice, TemtrackWarning
from temtrack.imaging.labels import compact, nearest_pixels
from temtrack.metrics.boxes import score_boxes
from temtrack.metrics.segmentation import score_segmentation
from temtrack.movie import movie_of_array
from temtrack.pipeline.options import SegmentOptions
from temtrack.pipeline.segment import SegmentStage, prepared
from temtrack.segmentation.scale import middle
from temtrack.segmentation.tiling import scaled_input
from temtrack.simulation.chance import log_uniform
from temtrack.simulation.scenes import simulate_scene
from temtrack.simulation.supported import SupportedConfig, simulate_supported
from temtrack.training.data.samples import SUPPORTED_RADII_PX

ZOOMS = tuple(np.geomspace(0.25, 4.0, 6).tolist())
SEED = 8100


def images_of(words: argparse.Namespace) -> Iterator[tuple[str, LabelledImage]]:
    """Yield the images with the name of what they belong to."""
    only = None if words.only is None else read_excluded(words.only)
    for folder in words.folders:
        yield from ((folder.name, image) for image in read_images(folder, only)[:: words.every])
    for i in range(words.scenes):
        scene = simulate_scene(np.random.default_rng([SEED, i]), SCENES)
        yield "simulated scenes", LabelledImage(scene.image, scene.labels, name=str(i))
    for i in range(words.supported):
        rng = np.random.default_rng([SEED, 1, i])
        config = SupportedConfig(512, 512, log_uniform(rng, *SUPPORTED_RADII_PX))
        scene = simulate_supported(rng, config)
        yield "simulated supported catalysts", LabelledImage(scene.image, scene.labels, name=str(i))


def cut(image: LabelledImage, side: int | None) -> LabelledImage:
    """Return the middle of an image."""
    if side is None:
        return image
    shape = np.array(image.image.shape)
    grey, labels = middle(image.image, side), compact(middle(image.labels, side))[0]
    if image.boxes is None:
        return LabelledImage(grey, labels, name=image.name)
    boxes = image.boxes - np.tile(np.maximum(0, (shape - side) // 2), 2)
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    return LabelledImage(
        grey, labels, name=image.name, boxes=boxes[((centres > 0) & (centres < grey.shape)).all(axis=1)]
    )


def at_zoom(stage: SegmentStage, image: LabelledImage, zoom: float) -> tuple[int, bool]:
    """Return how many particles are found of an image at a zoom, and whether there is a warning."""
    shown = scaled_input(image.image, zoom, 1, torch.device("cpu"))[0, 0].numpy()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", TemtrackWarning)
        warnings.simplefilter("ignore", TemtrackNotice)
        movie = prepared(movie_of_array(shown[None]), stage.options)
        labels = stage.segment(movie, movie.read_frame(0)).labels
    found = nearest_pixels(labels, image.image.shape)
    if image.boxes is not None:
        n_found = score_boxes(found, image.boxes).n_matched
    else:
        n_found = score_segmentation(found, image.labels).n_matched
    return n_found, bool(told) or not labels.any()


def main() -> None:
    """Go through images and zooms, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER")
    parser.add_argument("--only", type=Path, metavar="LIST")
    parser.add_argument("--every", type=int, default=1, metavar="N")
    parser.add_argument("--side", type=int, metavar="PX")
    parser.add_argument("--scenes", type=int, default=0, metavar="N")
    parser.add_argument("--supported", type=int, default=0, metavar="N")
    parser.add_argument("--model", default="effsam-tiny")
    add_json_option(parser)
    words = parser.parse_args()
    stage = SegmentStage.load(SegmentOptions(model=words.model))
    rows: dict[str, dict[str, int]] = {}
    for name, image in images_of(words):
        seen = [at_zoom(stage, cut(image, words.side), zoom) for zoom in ZOOMS]
        best = max(n for n, _ in seen)
        row = rows.setdefault(name, {"images": 0, "shown": 0, "failed": 0, "silent": 0, "warned in vain": 0})
        failed = [2 * n < best for n, _ in seen]
        row["images"] += 1
        row["shown"] += len(seen)
        row["failed"] += sum(failed)
        row["silent"] += sum(is_bad and not told for is_bad, (_, told) in zip(failed, seen, strict=True))
        row["warned in vain"] += sum(
            told and not is_bad for is_bad, (_, told) in zip(failed, seen, strict=True)
        )
        print(name, image.name, [f"{n}{'!' * told}" for n, told in seen], flush=True)
    result = BenchmarkResult(
        title="Silent failures over zooms",
        data=", ".join(rows),
        split="all images" if words.only is None else f"the images that {words.only.name} names",
        seed=str(SEED),
        tables=[
            ResultTable("Zooms from 0.25 to 4", [{"images of": name, **row} for name, row in rows.items()])
        ],
    )
    publish(result, words.json)


if __name__ == "__main__":
    main()
