"""Where the time of a frame goes: seconds of the processor in each part of ``track`` and ``segment``.

Run ``python benchmarks/parts.py --png docs/pictures/parts.png`` (five minutes on one core). Each command runs
in this process, on one thread, under Python's profiler, which counts processor time. Loading, and finding how
the movie is shown, do not count. What calls a part belongs to the part; what is named nowhere is the rest.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import torch
from matplotlib import pyplot as plt
from results import BenchmarkResult, ResultTable, Row, add_json_option, publish
from scale import SEED, movie_of, write_piece

from temtrack.formats.readers import read_movie
from temtrack.pipeline.options import SegmentOptions, TrackOptions
from temtrack.pipeline.request import Request
from temtrack.pipeline.segment import SegmentStage
from temtrack.pipeline.shown import Shown
from temtrack.pipeline.tracking_plan import TrackStage
from temtrack.pipeline.tracking_run import track_into
from temtrack.simulation.config import MovieConfig
from temtrack.simulation.movie import simulate_movie

#: What is told of each part, and the functions that do it, by file and name, called from nowhere inside
#: another part; the last names hold all of ``track`` and ``segment`` that counts.
PARTS = {
    "network that segments": (("tiling.py", "predict_logits"),),
    "from maps to particles": (("adapters.py", "decode"), ("network.py", "_scored")),
    "neighbours": (("neighbours.py", "show"),),
    "tracker's network": (("tracker.py", "propagate"), ("tracker.py", "add_reference")),
    "bad frames": (("frame_quality.py", "measure"),),
    "drift": (("drift.py", "measure"),),
    "linking": (("linker.py", "push"), ("motion.py", "register"), ("motion.py", "learn")),
    "overlay and table": (("shown.py", "write"),),
    "letters and bars": (("annotations.py", "detect_movie_annotations"),),
}


@dataclass(frozen=True)
class Case:
    """A movie or image, what is done with it, and how many frames of it."""

    name: str
    config: MovieConfig
    n_frames: int


CASES = (
    Case("track, 512 px, 50 particles", movie_of(512, 50, 12.0, merges={2: 3}), 36),
    Case("track, 1024 px, 1,000 particles", movie_of(1024, 1000, 6.0, merges={2: 10}), 30),
    Case("segment, 4096 px, 800 particles", movie_of(4096, 800, 24.0), 1),
)


def measure(case: Case) -> Row:
    """Return the seconds of each part of a frame."""
    movie = simulate_movie(SEED, case.config)
    profile = cProfile.Profile(time.process_time)
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "film.tif"
        write_piece(film, movie, case.n_frames)
        run_track(film, profile) if case.n_frames > 1 else run_segment(film, profile)
    seconds = seconds_of(pstats.Stats(profile))
    return {"case": case.name, **{part: s / case.n_frames for part, s in seconds.items()}}


def run_track(film: Path, profile: cProfile.Profile) -> None:
    """Track a movie; its plan is made before."""
    stage = TrackStage.load(TrackOptions(), "cpu")
    plan = stage.plan(read_movie(film), "track")
    profile.enable()
    track_into(film.parent / "out", plan)
    profile.disable()


def run_segment(film: Path, profile: cProfile.Profile) -> None:
    """Segment an image with all that is written beside its mask."""
    stage = SegmentStage.load(SegmentOptions(), "cpu", Shown())
    profile.enable()
    stage.segment_file(film, film.parent / "out", Request())
    profile.disable()


def seconds_of(stats: pstats.Stats) -> dict[str, float]:
    """Return the seconds of each part, and of the rest."""
    spent = {
        (Path(file).name, name): cumulative
        for (file, _, name), (_, _, _, cumulative, _) in stats.stats.items()
        if "temtrack" in file
    }
    seconds = {part: sum(spent.get(one, 0.0) for one in functions) for part, functions in PARTS.items()}
    total = spent.get(("tracking_run.py", "track_into")) or spent[("segment.py", "segment_file")]
    return {**seconds, "the rest": total - sum(seconds.values()), "in all": total}


def draw(rows: list[Row], path: Path) -> None:
    """Draw the parts as stacked bars, each in shares of its frame."""
    mpl.use("Agg")
    figure, ax = plt.subplots(figsize=(8, 2.8))
    left = [0.0] * len(rows)
    names = [f"{row['case']}\n{row['in all']:.2g} s a frame" for row in rows]
    for part, colour in zip((*PARTS, "the rest"), plt.get_cmap("tab10").colors, strict=True):
        shares = [100 * row[part] / row["in all"] for row in rows]
        ax.barh(names, shares, left=left, color=colour, label=part)
        left = [a + b for a, b in zip(left, shares, strict=True)]
    ax.set(xlabel="share of the processor's time (%)", xlim=(0, 100))
    ax.invert_yaxis()
    figure.legend(frameon=False, fontsize=8, ncols=5, loc="upper center")
    figure.tight_layout(rect=(0, 0, 1, 0.86))
    figure.savefig(path, dpi=150)


def main() -> None:
    """Measure, draw and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--png", type=Path, help="also draw the parts")
    add_json_option(parser)
    words = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    rows = [measure(case) for case in CASES]
    result = BenchmarkResult(
        title="Where the time of a frame goes",
        data="simulated movies, of which the frames in the middle are taken, and an image",
        split="-",
        seed=str(SEED),
        tables=[ResultTable("Seconds of the processor for a frame", rows)],
    )
    publish(result, words.json)
    if words.png:
        draw(rows, words.png)


if __name__ == "__main__":
    main()
