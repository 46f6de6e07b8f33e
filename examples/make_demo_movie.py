"""Make the movie that `temtrack demo` shows: a simulated run, with its true lineage and first mask."""

from pathlib import Path

import numpy as np

from temtrack.formats.store.lineage import write_lineage
from temtrack.formats.store.masks import write_mask
from temtrack.formats.store.movies import write_video
from temtrack.simulation.config import MovieConfig
from temtrack.simulation.imaging import Detector
from temtrack.simulation.movie import simulate_movie

FOLDER = Path(__file__).parent.parent / "temtrack" / "demo"
CONFIG = MovieConfig(
    n_frames=60,
    n_particles=26,
    radius_px=15.0,
    merges={2: 2, 3: 1},
    n_dissolutions=1,
    n_crossings=1,
    n_touches=1,
    drift_px_per_frame=(0.15, -0.1),
    contrast=0.7,
    detector=Detector(dose_e_px=100.0),
)
SEED = 8

if __name__ == "__main__":
    movie = simulate_movie(SEED, CONFIG)
    rgb = (np.repeat(movie.frame(t)[..., None], 3, axis=2) for t in range(len(movie)))
    FOLDER.mkdir(exist_ok=True)
    write_video(FOLDER / "sintering.mp4", rgb, frames_per_second=10, rate_factor=25)
    write_lineage(FOLDER / "lineage.json", movie.lineage)
    write_mask(FOLDER / "mask0000.tif", movie.labels(0))  # tells which id is whose
    for merge in movie.lineage.merges:
        print(merge)
