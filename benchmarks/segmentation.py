"""Score models on folders of images with masks, beside each other: the paper's table.

Run ``python benchmarks/segmentation.py FOLDER... --only LIST --model effsam-tiny otsu runs/x``. Each FOLDER
has ``images/`` and ``masks/`` of equal names; LIST names what to score as ``<folder>/<stem>``, one a line.
Of a mask with two values each connected part is a particle. IoU, Dice, F1 (at IoU 0.5) and PQ are means
over images, *pooled* ones are over all their particles. Where a FOLDER has ``boxes/`` in place of masks, a
particle counts whose centre lies in a box and whose width is within a factor 2 of the box's. Each model
runs in a process of its own: *peak MiB* is the memory of that process on a CPU, with the interpreter and
its libraries, and that of the GPU on one. *Printed* is the parameter count that Duan et al. 2024 give for
such a network; theirs leave out what torchsummary did not reach. ``--large N`` adds a simulated image of
4096 px with N particles, 40 px wide, to tell what a cascade saves: ``--large 600 --model effsam-tiny
yolov8n-seg+effsam-tiny``. ``--scenes N`` adds N simulated ones of 512 px at a low dose, from strong
contrast down to 10 %, particles 16 to 80 px wide, in heaps and chains, on films with holes and dirt;
``--movies N`` three frames of each of N simulated movies of the same dose and contrasts, of discs that
drift and sinter; of their particles those below 10 % do not count.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from results import BenchmarkResult, ResultTable, add_json_option, publish

from temtrack.datasets.labelled import LabelledImage, read_dataset, read_excluded
from temtrack.imaging.annotations import hide_annotations, mask_out
from temtrack.metrics.boxes import BoxScore, score_boxes
from temtrack.metrics.segmentation import SegmentationScore, score_segmentation
from temtrack.models.registry import DEFAULT_TTA
from temtrack.movie import Movie
from temtrack.segmentation.network import NetworkModel
from temtrack.segmentation.segmenter import Segmenter
from temtrack.simulation.chance import log_uniform
from temtrack.simulation.config import MovieConfig
from temtrack.simulation.imaging import Detector
from temtrack.simulation.movie import simulate_movie
from temtrack.simulation.scenes import SceneConfig, simulate_scene

PRINTED_PARAMETERS = {
    "effsam-tiny": 10_185_380,
    "swin-unet": 3_645_600,
    "swin-unet-base": 3_645_600,
    "vmamba": 3_145_179,
    "vmamba-base": 3_145_179,
    "yolov8n-seg": 3_409_968,
}

LARGE_SIDE_PX = 4096
LARGE_RADIUS_PX = 20.0
LARGE_SEED = 41

#: Optical depths of 0.105 and 1.2 are contrasts of 10 and 70 %; no letters, which would count as misses.
SCENES = SceneConfig(
    height=512,
    width=512,
    mean_radius_px=(8.0, 40.0),
    dose_e_px=(30.0, 30.0),
    contrast=(0.105, 1.2),
    overlay_fraction=0.0,
    empty_fraction=0.0,
)
SCENES_SEED = 4100
MOVIES_SEED = 4200
MOVIES_FRAMES = (0, 20, 39)


@dataclass(frozen=True)
class Job:
    """What one process does: a model, folders of images, those that count, and how to look at them."""

    model: str
    folders: Sequence[Path]
    only: frozenset[str] | None
    scale: float | None
    device: str
    n_large: int
    n_scenes: int
    n_movies: int
    tta: bool


def simulate_large(n_particles: int) -> LabelledImage:
    """Simulate one large image of particles that lie apart."""
    config = MovieConfig(
        n_frames=2,
        height=LARGE_SIDE_PX,
        width=LARGE_SIDE_PX,
        n_particles=n_particles,
        radius_px=LARGE_RADIUS_PX,
    )
    movie = simulate_movie(LARGE_SEED, config)
    labels = movie.labels(0)
    return LabelledImage(np.float32(movie.frame(0)) / 255, labels, name="large")


def simulate_scenes(n_scenes: int) -> list[LabelledImage]:
    """Simulate scenes of the low dose, each from a seed of its own."""
    scenes = (simulate_scene(np.random.default_rng([SCENES_SEED, i]), SCENES) for i in range(n_scenes))
    return [LabelledImage(scene.image, scene.labels, name=str(i)) for i, scene in enumerate(scenes)]


def simulate_frames(n_movies: int) -> Iterator[LabelledImage]:
    """Simulate movies of the scenes' dose and contrasts, and yield some frames of each.

    A particle is the fainter the thinner, that is the smaller: those below the least contrast have a negative
    id and do not count.
    """
    for i in range(n_movies):
        rng = np.random.default_rng([MOVIES_SEED, i])
        config = MovieConfig(
            n_frames=MOVIES_FRAMES[-1] + 1,
            height=SCENES.height,
            width=SCENES.width,
            n_particles=24,
            radius_px=float(rng.uniform(8, 24)),
            merges={2: 2, 3: 1},
            n_dissolutions=1,
            n_touches=2,
            contrast=log_uniform(rng, *SCENES.contrast),
            detector=Detector(SCENES.dose_e_px[0]),
        )
        movie = simulate_movie(MOVIES_SEED + i, config)
        faint_px = np.pi * (config.radius_px * SCENES.contrast[0] / config.contrast) ** 2
        for t in MOVIES_FRAMES:
            image, labels = np.float32(movie.frame(t)) / 255, np.int32(movie.labels(t))
            is_faint = np.bincount(labels.ravel()) < faint_px
            labels = np.where(is_faint[labels], -labels, labels)
            yield LabelledImage(image, labels, name=f"{i}-{t}")


def read_images(folder: Path, only: frozenset[str] | None) -> list[LabelledImage]:
    """Read a folder's images, or of them those named in ``only``."""
    names = {f"{folder.name}/{path.stem}" for path in (folder / "images").glob("*")}
    return read_dataset(folder, frozenset() if only is None else frozenset(names - only))


