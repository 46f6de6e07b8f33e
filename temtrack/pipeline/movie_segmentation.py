"""The segmentation of a movie by a model: all frames shown in one way, each with its neighbours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from temtrack.imaging.annotations import mask_out
from temtrack.linking.told import ToldOf
from temtrack.movie import Movie
from temtrack.pipeline.ahead import may_go_ahead, one_ahead
from temtrack.pipeline.neighbours import FramesWithNeighbours
from temtrack.pipeline.options import N_FIRST, TrackOptions
from temtrack.pipeline.reuse import SeenFrame, SparingSegmentation
from temtrack.pipeline.segment import find_common_sight
from temtrack.pipeline.views import MIN_FRAMES, with_views
from temtrack.provenance import Source
from temtrack.tracking.engine import Segment

if TYPE_CHECKING:
    from temtrack.segmentation.model import Segmentation
    from temtrack.segmentation.segmenter import Segmenter


@dataclass(frozen=True)
class MovieSegmentation:
    """Segments the frames of one movie, all at one scale.

    Parameters
    ----------
    segment
        From an image (Y, X) to labels (Y, X).
    inputs, models, found
        For the record; see `temtrack.provenance.Provenance`.
    resumed
        Returns ``segment`` for a run that goes on from a frame, where the labels come in order.
    seen
        Returns what the model saw of the last frame; ``None`` where there is no model.
    grow
        Is given the movie with frames added to it.
    told
        What a person said of a frame, once it is segmented.
    """

    segment: Segment
    inputs: Mapping[str, Source] = field(default_factory=dict)
    models: Mapping[str, Source] = field(default_factory=dict)
    found: Mapping[str, Any] = field(default_factory=dict)
    resumed: Callable[[int], Segment] | None = None
    seen: Callable[[], SeenFrame | None] = lambda: None
    grow: Callable[[Movie], None] = lambda movie: None
    told: ToldOf = lambda t: None


def segmented_by_model(segmenter: Segmenter, movie: Movie, options: TrackOptions) -> MovieSegmentation:
    """Return a model's segmentation of a movie, all frames shown in one way, each with its neighbours."""
    from temtrack.segmentation.sight import facts_of

    shown = FramesWithNeighbours(movie, options.n_neighbours)
    first = told_by(movie, options)
    sample = FramesWithNeighbours(first, options.n_neighbours).show
    sight = find_common_sight(segmenter, sample, first, options)
    min_frames = 1 if options.follow else MIN_FRAMES  # how many will come nobody knows
    sight = with_views(segmenter, sight, sample, first, options, min_frames)
    last: list[SeenFrame] = []

    def finish(found: Segmentation) -> Segmentation:
        sure = found.without_unsure(options.min_score)
        return replace(sure, labels=mask_out(sure.labels, movie.burned_in))

    sparing = SparingSegmentation(segmenter, sight, options.min_area_px, shown, finish, options.every_frame)

    def may_begin(t: int) -> bool:
        n_later = options.n_neighbours if options.follow else 0
        return t + n_later < shown.movie.n_frames

    def resumed(first: int) -> Segment:
        left = sparing.frames(first)
        if may_go_ahead(movie):
            left = one_ahead(left, first, may_begin)

        def segment(image: NDArray[np.generic]) -> NDArray[np.integer]:
            frame = next(left)
            last[:] = [frame]
            return frame.labels

        return segment

    return MovieSegmentation(
        resumed(0),
        models={"model": Source(segmenter.spec.name, segmenter.sha256)},
        found=facts_of([sight]),
        resumed=resumed,
        seen=lambda: last[0],
        grow=shown.grow,
    )


def told_by(movie: Movie, options: TrackOptions) -> Movie:
    """Return the frames that tell how all are shown, and what is burned in."""
    return movie.take(range(min(N_FIRST, movie.n_frames))) if options.follow else movie
