"""In how many views images are shown to a network: in one where a second shows nothing else.

The mean of two views has finer outlines where an image is noisy or unlike what the network knows, at twice
the cost. Whether that is needed a long movie or a large image tells itself: some frames, or the middle of the
image, are shown in both ways. What is decided depends on the whole movie alone, so a run that goes on and
each piece of a movie decide the same.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from skimage.segmentation import clear_border

from temtrack.errors import TemtrackNotice, warn
from temtrack.imaging.spans import Box, middle_box
from temtrack.movie import Movie
from temtrack.pipeline.options import ModelOptions
from temtrack.segmentation.agreement import MIN_PARTICLES, Agreement
from temtrack.segmentation.model import drop_small

if TYPE_CHECKING:
    from temtrack.segmentation.segmenter import Segmenter
    from temtrack.segmentation.sight import Sight

_LOG = logging.getLogger(__name__)

#: To try out a second view costs as much as it costs so many frames, or more: a shorter movie has it.
MIN_FRAMES = 30

#: No more of a frame's middle is tried than this, in pixels of the network's input.
TRIED_SIDE_PX = 1024

#: A single frame is asked where the network sees so many times more of it than is tried.
MIN_TIMES_TRIED = 12


def with_views(
    segmenter: Segmenter,
    sight: Sight,
    show: Callable[[int], NDArray[Any]],
    movie: Movie,
    options: ModelOptions,
    min_frames: int = MIN_FRAMES,
) -> Sight:
    """Return how a movie or image is shown, with the number of views where it is long or large.

    Parameters
    ----------
    segmenter, sight
        A model, and how it is shown the movie.
    show
        Returns a frame, alone or with its neighbours, by its number.
    movie, options
        The movie, and what the user said.
    min_frames
        A shorter movie is not asked, unless its frames are large.
    """
    n_seen_px = movie.height * movie.width * sight.scale**2
    pays = movie.n_frames >= min_frames or n_seen_px >= MIN_TIMES_TRIED * TRIED_SIDE_PX**2
    if options.tta is not None or not segmenter.averages_views or not pays:
        return sight
    once, twice = replace(sight, n_views=1), replace(sight, n_views=2)
    total = Agreement()
    for image in map(show, sample_frames(movie)):
        box = middle_box(image.shape, round(TRIED_SIDE_PX / sight.scale))
        found = [_seen(segmenter, image, box, each, options) for each in (twice, once)]
        total += Agreement.of(*found)
        if total.n_one and not total.is_close:
            break
    is_enough = total.is_close and len(total.shared) >= MIN_PARTICLES
    told = "one view beside two: %d and %d particles, %d in both, %.2f px apart, areas %+.1f %%"
    apart_px = float(np.median(total.apart_px)) if len(total.shared) else float("nan")
    _LOG.info(told, total.n_other, total.n_one, len(total.shared), apart_px, 100 * total.area_bias)
    if not is_enough:
        return twice
    warn(
        f"{movie.path}: a second view shows nothing else, so one is taken, in half the time (--tta takes "
        "both)",
        TemtrackNotice,
    )
    return once


def sample_frames(movie: Movie) -> list[int]:
    """Return the first, the middle and the last frame: they tell how all are shown."""
    return sorted({0, movie.n_frames // 2, movie.n_frames - 1})


def _seen(
    segmenter: Segmenter, image: NDArray[Any], box: Box, sight: Sight, options: ModelOptions
) -> NDArray[np.int32]:
    """Return what counts as a particle of a part of an image, and is not cut by its edge."""
    found = segmenter.segment_parts(image, [box], sight).without_unsure(options.min_score)
    least_px = segmenter.min_area_px if options.min_area_px is None else options.min_area_px
    return drop_small(clear_border(found.labels[box]), least_px)
