"""Tell from masks alone that a frame shows its scene twice: two exposures in one, the second one shifted.

Particles and their copies that fall together are one detection, others are two. So there is far more area
than expected, and two copies of what was expected explain it, which one does not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from temtrack.imaging.labels import LabelImage
from temtrack.imaging.registration import Step, find_mask_shift, shift_pixels

#: A frame that shows its scene twice has at least so many times the area that was expected.
MIN_AREA_RATIO = 1.2

#: So much of what is found lies in one of the two copies, and so much of either is found.
MIN_EXPLAINED, MIN_FOUND = 0.75, 0.65

#: The second copy explains at least so much of what the first one does not.
MIN_REST_EXPLAINED = 0.5

#: Either copy is placed so often, as the other one leaves it.
_N_ROUNDS = 2


def shows_twice(predicted: LabelImage, detections: LabelImage) -> bool:
    """Tell whether two shifted copies of the predicted foreground explain the one that is found."""
    n_found, n_expected = (int(image.regions.area_px.sum()) for image in (detections, predicted))
    if not n_found > MIN_AREA_RATIO * n_expected > 0:
        return False
    expected, found = predicted.labels != 0, detections.labels != 0
    first = _place(expected, found)
    for _ in range(_N_ROUNDS):
        second = _place(expected, found & ~first)
        first = _place(expected, found & ~second)
    rest, both = found & ~first, first | second
    return bool(
        (both & found).sum() >= MIN_EXPLAINED * n_found
        and all((copy & found).sum() >= MIN_FOUND * copy.sum() for copy in (first, second))
        and (second & rest).sum() >= MIN_REST_EXPLAINED * rest.sum()
    )


def _place(expected: NDArray[np.bool_], found: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the expected foreground, shifted so that it covers as much as it can of what is found."""
    step: Step = find_mask_shift(expected, found, spacing=1)
    return shift_pixels(expected, step)