def run(job: Job) -> dict[str, dict[str, object]]:
    """Return the row of a model for each folder."""
    segmenter = Segmenter(job.model, job.device, tta=job.tta)
    rows = {}
    for name, images in images_of(job):
        scores = score_images(segmenter, images, job.scale)
        rows[name] = {"model": job.model, **describe(segmenter), **scores}
        rows[name]["peak_mib"] = peak_mib(segmenter)
    return rows


def images_of(job: Job) -> Iterator[tuple[str, list[LabelledImage]]]:
    """Yield what a job scores, by name."""
    for folder in job.folders:
        yield folder.name, read_images(folder, job.only)
    if job.n_large:
        yield f"simulated, {LARGE_SIDE_PX} px, {job.n_large} particles", [simulate_large(job.n_large)]
    if job.n_scenes:
        yield "simulated scenes, 30 electrons per px, contrast 10 to 70 %", simulate_scenes(job.n_scenes)
    if job.n_movies:
        yield "simulated movies, 30 electrons per px, contrast 10 to 70 %", [*simulate_frames(job.n_movies)]


def describe(segmenter: Segmenter) -> dict[str, object]:
    """Return the side of the tiles that a network sees, and its parameters: true and printed."""
    model = segmenter.model
    if not isinstance(model, NetworkModel):
        return {"tile_px": None, "parameters": None, "printed": None}
    return {
        "tile_px": model.adapter.tiling.tile_px,
        "parameters": sum(parameter.numel() for parameter in model.net.parameters()),
        "printed": PRINTED_PARAMETERS.get(segmenter.spec.architecture),
    }


