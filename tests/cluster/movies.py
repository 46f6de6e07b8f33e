"""Small movies for a cluster: most are short, one is long enough to be stopped midway, one is broken."""

from pathlib import Path

import tifffile

from temtrack.simulation.config import MovieConfig
from temtrack.simulation.movie import simulate_movie

LONG, BROKEN = "movie01", "movie02"
N_FRAMES, N_FRAMES_LONG = 8, 150


def write_movies(folder: Path, n_movies: int) -> list[str]:
    """Write movies, each of other particles, and return the names of those that can be read."""
    folder.mkdir()
    names = [f"movie{number:02d}" for number in range(n_movies)]
    for seed, name in enumerate(names):
        is_long = name == LONG
        config = MovieConfig(
            n_frames=N_FRAMES_LONG if is_long else N_FRAMES,
            height=96,
            width=96,
            n_particles=5,
            radius_px=8,
            merges={2: 1} if is_long else {},
        )
        movie = simulate_movie(seed, config)
        frames = (movie.frame(t) for t in range(len(movie)))
        size = (len(movie), 96, 96)
        tifffile.imwrite(folder / f"{name}.tif", frames, shape=size, dtype="uint8", photometric="minisblack")
    broken = folder / f"{BROKEN}.tif"
    if broken.exists():
        broken.write_bytes(broken.read_bytes()[:30_000])
    return [name for name in names if name != BROKEN]
