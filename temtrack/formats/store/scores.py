"""What a model saw in each frame of a run, and how likely each is a particle: ``scores.parquet``."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from temtrack.errors import InputError
from temtrack.formats.decoding import refused_as
from temtrack.masks import Sightings
from temtrack.tables import SCORES

SCORES_NAME = f"{SCORES.name}.parquet"


def read_scores(folder: Path) -> Callable[[int], Sightings | None]:
    """Return what tells by a frame's number what a model saw there, ``None`` where nobody knows.

    Of long movies it is much, so it is read when a frame is asked for first. Then `InputError` is raised
    where the file is damaged.
    """
    path = folder / SCORES_NAME
    if not path.is_file():
        return lambda t: None
    whole = cache(partial(_read, path))
    return lambda t: whole().get(t)


def _read(path: Path) -> dict[int, Sightings]:
    with refused_as(f"{path}: cannot be read as a Parquet table"):
        table = pq.read_table(path)
    if not SCORES.is_held_by(table.schema):
        raise InputError(f"{path}: lacks columns of '{SCORES.name}'; run `temtrack track` again")
    with refused_as(f"{path}: holds no numbers; run `temtrack track` again"):
        frame, y, x, score = (table[name].to_numpy() for name in ("frame", "y_px", "x_px", "score"))
        at_px, score = np.stack([y, x], axis=1).astype(np.int32), score.astype(np.float32)
        frames, first = np.unique(frame, return_index=True)
    parts = zip(frames.tolist(), np.split(at_px, first)[1:], np.split(score, first)[1:], strict=True)
    return {t: Sightings(*part) for t, *part in parts}