def score_images(
    segmenter: Segmenter, images: Sequence[LabelledImage], scale: float | None
) -> dict[str, object]:
    """Segment images and return their scores, and how many images and pixels a second there were."""
    scores: list[SegmentationScore] = []
    of_boxes: list[BoxScore] = []
    seconds = 0.0
    for image in images:
        start = time.perf_counter()
        labels = find_particles(segmenter, image.image, scale)
        seconds += time.perf_counter() - start
        if image.boxes is not None:
            of_boxes.append(score_boxes(labels, image.boxes))
        else:
            scores.append(score_segmentation(*counted(labels, image.labels)))
    speed = {
        "images": len(images),
        "s_per_image": seconds / len(images),
        "images_per_s": len(images) / seconds,
        "mpx_per_s": sum(image.image.size for image in images) / seconds / 1e6,
    }
    if of_boxes:
        mean = float(np.mean([score.f1 for score in of_boxes]))
        return {**speed, "f1": mean, "pooled_f1": sum(of_boxes, BoxScore()).f1}
    pooled = sum(scores, SegmentationScore())
    return {
        **speed,
        **{name: float(np.mean([getattr(s, name) for s in scores])) for name in ("iou", "dice", "f1", "pq")},
        **{f"pooled_{name}": float(getattr(pooled, name)) for name in ("iou", "f1", "pq")},
    }


def find_particles(
    segmenter: Segmenter, image: NDArray[np.float32], scale: float | None
) -> NDArray[np.int32]:
    """Segment an image as the command does: what is burned into it is background."""
    seen = without_letters(image)
    return mask_out(segmenter.segment(seen.read_frame(0), scale).labels, seen.burned_in)


def without_letters(image: NDArray[np.float32]) -> Movie:
    """Return an image as a movie of one frame, in which what is burned in is hidden."""
    return hide_annotations(Movie(Path("image"), 1, *image.shape, image.dtype, lambda t: image))


def counted(found: NDArray[np.int32], true: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Leave out the true particles of a negative id, and of those found what lies mostly on these."""
    n_px = np.bincount(found.ravel())
    is_left_out = 2 * np.bincount(found.ravel(), (true < 0).ravel()) > n_px
    return np.where(is_left_out[found], 0, found), np.maximum(true, 0)


def peak_mib(segmenter: Segmenter) -> float:
    """Return the most memory that this process has taken, on the GPU where the model is there."""
    model = segmenter.model
    if isinstance(model, NetworkModel) and model.device.type == "cuda":
        import torch

        return torch.cuda.max_memory_allocated(model.device) / 2**20
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def table_of(name: str, rows: Sequence[dict[str, object]]) -> ResultTable:
    """Return a table with a row for each model."""
    shown = [
        {column.replace("_", " "): value for column, value in row.items() if column != "images"}
        for row in rows
    ]
    return ResultTable(f"{name}, {rows[0]['images']} images", shown)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER")
    parser.add_argument("--large", type=int, default=0, metavar="N", help="a large image of N particles")
    parser.add_argument("--scenes", type=int, default=0, metavar="N", help="simulated scenes of a low dose")
    parser.add_argument("--movies", type=int, default=0, metavar="N", help="frames of N simulated movies")
    parser.add_argument("--only", type=Path, metavar="LIST", help="score only what this list names")
    parser.add_argument(
        "--model", nargs="+", default=["effsam-tiny", "otsu"], help="models' names or runs' folders"
    )
    parser.add_argument("--scale", default="auto", metavar="auto|F")
    parser.add_argument("--tta", action=argparse.BooleanOptionalAction, default=DEFAULT_TTA)
    parser.add_argument("--device", default="auto")
    add_json_option(parser)
    return parser.parse_args()


def main() -> None:
    """Score each model in a process of its own, and print."""
    words = parse()
    only = None if words.only is None else read_excluded(words.only)
    scale = None if words.scale == "auto" else float(words.scale)
    jobs = [
        Job(
            model=model,
            folders=words.folders,
            only=only,
            scale=scale,
            device=words.device,
            n_large=words.large,
            n_scenes=words.scenes,
            n_movies=words.movies,
            tta=words.tta,
        )
        for model in words.model
    ]
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=fresh, max_tasks_per_child=1) as pool:
        found = list(pool.map(run, jobs))
    tables = [table_of(name, [rows[name] for rows in found]) for name in found[0]]
    result = BenchmarkResult(
        title="Segmentation",
        data=", ".join(table.title for table in tables),
        split="all images" if words.only is None else f"the images that {words.only.name} names",
        seed=f"scenes {SCENES_SEED}, movies {MOVIES_SEED}, large image {LARGE_SEED}",
        tables=tables,
    )
    publish(result, words.json)


if __name__ == "__main__":
    main()
