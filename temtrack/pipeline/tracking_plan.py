"""What a movie is tracked with: its segmentation, by a model or by masks that are there, and a tracker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from temtrack.errors import UsageError, did_you_mean
from temtrack.formats.fingerprint import fingerprint
from temtrack.formats.store.masks import read_masks_in_time
from temtrack.formats.store.run import movie_source
from temtrack.imaging.annotations import without_annotations
from temtrack.linking.config import LinkingConfig
from temtrack.linking.told import Told
from temtrack.masks import Labels, Masks
from temtrack.models.catalog import Kind, kind_of
from temtrack.models.registry import RUN_FILE, find_model, names_for, verify
from temtrack.movie import Movie
from temtrack.pipeline.ahead import read_in_turn
from temtrack.pipeline.corrected_frames import CorrectedFrames
from temtrack.pipeline.movie_segmentation import MovieSegmentation, segmented_by_model, told_by
from temtrack.pipeline.options import TrackOptions
from temtrack.pipeline.pieces import has_pieces, join_pieces
from temtrack.pipeline.prompted import Followed
from temtrack.pipeline.segment import prepared
from temtrack.provenance import Provenance, Source
from temtrack.review.drawing import Ask
from temtrack.tracking.engine import ResumableTracker, Segment

if TYPE_CHECKING:
    from temtrack.segmentation.segmenter import Segmenter


@dataclass(frozen=True)
class LoadedTracker:
    """Makes a tracker anew for each movie."""

    source: Source
    build: Callable[[], ResumableTracker]


@dataclass(frozen=True)
class TrackingPlan:
    """A movie, how it is segmented, followed and linked, and the command that says so."""

    movie: Movie
    segmentation: MovieSegmentation
    tracker: LoadedTracker
    options: TrackOptions
    command: str
    source: Source | None = None
    followed: Followed | None = None

    @property
    def linking(self) -> LinkingConfig:
        """Thresholds of linking that suit the model, that of the pieces where these are joined.

        A network draws two until their neck is wide. The blur of ``otsu`` joins outlines before the particles
        touch, and masks of others are believed: their necks tell nothing.
        """
        model = self.segmentation.models.get("model")
        return replace(self.options.linking, necks_join=model is not None and model.name != "otsu")

    def record(self) -> Provenance:
        """Return what decides on the result, and where the inputs lie.

        The movie is told by its files, or by ``source`` while it is still being written.
        """
        return Provenance(
            "track",
            self.command,
            {"movie": self.source or movie_source(self.movie), **self.segmentation.inputs},
            {**self.segmentation.models, "tracker": self.tracker.source},
            self.options.to_json(),
            {"annotations": list(map(str, self.movie.burned_in)), **self.segmentation.found},
        )


@dataclass(frozen=True)
class TrackStage:
    """The models of a tracking run, loaded once, for any number of movies."""

    options: TrackOptions
    segmenter: Segmenter | Path
    tracker: LoadedTracker

    @classmethod
    def load(cls, options: TrackOptions, device: str = "auto", masks: Path | None = None) -> TrackStage:
        """Load tracker and model; ``masks``, a folder of segmented frames, stands in place of the model.

        Raises
        ------
        ModelError
            Where there is no such model.
        UsageError
            Where the machine lacks the device, or the tracker is none.
        """
        if masks is not None:
            return cls(options, masks, load_tracker(options.tracker, device))
        from temtrack.segmentation.segmenter import Segmenter

        segmenter = Segmenter(options.model, device, tta=options.takes_views)
        return cls(options, segmenter, load_tracker(options.tracker, device))

    def plan(self, movie: Movie, command: str, source: Source | None = None) -> TrackingPlan:
        """Return the plan for a movie as it was read: its piece, scale and time are those of the options.

        ``source`` stands for it in the record while it is still being written.
        """
        movie = movie.calibrated(None, self.options.frame_time_s)
        if self.options.frames is not None:
            movie = movie.cut(self.options.frames)
        movie = read_in_turn(prepared(movie, self.options, told_by(movie, self.options)))
        followed = None
        if self.options.prompts is not None or self.options.first_mask is not None:
            followed = Followed(movie, self.options.prompts, self.options.first_mask)
        if isinstance(self.segmenter, Path):
            segmentation = segmented_by_masks(self.segmenter, movie)
        else:
            segmentation = segmented_by_model(self.segmenter, movie, self.options)
        if self.options.corrections is not None:
            segmentation = corrected_by(segmentation, CorrectedFrames.of(self.options.corrections, movie))
        if followed is not None:
            segmentation = told_of(segmentation, self.segmenter, followed)
        return TrackingPlan(movie, segmentation, self.tracker, self.options, command, source, followed)

    def grown(self, plan: TrackingPlan, movie: Movie) -> TrackingPlan:
        """Return a plan with the frames of a movie to which some were added; all that was found stays."""
        if movie.n_frames == plan.movie.n_frames:
            return plan
        movie = movie.calibrated(None, self.options.frame_time_s)
        scale = replace(movie.calibration, pixel_size=plan.movie.pixel_size)
        movie = read_in_turn(without_annotations(replace(movie, calibration=scale), plan.movie.burned_in))
        plan.segmentation.grow(movie)
        return replace(plan, movie=movie)


def corrected_by(segmentation: MovieSegmentation, corrected: CorrectedFrames) -> MovieSegmentation:
    """Return a segmentation with the frames that a person corrected in place of its own."""
    resumed = segmentation.resumed
    assert resumed is not None

    def resumed_and_corrected(first: int) -> Segment:
        return corrected.in_place_of(resumed(first), first)

    inputs = {**segmentation.inputs, "corrections": corrected.source}
    own = resumed_and_corrected(0)
    return replace(
        segmentation, segment=own, inputs=inputs, resumed=resumed_and_corrected, told=corrected.told
    )


def told_of(
    segmentation: MovieSegmentation, segmenter: Segmenter | Path, followed: Followed
) -> MovieSegmentation:
    """Return a segmentation with what a user told of some frames; a model that takes prompts gets them."""
    ask: Ask | None = None
    if not isinstance(segmenter, Path) and segmenter.takes_prompts:

        def ask(image: NDArray[Any], points: Any, boxes: Any) -> Labels:
            return segmenter.predict_prompts(image, points, boxes).labels

    resumed, inputs = segmentation.resumed, dict(segmentation.inputs)
    assert resumed is not None
    if (mask := followed.first_mask) is not None:
        inputs["first_mask"] = Source(str(mask), fingerprint([mask]))

    pointed_at: dict[int, NDArray[np.bool_]] = {}

    def resumed_and_told(first: int) -> Segment:
        return followed.put_into(resumed(first), ask, first, pointed_at)

    def told(t: int) -> Told | None:
        mask, known = pointed_at.pop(t, None), segmentation.told(t)
        if mask is None or known is None:
            return known if mask is None else Told(mask)
        return Told(known.mask | mask, known.is_all)

    return replace(
        segmentation, segment=resumed_and_told(0), inputs=inputs, resumed=resumed_and_told, told=told
    )


def segmented_by_masks(folder: Path, movie: Movie) -> MovieSegmentation:
    """Return the masks of a folder, or of the pieces there, in order, as if a model had made them.

    Raises
    ------
    InputError
        Where they are not the masks of this movie, nor of the one that it is a piece of.
    """
    models: Mapping[str, Source] = {}
    found: Mapping[str, Any] = {}
    if has_pieces(folder):
        masks, piece = join_pieces(folder, movie)
        models, found = piece.record.models, piece.record.found
    else:
        masks = read_masks_in_time(folder)
        if movie.frame_range is not None and len(masks) == movie.frame_range.n_whole:
            masks = masks.take(movie.frame_range.frames)
    masks.check_fit(movie)
    source = Source(str(folder), fingerprint(masks.files))
    return MovieSegmentation(
        _in_order(masks), {"masks": source}, models, found, lambda frame: _in_order(masks, frame)
    )


def _in_order(masks: Masks, first: int = 0) -> Segment:
    left = (masks[t] for t in range(first, len(masks)))
    return lambda image: next(left)


def load_tracker(name: str, device: str = "auto") -> LoadedTracker:
    """Return a tracker: ``overlap``, ``trackpy``, a DeAOT that came or was imported, or the folder of a run.

    Raises
    ------
    UsageError
        Where there is none of that name, or the model is no DeAOT.
    ModelError
        Where its weights are missing or damaged.
    """
    if name == "overlap":
        from temtrack.tracking.overlap import OverlapTracker

        return LoadedTracker(Source(name), OverlapTracker)
    if name == "trackpy":
        from temtrack.tracking.centroids import CentroidTracker

        return LoadedTracker(Source(name), CentroidTracker)
    _check_network(name)
    from temtrack.tracking.load import load_deaot

    deaot = load_deaot(name, device)
    return LoadedTracker(Source(name, verify(find_model(name))), deaot.anew)


def _check_network(name: str) -> None:
    """Refuse a name that is no DeAOT model."""
    allowed = names_for(Kind.tracker)
    is_run = (Path(name) / RUN_FILE).is_file()
    if not (name in allowed or (is_run and kind_of(find_model(name).architecture) is Kind.tracker)):
        raise UsageError(
            f"--tracker {name}: follows no ids; allowed are {', '.join(allowed)}, or the folder of a "
            f"DeAOT's training run.{did_you_mean(name, allowed)}"
        )
