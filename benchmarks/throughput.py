"""Time `segment` beside the plain use of the same network, in one run: images a second, and F1.

Run ``python benchmarks/throughput.py FOLDER... --only LIST --threads 2``, folders as `segmentation.py` takes
them. *plain* is how the network is published: each image is resized to 1024 px, the encoder spells its
attention out in float32, and the decoder is asked for one particle at a time, by a point. It is told a point
inside each true particle, so it need not look for any: its F1 is the best that it can have. The two take
turns image by image, so that whatever else the machine does slows down both.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from results import BenchmarkResult, ResultTable, Row, add_json_option, publish
from scipy import ndimage
from segmentation import find_particles, read_images

from temtrack.datasets.labelled import LabelledImage, read_excluded
from temtrack.metrics.segmentation import score_segmentation
from temtrack.models.registry import DEFAULT_TTA
from temtrack.nets import layers
from temtrack.nets.efficient_sam import POINT, REFERENCE_SIDE, EfficientSam
from temtrack.segmentation.dense_maps import FOREGROUND
from temtrack.segmentation.segmenter import Segmenter

Labels = NDArray[np.int32]


def deepest_points(labels: Labels) -> NDArray[np.float64]:
    """Return the pixel (y, x) of each label that is farthest from its outline, (N, 2)."""
    depth = [ndimage.distance_transform_edt(np.pad(labels == i, 1)) for i in range(1, labels.max() + 1)]
    return np.array([np.unravel_index(d.argmax(), d.shape) for d in depth], float).reshape(-1, 2) - 1


@torch.inference_mode()
def segment_plainly(net: EfficientSam, image: NDArray[np.float32], points: NDArray[np.float64]) -> Labels:
    """Ask for one particle after the other on the image at 1024 px."""
    grey = torch.from_numpy(image)[None, None].expand(-1, 3, -1, -1)
    seen = F.interpolate(grey, (REFERENCE_SIDE, REFERENCE_SIDE), mode="bilinear", align_corners=False)
    with patch.object(layers, "attend", layers.attend_explicitly):
        embedding = net.embed(seen)
    labels = np.zeros(image.shape, np.int32)
    kind = torch.full((1, 1, 1), POINT)
    for i, (y, x) in enumerate(points / image.shape * REFERENCE_SIDE, start=1):
        xy = torch.tensor([x, y], dtype=torch.float32).view(1, 1, 1, 2)
        logits = net.decode(embedding, xy, kind)[0][:, 0, FOREGROUND, None]
        mask = F.interpolate(logits, image.shape, mode="bicubic", align_corners=False)[0, 0] > 0
        labels[mask.numpy() & (labels == 0)] = i
    return labels


def timed(find: Callable[[], Labels], image: LabelledImage) -> tuple[float, float, float]:
    """Return seconds, F1 and IoU of one way on one image."""
    start = time.perf_counter()
    labels = find()
    seconds = time.perf_counter() - start
    score = score_segmentation(labels, image.labels)
    return seconds, score.f1, score.iou


def rows_of(folder: str, measured: dict[str, list[tuple[float, float, float]]]) -> Iterator[Row]:
    """Yield a folder's images a second and mean scores of each way, and the ratio of the times."""
    seconds = {way: sum(row[0] for row in found) for way, found in measured.items()}
    for way, found in measured.items():
        f1, iou = np.mean([row[1:] for row in found], axis=0).tolist()
        speed = {"images/s": len(found) / seconds[way], "times as fast": seconds["plain"] / seconds[way]}
        yield {"images": folder, "way": way, **speed, "mean F1": f1, "mean IoU": iou}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--only", type=Path, metavar="LIST")
    parser.add_argument("--model", default="effsam-tiny")
    parser.add_argument("--tta", action=argparse.BooleanOptionalAction, default=DEFAULT_TTA)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    add_json_option(parser)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    only = None if arguments.only is None else read_excluded(arguments.only)
    segmenter = Segmenter(arguments.model, "cpu", tta=arguments.tta)
    table: list[Row] = []
    for folder in arguments.folders:
        rows: dict[str, list[tuple[float, float, float]]] = {"segment": [], "plain": []}
        for image in read_images(folder, only):
            points = deepest_points(image.labels)
            rows["segment"].append(timed(lambda i=image: find_particles(segmenter, i.image, None), image))
            rows["plain"].append(
                timed(lambda i=image, p=points: segment_plainly(segmenter.model.net, i.image, p), image)
            )
        table += rows_of(folder.name, rows)
    result = BenchmarkResult(
        title="Speed of segment",
        data=", ".join(folder.name for folder in arguments.folders),
        split="the validation list" if arguments.only else "all images",
        seed="-",
        tables=[ResultTable("Beside the plain use of the same network", table)],
    )
    publish(result, arguments.json)


if __name__ == "__main__":
    main()
