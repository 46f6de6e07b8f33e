"""A simulated movie that stands still but for a merge, with little noise."""

from temtrack.simulation.config import MovieConfig
from temtrack.simulation.imaging import Detector

STILL = MovieConfig(
    n_frames=34,
    height=128,
    width=160,
    n_particles=8,
    radius_px=10.0,
    merges={2: 1},
    motion_px=0.0,
    flicker=0.0,
    detector=Detector(500.0),
)
