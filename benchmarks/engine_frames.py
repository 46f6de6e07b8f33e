"""What OpenVINO in bfloat16 saves of whole frames of `segment` and `track`, and what it does to the scores.

Run ``python benchmarks/engine_frames.py FOLDER... --only LIST`` where the package openvino is, with folders
and list as `segmentation.py` takes them. The network of the model is compiled for each size of tile, as
OpenVINO does fastest, and stands in place of torch's; all else is as `segment` does it. The two take turns
on one core, and processor time is counted. Frames of movies are all shown in one way, so their tiles have
one or two sizes and compiling is left out; labelled images are shown each in its own way, and compiling
counts.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from results import BenchmarkResult, ResultTable, Row, add_json_option, publish
from segmentation import counted, find_particles, read_images
from torch import Tensor, nn

from temtrack.datasets.labelled import LabelledImage, read_excluded
from temtrack.metrics.boxes import score_boxes
from temtrack.metrics.segmentation import score_segmentation
from temtrack.pipeline.options import TrackOptions
from temtrack.pipeline.tracking_plan import TrackStage
from temtrack.pipeline.tracking_run import track_in_memory
from temtrack.segmentation.segmenter import Segmenter
from temtrack.simulation.config import MovieConfig
from temtrack.simulation.movie import SimulatedMovie, simulate_movie

SEED = 1
TRACED_SHAPE = (1, 3, 512, 768)

#: Side (px), particles and radius (px) of simulated movies.
MOVIES = ((512, 50, 12.0), (512, 12, 25.0), (1024, 100, 20.0))

#: Frames of a movie that is tracked, of which the first is left out: networks and memory settle there.
N_TRACKED = 12


class Asked(nn.Module):
    """A network as a module that answers the one question of its adapter."""

    def __init__(self, net: nn.Module, predict: Callable[[Any, Tensor], Tensor]) -> None:
        super().__init__()
        self.net, self.predict = net, predict

    def forward(self, tile: Tensor) -> Tensor:
        """Predict maps of a tile."""
        return self.predict(self.net, tile)


class OpenVino:
    """Answers in a network's place, compiled for each size of tile when it first comes."""

    def __init__(self, net: nn.Module, predict: Callable[[Any, Tensor], Tensor]) -> None:
        import openvino

        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.model = openvino.convert_model(Asked(net, predict), example_input=torch.zeros(TRACED_SHAPE))
        self.core, self.compiled = openvino.Core(), {}
        self.how = {"INFERENCE_PRECISION_HINT": "bf16", "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1}

    def __call__(self, net: nn.Module, tile: Tensor) -> Tensor:
        """Predict maps of a tile."""
        shape = list(tile.shape)
        if tuple(shape) not in self.compiled:
            model = self.model.clone()
            model.reshape(shape)
            request = self.core.compile_model(model, "CPU", self.how).create_infer_request()
            self.compiled[tuple(shape)] = request
        found = self.compiled[tuple(shape)].infer({0: np.ascontiguousarray(tile.numpy())})[0]
        return torch.from_numpy(found.copy())


def with_openvino(segmenter: Segmenter, engine: OpenVino | None = None) -> OpenVino:
    """Let a segmenter answer by an engine, or by one of its own, and return it."""
    model: Any = segmenter.model
    engine = engine or OpenVino(model.net, model.adapter.predict_dense)
    model.adapter = replace(model.adapter, predict_dense=engine)
    return engine


def simulated(side: int, n: int, radius_px: float) -> SimulatedMovie:
    """Simulate a movie with three merges."""
    config = MovieConfig(
        height=side, width=side, n_particles=n, radius_px=radius_px, n_frames=40, merges={2: 3}
    )
    return simulate_movie(SEED, config)


def segmented(ways: dict[str, Segmenter], movie: SimulatedMovie, n_views: int, repeats: int) -> list[float]:
    """Return the median processor time of a frame by each way."""
    frame = movie.frame(20)
    found = ways["torch"].find_sight(frame)
    assert found is not None
    sight, spent = replace(found.sight, n_views=n_views), {name: [] for name in ways}
    for _ in range(repeats + 1):
        for name, segmenter in ways.items():
            begun_s = time.process_time()
            segmenter.segment(frame, sight)
            spent[name].append(time.process_time() - begun_s)
    return [float(np.median(times[1:])) for times in spent.values()]


def tracked(movie: SimulatedMovie, tracker: str, engine: OpenVino | None) -> float:
    """Return the mean processor time of a frame that is tracked."""
    stage = TrackStage.load(TrackOptions(tracker=tracker), "cpu")
    if engine is not None:
        with_openvino(stage.segmenter, engine)
    plan = stage.plan(movie.to_movie().cut(slice(14, 14 + N_TRACKED)), "benchmark")
    begun: list[float] = []

    def noted(frames: Any, what: str) -> Iterator[Any]:
        for t in frames:
            begun.append(time.process_time())
            yield t
        begun.append(time.process_time())

    track_in_memory(plan, noted)
    return (begun[N_TRACKED] - begun[1]) / (N_TRACKED - 1)


def frame_rows(ways: dict[str, Segmenter], engine: OpenVino, repeats: int) -> Iterator[Row]:
    """Yield what frames cost by either engine."""
    for side, n, radius_px in MOVIES:
        movie, shown = simulated(side, n, radius_px), f"{side} px, {n} particles of {2 * radius_px:g} px"
        for n_views in (2, 1):
            torch_s, other_s = segmented(ways, movie, n_views, repeats)
            what = f"segment, {n_views} views" if n_views > 1 else "segment, 1 view"
            yield {"frame": shown, "of": what, "torch (s)": torch_s, "times as fast": torch_s / other_s}
        for tracker in ("deaot-t", "overlap"):
            torch_s, other_s = (tracked(movie, tracker, one) for one in (None, engine))
            yield {
                "frame": shown,
                "of": f"track, {tracker}",
                "torch (s)": torch_s,
                "times as fast": torch_s / other_s,
            }


def score_of(labels: Any, image: LabelledImage) -> tuple[float, float]:
    """Return F1 and PQ of what was found in a labelled image; PQ is NaN beside boxes."""
    if image.boxes is not None:
        return score_boxes(labels, image.boxes).f1, float("nan")
    score = score_segmentation(*counted(labels, image.labels))
    return score.f1, score.pq


def image_row(ways: dict[str, Segmenter], folder: Path, only: frozenset[str] | None) -> Row:
    """Return cost and scores of a folder's images by either engine."""
    images = read_images(folder, only)
    scores: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    spent = dict.fromkeys(ways, 0.0)
    for image in images:
        for name, segmenter in ways.items():
            begun_s = time.process_time()
            labels = find_particles(segmenter, image.image, None)
            spent[name] += time.process_time() - begun_s
            scores[name].append(score_of(labels, image))
    row: Row = {"images": folder.name, "number": len(images)}
    for name, found in scores.items():
        f1, pq = np.mean(found, axis=0).tolist()
        row |= {f"F1, {name}": f1, f"PQ, {name}": None if np.isnan(pq) else pq}
    return {**row, "times as fast, compiling too": spent["torch"] / spent["OpenVINO"]}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER")
    parser.add_argument("--only", type=Path, metavar="LIST")
    parser.add_argument("--model", default="effsam-tiny")
    parser.add_argument("--repeats", type=int, default=5, metavar="N")
    add_json_option(parser)
    words = parser.parse_args()
    torch.set_num_threads(1)
    ways = {name: Segmenter(words.model, "cpu", tta=True) for name in ("torch", "OpenVINO")}
    engine = with_openvino(ways["OpenVINO"])
    tables = [ResultTable("Whole frames of movies", list(frame_rows(ways, engine, words.repeats)))]
    only = None if words.only is None else read_excluded(words.only)
    if words.folders:
        rows = [image_row(ways, folder, only) for folder in words.folders]
        tables.append(ResultTable("Labelled images, each shown in its own way", rows))
    result = BenchmarkResult(
        title="OpenVINO in bfloat16 in place of torch",
        data=", ".join(["simulated movies", *(folder.name for folder in words.folders)]),
        split="the validation list" if words.only else "all images",
        seed=str(SEED),
        tables=tables,
    )
    publish(result, words.json)


if __name__ == "__main__":
    main()
