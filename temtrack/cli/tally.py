"""What was found in an image or a movie: how many particles, how large, how much of the field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from temtrack.cli import output
from temtrack.cli.output import Row

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from temtrack.movie import Movie


@dataclass
class Tally:
    """Counts and sizes of the particles of one image or movie."""

    movie: Movie
    n_particles: int = 0
    n_empty_frames: int = 0
    area_px: int = 0
    diameters_px: float = 0.0

    def add(self, labels: NDArray[np.int32]) -> None:
        """Count the particles of one frame."""
        import numpy as np

        from temtrack.imaging.labels import measure_regions

        areas = measure_regions(labels).area_px
        self.n_particles += len(areas)
        self.n_empty_frames += len(areas) == 0
        self.area_px += int(areas.sum())
        self.diameters_px += float(np.sqrt(4 * areas / np.pi).sum())

    def warn_of_emptiness(self) -> None:
        """Tell of frames in which nothing was found."""
        if self.n_empty_frames == 0:
            return
        n_frames = self.movie.n_frames
        where = "" if n_frames == 1 else f" in {self.n_empty_frames} of {n_frames} frames"
        left = "the mask is empty" if n_frames == 1 else "their masks are empty"
        output.warn(f"{self.movie.path}: the model finds no particle{where}; {left}")

    def measures(self) -> Row:
        """Return count (a mean over the frames of a movie), covered share of the field, mean diameter."""
        n_frames, pixel_size = self.movie.n_frames, self.movie.pixel_size
        diameter_px = self.diameters_px / self.n_particles if self.n_particles else None
        pixel_size_nm = pixel_size.nm if pixel_size else None
        return {
            "n_frames": n_frames,
            "n_particles": self.n_particles if n_frames == 1 else round(self.n_particles / n_frames, 2),
            "coverage": self.area_px / (n_frames * self.movie.height * self.movie.width),
            "mean_diameter_px": diameter_px,
            "mean_diameter_nm": diameter_px * pixel_size_nm if diameter_px and pixel_size_nm else None,
            "pixel_size_nm": pixel_size_nm,
        }
