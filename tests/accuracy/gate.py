"""Measure the embedded networks on small fixed inputs, as a user would run them, and compare with the record.

Run ``make accuracy`` where weights are new, to record what they reach. Networks compute in float32, also on a
machine that has bfloat16, so that all machines tell the same; they round differently, so a figure may fall by
`TOLERANCE` at most.
"""

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from accuracy.inputs import Example, read_examples, simulate_crowd, simulate_movies
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

import temtrack
from temtrack.errors import TemtrackNotice, TemtrackWarning
from temtrack.imaging.labels import LabelImage
from temtrack.linking.motion import MotionModel
from temtrack.metrics.merges import MergeScore, match_merges
from temtrack.metrics.segmentation import SegmentationScore, score_segmentation
from temtrack.metrics.tracks import match_tracks
from temtrack.tracking.drift import DriftEstimator
from temtrack.tracking.load import load_tracker

RECORDED = Path(__file__).parent / "recorded.json"
TOLERANCE = 0.01
MERGE_TOLERANCE_FRAMES = 3

SEGMENTERS = ("effsam-tiny", "yolov8n-seg", "swin-unet", "vmamba")
TRACKER = "deaot-t"

#: A slow network sees every so many of a folder, and of an image the middle alone, so wide (px).
STEPS = {("vmamba", "emps"): 6, ("vmamba", "scenes"): 3, ("swin-unet", "emps"): 2}
SIDES_PX = {
    ("vmamba", "emps"): 384,
    ("vmamba", "haadf"): 320,
    ("swin-unet", "emps"): 512,
    ("swin-unet", "haadf"): 320,
}
SIMULATED, REAL = ("scenes",), ("paper", "emps", "haadf")

#: What was measured, by name; all are the better the higher, but those that begin with ``n_``.
Figures = dict[str, float]


def score_segmenter(model: str, name: str) -> Figures:
    """Segment examples and return F1 and PQ, pooled over all particles; of boxes F1 alone."""
    total, hits, n_found, n_true = SegmentationScore(), 0, 0, 0
    for example in read_examples(name, STEPS.get((model, name), 1), SIDES_PX.get((model, name))):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TemtrackWarning)  # of burned-in bars, and of doubts
            found = temtrack.segment(example.image, model=model)
        if example.labels is not None:
            total += score_segmentation(found, example.labels)
        else:
            hits += count_in_boxes(found, example)
            n_found, n_true = n_found + int(found.max()), n_true + len(example.boxes)
    if n_true:
        return {"f1": 2 * hits / (n_found + n_true)}
    return {"f1": total.f1, "pq": total.pq}


def count_in_boxes(found: NDArray[np.integer], example: Example) -> int:
    """Count the found particles that are one of the boxes each, and no two the same.

    A particle is a box's where its centre lies in it and its width, that of the disc of its area, is within a
    factor of 2 of the box's, the square root of its area.
    """
    areas = np.bincount(found.ravel())[1:]
    y, x = np.indices(found.shape)
    centres = np.stack([np.bincount(found.ravel(), of.ravel())[1:] / areas for of in (y, x)], axis=1)
    low, high = example.boxes[:, :2], example.boxes[:, 2:]
    is_inside = np.all((centres[:, None] >= low) & (centres[:, None] <= high), axis=2)
    ratio = 2 * np.sqrt(areas / np.pi)[:, None] / np.sqrt(np.prod(high - low, axis=1))
    is_hit = is_inside & (ratio >= 0.5) & (ratio <= 2)
    rows, columns = linear_sum_assignment(is_hit, maximize=True)
    return int(is_hit[rows, columns].sum())


def score_tracker() -> Figures:
    """Track the movies by the embedded networks; return id switches and the F1 of merges."""
    score, n_switches = MergeScore(), 0
    for movie in simulate_movies():
        frames = np.stack([movie.frame(t) for t in range(len(movie))])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TemtrackNotice)  # that one view of a frame is enough
            tracked = temtrack.track(frames)
        matches = match_tracks(tracked.masks, (movie.labels(t) for t in range(len(movie))))
        n_switches += matches.n_switches
        score += match_merges(tracked.lineage.merges, movie.lineage.merges, matches, MERGE_TOLERANCE_FRAMES)
    return {"n_switches": n_switches, "merge_f1": score.f1}


def score_propagation() -> Figures:
    """Propagate the first true mask through the crowd; return the share of particles with the right id."""
    movie, tracker = simulate_crowd(), load_tracker(TRACKER)
    known = np.unique(movie.labels(0))
    drift, motion, labels = DriftEstimator(), MotionModel(), LabelImage(movie.labels(0))
    nothing = LabelImage(np.zeros_like(movie.labels(0)))  # no segmenter is there
    n_right = n_true = 0
    for t in range(len(movie)):
        frame, truth = movie.frame(t), movie.labels(t)
        registration = drift.measure(frame, is_good=True)
        if t:
            labels = tracker.propagate(frame, nothing, motion.predict(registration.step_px))
        tracker.add_reference(frame, labels)
        motion.learn(labels, registration.is_jump)
        if not t:
            continue
        matches = match_tracks([labels.labels], [np.where(np.isin(truth, known), truth, 0)])
        n_right += int(np.count_nonzero(matches.found == matches.true))
        n_true += matches.n_true
    return {"ids_right": n_right / n_true}


def measurements() -> dict[str, Callable[[], Figures]]:
    """Return what there is to measure, by name: ``MODEL on INPUT``."""
    found: dict[str, Callable[[], Figures]] = {
        f"{model} on {name}": lambda model=model, name=name: score_segmenter(model, name)
        for model in SEGMENTERS
        for name in (*SIMULATED, *REAL)
    }
    found[f"{TRACKER} on movies"] = score_tracker
    found[f"{TRACKER} on crowd"] = score_propagation
    without_bf16 = patch.object(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False)
    return {name: without_bf16(measure) for name, measure in found.items()}


def is_on_real_data(name: str) -> bool:
    """Return whether a measurement needs the project's real data."""
    return name.rpartition(" on ")[2] in REAL


def read_recorded() -> dict[str, Figures]:
    """Return the recorded figures, by name."""
    tables = json.loads(RECORDED.read_text(encoding="utf-8"))["tables"]
    return {
        f"{row['model']} on {row['input']}": {
            name: value for name, value in row.items() if name not in ("model", "input") and value is not None
        }
        for table in tables
        for row in table["rows"]
    }


def find_losses(measured: Figures, recorded: Figures) -> list[str]:
    """Return a line for each figure that is not measured, or worse than recorded beyond the tolerance."""
    lines = [f"{name}: not measured" for name in recorded.keys() - measured.keys()]
    for name in recorded.keys() & measured.keys():
        was, now = recorded[name], measured[name]
        is_worse = now > was if name.startswith("n_") else now < was - TOLERANCE
        if is_worse:
            lines.append(f"{name}: {now:.4g}, recorded {was:.4g}")
    return lines
