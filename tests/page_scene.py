"""A small run with all that a report page can show, in words that try to break out of it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from known import calibration
from skimage.draw import disk

from temtrack.analysis.measure import analyze_run
from temtrack.calibration import UNCALIBRATED
from temtrack.kinetics.observed import observe
from temtrack.lineage import Lineage, Merge, Track
from temtrack.masks import Run, masks_of_arrays
from temtrack.movie import Movie
from temtrack.report.page.build import PageSource

N_FRAMES, HEIGHT, WIDTH = 12, 96, 120
PIXEL_SIZE_NM, FRAME_TIME_S = 0.5, 2.0
EVIL = "</script><script>alert(1)</script> & \"film\" <!-- 'x'.tif"


def draw_masks():
    """Ids 1 and 2 become 3 in frame 6; 4 to 12 stay, and 12 dissolves after frame 8."""
    masks = np.zeros((N_FRAMES, HEIGHT, WIDTH), dtype=np.int32)
    for t, labels in enumerate(masks):
        if t < 6:
            labels[disk((25, 20 + t), 9)], labels[disk((25, 48 - t), 8)] = 1, 2
        else:
            labels[disk((25, 35), 12)] = 3
        for one in range(4, 13):
            if one < 12 or t < 9:
                labels[disk((60 + 20 * (one % 2), 12 * (one - 3)), 3 + 0.2 * one)] = one
    return masks


def make_lineage():
    stay = [Track(one, 0, N_FRAMES - 1, "present", "present") for one in range(4, 12)]
    tracks = (
        Track(1, 0, 5, "present", "merged"),
        Track(2, 0, 5, "present", "merged"),
        Track(3, 6, N_FRAMES - 1, "merge", "present", (1, 2)),
        *stay,
        Track(12, 0, 8, "present", "dissolved"),
    )
    return Lineage(N_FRAMES, tracks, (Merge(6, 3, (1, 2), 4, 25.0, 35.0),))


def make_movie(masks):
    frames = np.where(masks > 0, 60, 170) + np.random.default_rng(0).normal(0, 12, masks.shape)
    frames = frames.clip(0, 255).astype(np.uint8)
    return Movie(Path(EVIL), len(frames), *frames.shape[1:], frames.dtype, lambda t: frames[t])


def make_bare_source(lacks):
    """Three frames of one particle, or of none, of which no more is known."""
    masks = np.zeros((3, 20, 30), dtype=np.int32)
    if lacks == "merges":
        masks[:, 5:9, 5:9] = 1
    tables = analyze_run(Run(masks_of_arrays(masks)), None, UNCALIBRATED, merges=False)
    frames = tables.frames.to_pandas()
    return PageSource("bare", masks, make_movie(masks), observe(tables), frames, None, None, {})


def make_source(**changes):
    """All known; ``changes`` replace fields of the `PageSource`."""
    masks = draw_masks()
    quality = ["good"] * N_FRAMES
    quality[3] = "blurred"
    run = Run(masks_of_arrays(masks), make_lineage(), gap_filled={3: {5, 6}}, quality=quality)
    tables = analyze_run(run, None, calibration(PIXEL_SIZE_NM, np.arange(N_FRAMES) * FRAME_TIME_S))
    frames = tables.frames.to_pandas().assign(temperature_c=np.linspace(600.0, 655.0, N_FRAMES))
    kinetics = pd.DataFrame(
        {
            "quantity": ["mean_diameter", "growth_exponent"],
            "frame": pd.array([0, None], dtype="Int64"),
            "event_id": pd.array([None, None], dtype="Int64"),
            "value": [4.5, np.nan],
            "low": [4.0, np.nan],
            "high": [5.0, np.nan],
            "unit": ["nm", "1"],
            "n": [11, 0],
            "method": ["mean <of all>", "fit"],
            "source": ["", ""],
            "reason": [None, "too few families"],
        }
    )
    place = {"frame": 6, "y_px": 25.0, "x_px": 35.0, "area_px": 437.0}
    answers = [[{"kind": "merge_accepted", "child": place}, {"kind": "merge_rejected", "child": place}]]
    source = PageSource(
        EVIL,
        masks,
        make_movie(masks),
        observe(tables),
        frames,
        kinetics,
        None,
        {"input": EVIL},
        {"head": {"format": "temtrack-corrections", "version": 1, "movie": EVIL}, "answers": answers},
    )
    return replace(source, **changes)
