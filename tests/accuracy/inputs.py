"""What the embedded networks are scored on: simulated scenes and movies, and real validation images.

A real image goes with labels, or with boxes where nobody drew outlines.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from real_data import REAL_DATA
from skimage.measure import label

from temtrack.simulation.config import MovieConfig
from temtrack.simulation.imaging import Detector
from temtrack.simulation.movie import SimulatedMovie, simulate_movie
from temtrack.simulation.scenes import SceneConfig, simulate_scene

SCENES_SEED, N_SCENES = 4300, 12
MOVIES_SEED, N_MOVIES = 9400, 1
CROWD_SEED = 9500

SCENES = SceneConfig(
    height=256,
    width=256,
    mean_radius_px=(8.0, 24.0),
    dose_e_px=(30.0, 30.0),
    contrast=(0.2, 1.2),
    overlay_fraction=0.0,
    empty_fraction=0.0,
)

#: Discs that wander, drift, cross, touch, dissolve and merge, at a low dose.
MOVIES = MovieConfig(
    n_frames=40,
    height=320,
    width=320,
    n_particles=24,
    radius_px=10.0,
    merges={2: 2, 3: 1},
    n_dissolutions=1,
    n_crossings=1,
    n_touches=1,
    motion_px=3.0,
    drift_px_per_frame=(0.3, 0.2),
    detector=Detector(20.0),
)

#: Look-alikes that wander by half a radius and drift, without any event.
CROWD = MovieConfig(
    n_frames=24,
    height=320,
    width=320,
    n_particles=30,
    radius_px=10.0,
    log_sigma=0.05,
    motion_px=5.0,
    drift_px_per_frame=(0.4, -0.25),
)


@dataclass(frozen=True)
class Example:
    """An image (Y, X) with its labels (Y, X), or with the boxes (N, 4), y0, x0, y1, x1, of its particles."""

    image: NDArray[np.float32]
    labels: NDArray[np.int32] | None
    boxes: NDArray[np.float64] | None = None

    def middle(self, side_px: int) -> "Example":
        """Return its middle, at most so high and wide; of boxes those whose centres lie there."""
        low = np.array([max(0, n - side_px) // 2 for n in self.image.shape])
        part = tuple(slice(n, n + side_px) for n in low)
        image, labels = self.image[part], None if self.labels is None else self.labels[part]
        if self.boxes is None:
            return Example(image, labels)
        boxes = self.boxes - np.tile(low, 2)
        centres = (boxes[:, :2] + boxes[:, 2:]) / 2
        return Example(image, labels, boxes[np.all((centres >= 0) & (centres < image.shape), axis=1)])


def read_examples(name: str, step: int = 1, side_px: int | None = None) -> Iterator[Example]:
    """Yield every so many of the ``scenes`` or of the validation images of ``paper``, ``emps`` or ``haadf``.

    Of an image the middle alone, where a side is given.
    """
    for example in read_whole(name, step):
        yield example if side_px is None else example.middle(side_px)


def read_whole(name: str, step: int) -> Iterator[Example]:
    """Yield the examples as they are."""
    if name == "scenes":
        for i in range(0, N_SCENES, step):
            scene = simulate_scene(np.random.default_rng([SCENES_SEED, i]), SCENES)
            yield Example(scene.image, np.int32(scene.labels))
        return
    for stem in validation_stems(name)[::step]:
        (path,) = (REAL_DATA / name / "images").glob(f"{stem}.*")
        image = np.asarray(Image.open(path).convert("L"), dtype=np.float32) / 255
        if name == "haadf":
            x0, y0, x1, y1 = np.loadtxt(
                REAL_DATA / name / "boxes" / f"{stem}.csv", delimiter=",", skiprows=1
            ).T
            yield Example(image, None, np.stack([y0, x0, y1, x1], axis=1))
            continue
        (path,) = (REAL_DATA / name / "masks").glob(f"{stem}.*")
        mask = np.asarray(Image.open(path))
        # a mask of two values tells no particles apart: each connected part is one
        yield Example(image, np.int32(label(mask) if mask.dtype == bool else mask))


def validation_stems(folder: str) -> list[str]:
    """Return the names of a folder's images that no embedded network has seen."""
    lines = (REAL_DATA / "validation.txt").read_text(encoding="utf-8").splitlines()
    return [line.partition("/")[2] for line in lines if line.startswith(f"{folder}/")]


def simulate_movies() -> list[SimulatedMovie]:
    """Simulate the movies with merges."""
    return [simulate_movie(MOVIES_SEED + i, MOVIES) for i in range(N_MOVIES)]


def simulate_crowd() -> SimulatedMovie:
    """Simulate the movie of look-alikes."""
    return simulate_movie(CROWD_SEED, CROWD)
