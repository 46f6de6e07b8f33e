"""Segment images and movies, on arrays or from file to file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from temtrack.analysis.out_of_line import frames_out_of_line
from temtrack.errors import InputError, TemtrackNotice, UsageError, warn
from temtrack.formats.readers import read_movie
from temtrack.formats.store.atomic import check_output_file, check_output_folder, locked, remove_leftovers
from temtrack.formats.store.masks import MaskWriter, mask_writer, remove_masks, write_mask
from temtrack.formats.store.run import RUN_NAME, movie_source, write_run
from temtrack.imaging.annotations import hide_annotations, mask_out
from temtrack.imaging.labels import filter_fragments, measure_regions
from temtrack.models.registry import Polarity
from temtrack.movie import Movie, movie_of_array
from temtrack.pipeline.options import ModelOptions, SegmentOptions
from temtrack.pipeline.request import Request
from temtrack.pipeline.shown import MASK_SUFFIX, NOTHING_SHOWN, Shown
from temtrack.pipeline.unfit import refuse_unfit
from temtrack.pipeline.views import sample_frames, with_views
from temtrack.provenance import Provenance, Source

if TYPE_CHECKING:
    from temtrack.segmentation.model import Segmentation
    from temtrack.segmentation.segmenter import Segmenter
    from temtrack.segmentation.sight import Sight, SightEstimate

_DEFAULT = SegmentOptions()


def segment(
    image: NDArray[Any],
    model: str = _DEFAULT.model,
    *,
    tta: bool | None = _DEFAULT.tta,
    diameter: str | None = _DEFAULT.diameter,
    rescale: float | None = _DEFAULT.rescale,
    polarity: Polarity = _DEFAULT.polarity,
    min_area_px: float | None = _DEFAULT.min_area_px,
    min_score: float = _DEFAULT.min_score,
    points: NDArray[Any] | None = _DEFAULT.points,
    boxes: NDArray[Any] | None = _DEFAULT.boxes,
    keep_annotations: bool = _DEFAULT.keep_annotations,
    pixel_size_nm: float | None = _DEFAULT.pixel_size_nm,
    scale_bar_nm: float | None = _DEFAULT.scale_bar_nm,
    device: str = "auto",
) -> NDArray[np.int32]:
    """Find every particle of an image; for many images `temtrack.Segmenter` loads the model once.

    Parameters
    ----------
    image
        (Y, X), of any type; NaN counts as background.
    device
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    model, tta, diameter, rescale, polarity, min_area_px, min_score, points, boxes
        See `SegmentOptions`.
    keep_annotations, pixel_size_nm, scale_bar_nm
        See `SegmentOptions`.

    Returns
    -------
    Ids (Y, X) from 1 on, 0 background; with points or boxes, prompt n's particle has the id n + 1.

    Raises
    ------
    InputError
        Where the image is not (Y, X).
    ModelError
        Where there is no such model.
    UsageError
        Where an option has a value that is not allowed.

    Examples
    --------
    >>> import numpy as np
    >>> import temtrack
    >>> y, x = np.mgrid[:64, :128]
    >>> image = np.where(np.hypot(y - 32, abs(x - 64) - 32) < 12, 80, 200)  # two discs
    >>> int(temtrack.segment(image, model="otsu").max())
    2
    """
    options = SegmentOptions.among(locals())
    image = np.asarray(image)
    if image.ndim != 2 or not image.size:
        raise InputError(f"an image is (Y, X), this is of shape {image.shape}; give one frame of a movie")
    movie = prepared(movie_of_array(image[None]), options)
    options.check_prompts(movie)
    return SegmentStage.load(options, device).segment(movie, movie.read_frame(0)).labels


def prepared(movie: Movie, options: ModelOptions, examined: Movie | None = None) -> Movie:
    """Return a movie with the scale that the user gave, and without what is burned in.

    That is looked for in the frames of ``examined``, its own where ``None``.

    Raises
    ------
    InputError
        Where it is surely no movie or image.
    """
    refuse_unfit(movie)
    if options.scale_bar_nm is not None:
        from temtrack.imaging.scale_bar import calibrate_by_scale_bar

        movie = calibrate_by_scale_bar(movie, options.scale_bar_nm)
    movie = movie.calibrated(options.pixel_size_nm, None)
    if options.keep_annotations:
        return movie
    hidden = hide_annotations(movie, examined)
    if hidden.burned_in:
        named = ", ".join(map(str, hidden.burned_in))
        warn(
            f"{movie.path}: burned in, left out: {named} (--keep-annotations looks there too)", TemtrackNotice
        )
    return hidden


@dataclass(frozen=True)
class SegmentStage:
    """A loaded model and how it is asked, for any number of images and movies."""

    segmenter: Segmenter
    options: SegmentOptions
    shown: Shown = NOTHING_SHOWN

    @classmethod
    def load(
        cls, options: SegmentOptions, device: str = "auto", shown: Shown = NOTHING_SHOWN
    ) -> SegmentStage:
        """Load the model of the options onto a device.

        Raises
        ------
        ModelError
            Where there is no such model.
        UsageError
            Where the machine lacks the device, or the model takes no prompts.
        """
        from temtrack.segmentation.segmenter import Segmenter

        segmenter = Segmenter(options.model, device, tta=options.takes_views)
        if options.is_prompted and not segmenter.takes_prompts:
            raise UsageError(
                f"--model {options.model}: takes no --points or --boxes; use one that does, as effsam-tiny"
            )
        return cls(segmenter, options, shown)

    def segment(self, movie: Movie, image: NDArray[Any], sight: Sight | None = None) -> Segmentation:
        """Segment a frame (Y, X) of a movie, shown in a way that is known or suits it.

        With prompts, an id tells which prompt it answers.
        """
        options = self.options
        if options.is_prompted:
            found = self.segmenter.predict_prompts(image, options.points, options.boxes)
            if least := options.min_area_px:
                kept = filter_fragments(found.labels, min_area_fraction=0.0, min_area_px=int(least))
                found = replace(found, labels=kept)
        else:
            seen = sight or self._find_sight(movie, image)
            found = self.segmenter.segment(image, seen, options.min_area_px)
        found = found.without_unsure(options.min_score)
        return replace(found, labels=mask_out(found.labels, movie.burned_in))

    def _find_sight(self, movie: Movie, image: NDArray[Any]) -> SightEstimate:
        """Return how a frame of a movie is shown, in one view if it is large and that is enough."""
        seen = find_sight(self.segmenter, image, movie, self.options)
        sight = with_views(self.segmenter, seen.sight, lambda _: image, movie, self.options)
        return replace(seen, sight=sight)

    def segment_file(
        self, source: Path, target: Path, request: Request, movie_suffix: str = ""
    ) -> SegmentationSummary:
        """Segment an image into ``target`` + ``_mask.tif``, or a movie into a folder of masks.

        Parameters
        ----------
        source
            An image or movie.
        target
            Where its result goes, without ending.
        request
            How it is asked for; the record of it stands in an image's mask, and as ``run.json`` among a
            movie's.
        movie_suffix
            Ending of a movie's folder.

        Raises
        ------
        InputError
            Where the source cannot be read.
        OutputError
            Where the result cannot be written, or would overwrite something.
        """
        movie = prepared(read_movie(source), self.options)
        self.options.check_prompts(movie)
        place = target.with_name(target.name + (MASK_SUFFIX if movie.n_frames == 1 else movie_suffix))
        summary = SegmentationSummary(movie, place)
        last = place if movie.n_frames == 1 else place / RUN_NAME  # what is written last
        may_overwrite = request.may_overwrite or (request.resume and not last.exists())
        if movie.n_frames == 1:
            check_output_file(place, may_overwrite)
            self.shown.check(target, may_overwrite)
            self._write_image(summary, request, target)
        else:
            check_output_folder(place, may_overwrite)
            self._write_movie(summary, request)
        summary.warn_of_emptiness()
        return summary

    def _write_image(self, summary: SegmentationSummary, request: Request, target: Path) -> None:
        movie, path = summary.movie, summary.place
        for own in (path, *self.shown.paths(target).values()):  # others may be at work in the folder
            remove_leftovers(own.parent, own.name)
        found = self.segment(movie, movie.read_frame(0))
        summary.add(found)
        record = self._record(summary, request)
        self.shown.write(target, movie, found, record)
        write_mask(path, found.labels, record.to_json())  # last: it says that the image is done

    def _write_movie(self, summary: SegmentationSummary, request: Request) -> None:
        movie, folder = summary.movie, summary.place
        with locked(folder):
            remove_leftovers(folder)
            remove_masks(folder)
            write = mask_writer(folder, movie, movie.calibration)
            sight = find_common_sight(self.segmenter, movie.read_frame, movie, self.options)
            sight = with_views(self.segmenter, sight, movie.read_frame, movie, self.options)
            for t in request.progress(range(movie.n_frames), "segmenting"):
                found = self.segment(movie, movie.read_frame(t), sight)
                write(t, found.labels)
                summary.add(found)
            self._retry(summary, write)
            write_run(folder, self._record(summary, request), movie.calibration)

    def _retry(self, summary: SegmentationSummary, write: MaskWriter) -> None:
        """Segment frames that are out of line anew, each shown as suits it alone; keep what is more usual."""
        for t, usual in frames_out_of_line(summary.counts).items():
            found = self.segment(summary.movie, summary.movie.read_frame(t))
            one = FrameSummary.of(found.labels, found.sight)
            if abs(one.n_particles - usual) < abs(summary.counts[t] - usual):
                write(t, found.labels)
                summary.frames[t] = one

    def _record(self, summary: SegmentationSummary, request: Request) -> Provenance:
        from temtrack.segmentation.sight import facts_of

        movie = summary.movie
        return Provenance(
            "segment",
            request.command,
            {"movie": movie_source(movie)},
            {"model": Source(self.segmenter.spec.name, self.segmenter.sha256)},
            self.options.to_json(),
            {
                "annotations": list(map(str, movie.burned_in)),
                **facts_of([frame.sight for frame in summary.frames]),
            },
        )


def find_sight(
    segmenter: Segmenter, image: NDArray[Any], movie: Movie, options: ModelOptions
) -> SightEstimate:
    """Return how an image of a movie is shown to the model, by what the user said and by what it shows.

    A polarity that contradicts the image is done as told, and said.
    """
    from temtrack.segmentation.sight import SightEstimate

    found = segmenter.find_sight(image, options.polarity, given_scale(options, movie))
    _tell_doubts(movie, options, [found])
    return found or SightEstimate(_given_sight(options, movie))


def find_common_sight(
    segmenter: Segmenter, show: Callable[[int], NDArray[Any]], movie: Movie, options: ModelOptions
) -> Sight:
    """Return one way for all frames of a movie, as it suits the first, the middle and the last of them.

    ``show`` returns a frame, alone or with its neighbours, by its number.
    """
    from temtrack.segmentation.sight import common_sight

    scale = given_scale(options, movie)
    found = [segmenter.find_sight(show(t), options.polarity, scale) for t in sample_frames(movie)]
    _tell_doubts(movie, options, found)
    return common_sight(found) or _given_sight(options, movie)


def given_scale(options: ModelOptions, movie: Movie) -> float | None:
    """Return the factor by which an image is resized for the model, where the user said how."""
    diameter = options.diameter_px(movie)
    if diameter is None:
        return options.rescale
    from temtrack.segmentation.scale import scale_for

    return scale_for(diameter)


def _given_sight(options: ModelOptions, movie: Movie) -> Sight:
    """Return how an image in which no particle is seen is shown: as it is, but for what the user said."""
    from temtrack.segmentation.sight import Sight

    return Sight(given_scale(options, movie) or 1.0, options.polarity == "bright")


def _tell_doubts(movie: Movie, options: ModelOptions, found: Sequence[SightEstimate | None]) -> None:
    known = [each for each in found if each is not None]
    told = ""
    if any(each.is_contradicted for each in known):
        other = "dark" if options.polarity == "bright" else "bright"
        told = f"--polarity {options.polarity} is done as told, but its particles look {other}"
    elif doubtful := [each for each in known if each.is_doubtful]:
        told = (
            f"the model is hardly sure of what it sees (confidence {doubtful[0].confidence:.2f}); look at "
            "the result, or say what you know by --diameter and --polarity"
        )
    if told:
        warn(f"{movie.path}: {told}")


@dataclass(frozen=True)
class FrameSummary:
    """Number of particles of a frame, their areas and diameters together, and how the model was shown it."""

    n_particles: int
    area_px: int
    diameters_px: float
    sight: Sight | None

    @classmethod
    def of(cls, labels: NDArray[np.integer], sight: Sight | None = None) -> FrameSummary:
        """Measure the particles of a frame, ids (Y, X)."""
        areas = measure_regions(labels).area_px
        return cls(len(areas), int(areas.sum()), float(np.sqrt(4 * areas / np.pi).sum()), sight)


@dataclass
class SegmentationSummary:
    """Counts and sizes of the particles found in one image or movie, whose masks lie at ``place``."""

    movie: Movie
    place: Path
    frames: list[FrameSummary] = field(default_factory=list)

    @property
    def counts(self) -> list[int]:
        """Number of particles of each frame."""
        return [frame.n_particles for frame in self.frames]

    def add(self, found: Segmentation) -> None:
        """Count the particles of one frame."""
        self.frames.append(FrameSummary.of(found.labels, found.sight))

    def warn_of_emptiness(self) -> None:
        """Tell of frames in which nothing was found, and of those unlike their neighbours."""
        n_frames, n_empty = self.movie.n_frames, self.counts.count(0)
        if n_empty:
            where = "" if n_frames == 1 else f" in {n_empty} of {n_frames} frames"
            left = "the mask is empty" if n_frames == 1 else "their masks are empty"
            message = f"{self.movie.path}: the model finds no particle{where}; {left}"
            warn(message)
        odd = {t: usual for t, usual in frames_out_of_line(self.counts).items() if self.counts[t]}
        if odd:
            named = ", ".join(f"{t} ({self.counts[t]} for {usual:g})" for t, usual in [*odd.items()][:10])
            message = f"{self.movie.path}: unlike its neighbours in the number of particles: frame {named}"
            warn(message)

    def row(self) -> dict[str, object]:
        """Return count (a mean over the frames of a movie), covered fraction of the field, mean diameter."""
        n_frames, pixel_size_nm = self.movie.n_frames, self.movie.calibration.pixel_size_nm
        n_particles, area_px = sum(self.counts), sum(frame.area_px for frame in self.frames)
        diameters_px = sum(frame.diameters_px for frame in self.frames)
        diameter_px = diameters_px / n_particles if n_particles else None
        return {
            "n_frames": n_frames,
            "n_particles": n_particles if n_frames == 1 else round(n_particles / n_frames, 2),
            "coverage": area_px / (n_frames * self.movie.height * self.movie.width),
            "mean_diameter_px": diameter_px,
            "mean_diameter_nm": diameter_px * pixel_size_nm if diameter_px and pixel_size_nm else None,
            "pixel_size_nm": pixel_size_nm,
        }
