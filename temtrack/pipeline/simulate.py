"""Simulate a movie into a folder: its frames, true masks and lineage, and the record of it."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

from temtrack.calibration import given_calibration
from temtrack.formats.store.lineage import CTC_TABLE_NAME, LINEAGE_NAME, write_ctc_table, write_lineage
from temtrack.formats.store.masks import mask_writer, remove_masks
from temtrack.formats.store.movies import write_movie
from temtrack.formats.store.run import write_run
from temtrack.pipeline.request import Request
from temtrack.provenance import Provenance
from temtrack.simulation.config import MovieConfig
from temtrack.simulation.movie import SimulatedMovie, simulate_movie

TRUTH_FOLDER, MOVIE_NAME = "truth", "movie.tif"


def simulate_into(
    folder: Path,
    seed: int,
    config: MovieConfig,
    request: Request,
    pixel_size_nm: float | None = None,
    frame_time_s: float | None = None,
) -> SimulatedMovie:
    """Simulate a movie and write it, its truth and ``run.json`` into a folder.

    Raises
    ------
    OutputError
        Where a file cannot be written.
    """
    simulated = simulate_movie(seed, config)
    calibration = given_calibration(pixel_size_nm, frame_time_s, range(len(simulated)))
    truth = folder / TRUTH_FOLDER
    truth.mkdir(exist_ok=True)
    remove_masks(truth)
    movie = replace(simulated.to_movie(), calibration=calibration)
    write_movie(folder / MOVIE_NAME, movie)
    write = mask_writer(truth, movie, calibration)
    for t in request.progress(range(len(simulated)), "masks"):
        write(t, simulated.labels(t))
    write_ctc_table(truth / CTC_TABLE_NAME, simulated.lineage)
    write_lineage(truth / LINEAGE_NAME, simulated.lineage)
    options = {
        "seed": seed,
        "pixel_size_nm": pixel_size_nm,
        "frame_time_s": frame_time_s,
        "config": asdict(config),
    }
    write_run(folder, Provenance("simulate", request.command, options=options), calibration)
    return simulated
