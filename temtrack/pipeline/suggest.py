"""Which frames of a movie a person should label first: those from which a model would learn most."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from temtrack.imaging.labels import measure_regions
from temtrack.movie import Movie
from temtrack.pipeline.options import SegmentOptions
from temtrack.pipeline.segment import SegmentStage, find_common_sight, prepared
from temtrack.progress import Progress, silent
from temtrack.segmentation.model import Segmentation

#: So many frames of a longer movie are looked at, evenly spread.
MAX_FRAMES = 60

#: Doubt of a frame in which nothing has a score, or nothing is found.
_UNKNOWN_DOUBT = 0.5


@dataclass(frozen=True)
class FrameLook:
    """What a model makes of a frame: how much it doubts its particles, and what the frame is like."""

    frame: int
    doubt: float
    n_particles: int
    features: tuple[float, ...]

    @classmethod
    def of(cls, frame: int, image: NDArray[np.generic], found: Segmentation) -> FrameLook:
        """Measure doubt, one minus the mean score of the particles, and the features of a frame."""
        areas, scores = measure_regions(found.labels).area_px, found.scores[np.isfinite(found.scores)]
        doubt = 1 - float(scores.mean()) if len(scores) else _UNKNOWN_DOUBT
        grey = image[np.isfinite(image)].astype(np.float64)
        low, middle, high = np.percentile(grey, [5, 50, 95]) if grey.size else (0.0, 0.0, 0.0)
        size = float(np.log1p(areas.mean())) if len(areas) else 0.0
        features = (float(np.log1p(len(areas))), size, float(middle), float(high - low))
        return cls(frame, doubt, len(areas), features)


def choose_frames(looks: list[FrameLook], n: int) -> pd.DataFrame:
    """Choose frames one by one: doubtful ones, each unlike those before it and far from them in time.

    A frame counts by its doubt, as a share of the largest, times its novelty: the least distance to a chosen
    frame, half in time and half in features (number and size of particles, grey level, contrast), each as a
    share of the movie's whole range.

    Returns
    -------
    Rows of ``rank``, ``frame``, ``doubt``, ``novelty``, ``n_particles``, in the order of their choice.
    """
    doubt = np.array([one.doubt for one in looks])
    features = np.array([one.features for one in looks])
    time = np.array([[one.frame] for one in looks], float)
    apart = 0.5 * _distances(time) + 0.5 * _distances(features)
    novelty, rows = np.ones(len(looks)), []
    left = np.ones(len(looks), bool)
    for rank in range(1, min(n, len(looks)) + 1):
        gain = np.where(left, (doubt / max(doubt.max(), 1e-9) + 1e-3) * novelty, -1.0)
        best = int(gain.argmax())
        one = looks[best]
        rows.append((rank, one.frame, one.doubt, float(novelty[best]), one.n_particles))
        left[best] = False
        novelty = np.minimum(novelty, apart[best])
    return pd.DataFrame(rows, columns=["rank", "frame", "doubt", "novelty", "n_particles"])


def _distances(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the distances (N, N) between rows (N, F), 1 between opposite ends of all columns."""
    span = np.ptp(values, axis=0)
    scaled = values / np.where(span > 0, span, 1.0)
    way = np.linalg.norm(scaled[:, None] - scaled, axis=2)
    return np.asarray(way / np.sqrt(values.shape[1]))


def suggest_frames(
    movie: Movie,
    n: int = 10,
    options: SegmentOptions | None = None,
    device: str = "auto",
    progress: Progress = silent,
) -> pd.DataFrame:
    """Return the frames of a movie whose labels would teach a model most; see `choose_frames`.

    Raises
    ------
    TemtrackError
        Where movie or model cannot be used.
    """
    options = options or SegmentOptions()
    stage, movie = SegmentStage.load(options, device), prepared(movie, options)
    sight = find_common_sight(stage.segmenter, movie.read_frame, movie, options)
    frames = np.unique(np.linspace(0, movie.n_frames - 1, MAX_FRAMES).astype(int)).tolist()
    looks = []
    for t in progress(frames, "looking"):
        image = movie.read_frame(t)
        looks.append(FrameLook.of(t, image, stage.segment(movie, image, sight)))
    return choose_frames(looks, n)
