"""Which frames of a movie, or images of a folder, have many more or fewer particles than those around."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

#: Neighbours on either side whose median tells what is usual.
N_COMPARED = 7

#: Below so many particles their number says little,
MIN_USUAL = 5

#: and beyond this factor from what is usual it is out of line.
MAX_FACTOR = 2.0

#: Images of one folder may differ more, in number and in size, and so many are needed to tell.
MAX_FACTOR_OF_IMAGES, MIN_IMAGES = 4.0, 5


def frames_out_of_line(counts: Sequence[int]) -> dict[int, float]:
    """Return the frames whose number of particles is out of line with those around, and what is usual there.

    >>> frames_out_of_line([20, 21, 0, 19, 20])
    {2: 20.0}
    """
    found = {}
    for t, count in enumerate(counts):
        around = [*counts[max(0, t - N_COMPARED) : t], *counts[t + 1 : t + 1 + N_COMPARED]]
        usual = float(np.median(around)) if len(around) >= 2 else 0.0
        if usual >= MIN_USUAL and not usual / MAX_FACTOR <= count <= usual * MAX_FACTOR:
            found[t] = usual
    return found


def images_out_of_line(counts: Sequence[int], diameters_px: Sequence[float | None]) -> list[int]:
    """Return the images of a folder that have many fewer or more particles than most, or of another size."""
    if len(counts) < MIN_IMAGES:
        return []
    known = [diameter for diameter in diameters_px if diameter]
    usual, size = float(np.median(counts)), float(np.median(known)) if known else 0.0
    return [
        i
        for i, (count, diameter) in enumerate(zip(counts, diameters_px, strict=True))
        if (usual >= MIN_USUAL and _is_far(count, usual)) or (diameter and _is_far(diameter, size))
    ]


def _is_far(value: float, usual: float) -> bool:
    return not usual / MAX_FACTOR_OF_IMAGES <= value <= usual * MAX_FACTOR_OF_IMAGES
