"""How much a model gains on a movie of a new kind from a few of its frames, corrected by hand.

Run ``python benchmarks/learning.py --json docs/accuracy/learning.json``: a movie is simulated whose support
is wavier than the embedded weights know, and segmented by them. Ten of its frames are corrected in the log of
the run as a person does in ``temtrack review``, here to the true outlines; what ``temtrack train
--corrections`` makes of them is learned, and the other frames are segmented by both. ``--steps`` and
``--batch`` set how long it learns.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import tifffile
import torch
from numpy.typing import NDArray
from results import BenchmarkResult, ResultTable, Row, add_json_option, publish

from temtrack.formats.readers import read_movie
from temtrack.formats.store.masks import mask_name, write_mask
from temtrack.formats.store.run import movie_source, open_run, write_run
from temtrack.metrics.segmentation import SegmentationScore, score_segmentation
from temtrack.models.registry import find_model
from temtrack.pipeline.correct import open_reviewed
from temtrack.pipeline.labels import write_labels
from temtrack.provenance import Provenance
from temtrack.review.corrections import Confirmed, ParticleDeleted
from temtrack.review.log import Entry, append
from temtrack.review.outlines import ParticleOutlined, rings_of
from temtrack.segmentation.segmenter import Segmenter
from temtrack.simulation.config import MovieConfig
from temtrack.simulation.imaging import Detector
from temtrack.simulation.movie import SimulatedMovie, simulate_movie
from temtrack.training.config import TrainingData, TrainingRun, preset
from temtrack.training.run import run_training

MODEL = "effsam-tiny"
N_FRAMES, N_CORRECTED = 30, 10

#: As suits weights that are nearly right.
LEARNING_RATE = 2e-4

#: Particles hardly darker than the waves of a thick support, at a low dose: so faint that the embedded
#: weights find about half of them.
KIND = MovieConfig(
    n_frames=N_FRAMES,
    height=256,
    width=256,
    n_particles=40,
    radius_px=7,
    contrast=0.3,
    mottle=0.2,
    detector=Detector(dose_e_px=20.0),
    drift_px_per_frame=(0.3, 0.2),
)


def write_movie_and_masks(folder: Path, movie: SimulatedMovie, masks: Sequence[NDArray[np.int32]]) -> Path:
    """Write a movie and masks of it as a run, and return the folder of the masks."""
    tifffile.imwrite(folder / "movie.tif", np.stack([movie.frame(t) for t in range(len(movie))]))
    run = folder / "masks"
    run.mkdir()
    for t, labels in enumerate(masks):
        write_mask(run / mask_name(t), labels)
    source = movie_source(read_movie(folder / "movie.tif"))
    write_run(run, Provenance("track", "temtrack track", {"movie": source}))
    return run


def correct_frames(run: Path, movie: SimulatedMovie, frames: Sequence[int]) -> int:
    """Correct frames of a run to the true outlines, and say that they are right; return how many lines."""
    reviewed = open_reviewed(run)
    done = []
    for t in frames:
        there = reviewed.edited.particles(t)
        done += [ParticleDeleted(reviewed.edited.place(one, t)) for one in there]
        true = movie.labels(t)
        done += [ParticleOutlined(t, rings_of(true == one)) for one in np.unique(true[true > 0])]
        done.append(Confirmed("frame", t))
    append(reviewed.log, [Entry.now(one) for one in done], open_run(run))
    return len(done)


def segment_all(model: str, movie: SimulatedMovie, frames: Sequence[int]) -> list[NDArray[np.int32]]:
    """Segment frames with a model by default settings."""
    segmenter = Segmenter(model, "cpu")
    return [segmenter.segment(movie.frame(t)).labels for t in frames]


def score(
    masks: Sequence[NDArray[np.int32]], movie: SimulatedMovie, frames: Sequence[int]
) -> SegmentationScore:
    """Score masks of frames against the truth, pooled."""
    scores = (score_segmentation(labels, movie.labels(t)) for labels, t in zip(masks, frames, strict=True))
    return sum(scores, SegmentationScore())


def learn(seed: int, n_steps: int, batch: int, folder: Path) -> Row:
    """Let a model learn from corrected frames of a movie; return F1 and PQ on the others, of both."""
    movie = simulate_movie(seed, KIND)
    corrected = np.linspace(0, N_FRAMES - 1, N_CORRECTED).round().astype(int).tolist()
    others = [t for t in range(N_FRAMES) if t not in corrected]
    found = segment_all(MODEL, movie, range(N_FRAMES))
    before = score([found[t] for t in others], movie, others)
    print(f"seed {seed}: F1 {before.f1:.3f}, PQ {before.pq:.3f} before", flush=True)
    run = write_movie_and_masks(folder, movie, found)
    correct_frames(run, movie, corrected)
    began = time.process_time()
    labels, out, start = folder / "labels", folder / "run", find_model(MODEL)
    write_labels(run, labels)
    config = replace(preset(None, start), n_steps=n_steps, batch_size=batch, learning_rate=LEARNING_RATE)
    run_training(TrainingRun(TrainingData([(labels, 1.0)]), config, out, torch.device("cpu"), start))
    minutes = (time.process_time() - began) / 60
    after = score(segment_all(str(out), movie, others), movie, others)
    print(f"seed {seed}: F1 {after.f1:.3f}, PQ {after.pq:.3f} after {minutes:.1f} min of a core", flush=True)
    return {
        "seed": str(seed),
        "particles in the other frames": after.n_true,
        "F1 before": before.f1,
        "F1 after": after.f1,
        "PQ before": before.pq,
        "PQ after": after.pq,
        "processor minutes": minutes,
    }


def main() -> None:
    """Learn from each seed's movie and publish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--batch", type=int, default=4)
    add_json_option(parser)
    words = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for seed in words.seeds:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(learn(seed, words.steps, words.batch, Path(folder)))
        table = ResultTable(
            f"{N_CORRECTED} corrected frames of {N_FRAMES}, {words.steps} steps of {words.batch} samples",
            rows,
            "Judged on the other frames of the same movie. Processor minutes are those of the fine-tuning.",
        )
        publish(
            BenchmarkResult(
                "What a model learns from ten corrected frames",
                "simulated movies of small particles on a thick, wavy support, 256 px, about 40 particles of "
                "14 px a frame",
                "frames evenly spread are corrected to the true outlines, the others judged",
                ", ".join(map(str, words.seeds)),
                [table],
            ),
            words.json,
        )


if __name__ == "__main__":
    main()
