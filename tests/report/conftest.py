from pathlib import Path

import numpy as np
import pytest
from known import calibration
from skimage.draw import disk

from temtrack.lineage import Lineage, Merge, Track
from temtrack.movie import Movie


@pytest.fixture
def scene():
    """Two discs that become one in frame 4 of 8: movie, masks (T, Y, X), lineage."""
    masks = np.zeros((8, 61, 75), dtype=np.uint16)
    for t in range(8):
        if t < 4:
            masks[t][disk((30, 20 + 2 * t), 9)], masks[t][disk((30, 52 - 2 * t), 8)] = 1, 2
        else:
            masks[t][disk((30, 36), 11)] = 3
    frames = np.where(masks > 0, 40.0, 160.0).astype(np.float32)
    frames[0, 0, :5] = np.nan
    lineage = Lineage(
        8,
        (
            Track(1, 0, 3, "present", "merged"),
            Track(2, 0, 3, "present", "merged"),
            Track(3, 4, 7, "merge", "present", (1, 2)),
        ),
        (Merge(4, 3, (1, 2), 2, 30.0, 36.0),),
    )
    movie = Movie(
        Path("two.tif"), 8, 61, 75, frames.dtype, lambda t: frames[t], calibration(0.2, np.arange(8) * 0.5)
    )
    return movie, masks, lineage
