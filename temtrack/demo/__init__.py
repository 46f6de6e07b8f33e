"""The embedded movie: a simulated sintering run with two pairs, a triple, a dissolution and a crossing.

Made by ``examples/make_demo_movie.py``, with its true family tree and the true mask of its first frame.
"""

from pathlib import Path

FOLDER = Path(__file__).parent
MOVIE = FOLDER / "sintering.mp4"
LINEAGE = FOLDER / "lineage.json"
FIRST_MASK = FOLDER / "mask0000.tif"
PIXEL_SIZE_NM = 0.5
