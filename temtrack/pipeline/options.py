"""The options of each stage, each default stated once: what commands and Python functions share."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from temtrack.errors import InputError, UsageError
from temtrack.linking.config import LinkingConfig
from temtrack.models.registry import DEFAULT_MODEL, DEFAULT_TRACKER, DEFAULT_TTA, Polarity
from temtrack.pipeline.given import parse_numbers, parse_width, width_px
from temtrack.pipeline.recorded import Options

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from temtrack.movie import Movie

    Places = NDArray[np.float64]
else:
    Places = Any  # to parse a command line takes no arrays

#: Two names of columns, or three where date and time are two.
_TWO_NAMES = re.compile(r"\s*[^,\s][^,]*(,\s*[^,\s][^,]*){1,2}")

#: Factors by which an image may be resized for a model.
MIN_RESCALE, MAX_RESCALE = 0.05, 20.0

#: Where frames are taken as they come so many tell how all are shown.
N_FIRST = 5

POLARITIES: tuple[Polarity, ...] = get_args(Polarity)


@dataclass(frozen=True, kw_only=True)
class ModelOptions(Options):
    """How particles are found in an image.

    Parameters
    ----------
    model
        A model that ``temtrack models`` lists, the folder of a training run, or two joined by ``+``.
    tta
        Test-time augmentation: a network sees each image twice, the second time shifted by half a patch, and
        the mean of both counts. It takes twice as long, and contours are finer. Where ``None``, so is each
        image and each short movie; of a longer one some frames tell whether it would see the same once.
    diameter
        Width of a typical particle, as ``8px`` or ``4nm``, from which follows the size at which the model
        sees the image; found from the image where ``None``.
    rescale
        The same as a factor by which the image is resized for the model.
    polarity
        Whether particles are ``dark`` or ``bright``; with ``auto`` the image decides.
    min_area_px
        Smaller particles are left out; where ``None`` those below a twentieth of the typical one.
    min_score
        Particles of a lower score are left out; see `temtrack.segmentation.model.Segmentation`.
    keep_annotations
        Whether particles are looked for in burned-in annotation bars, scale bars and letters too.
    pixel_size_nm
        Side of a pixel; counts before the file's own.
    scale_bar_nm
        Length of the scale bar drawn in the image, which is found and measured.
    """

    model: str = DEFAULT_MODEL
    tta: bool | None = None
    diameter: str | None = None
    rescale: float | None = None
    polarity: Polarity = "auto"
    min_area_px: float | None = None
    min_score: float = 0.0
    keep_annotations: bool = False
    pixel_size_nm: float | None = None
    scale_bar_nm: float | None = None

    def __post_init__(self) -> None:
        if self.diameter is not None and self.rescale is not None:
            raise UsageError("--diameter and --rescale both say how large a model sees particles; give one")
        if self.rescale is not None and not MIN_RESCALE <= self.rescale <= MAX_RESCALE:
            raise UsageError(
                f"--rescale {self.rescale:g}: allowed are factors from {MIN_RESCALE:g} to {MAX_RESCALE:g}"
            )
        if self.diameter is not None:
            parse_width(self.diameter, "--diameter")
        _check_score(self.min_score)
        if self.polarity not in POLARITIES:
            raise UsageError(f"--polarity {self.polarity}: allowed are {', '.join(POLARITIES)}")

    @property
    def takes_views(self) -> bool:
        """Whether a network may see images twice."""
        return DEFAULT_TTA if self.tta is None else self.tta

    def diameter_px(self, movie: Movie) -> float | None:
        """Return the given width of a typical particle in the movie's pixels.

        Raises
        ------
        UsageError
            Where it is given in nm and the pixel size is unknown, or is larger than the image.
        """
        if self.diameter is None:
            return None
        scale = None if movie.pixel_size is None else movie.pixel_size.nm
        diameter = width_px(self.diameter, "--diameter", scale, f" of {movie.path}")
        if not 1 <= diameter <= max(movie.height, movie.width):
            raise UsageError(
                f"--diameter {self.diameter}: is {diameter:.3g} px, and {movie.path} is "
                f"{movie.height}x{movie.width} px; give the width of one particle, from 1 px on"
            )
        return diameter


@dataclass(frozen=True, kw_only=True)
class SegmentOptions(ModelOptions):
    """How an image or the frames of a movie are segmented.

    Parameters
    ----------
    points, boxes
        Only the particles at these points (N, 2) as y, x, or in these boxes (N, 4) as y0, x0, y1, x1.
    """

    points: Places | None = None
    boxes: Places | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.points is not None and self.boxes is not None:
            raise UsageError("--points and --boxes are two ways to name particles; give one of them")

    @property
    def is_prompted(self) -> bool:
        """Whether single particles are asked for."""
        return self.points is not None or self.boxes is not None

    def check_prompts(self, movie: Movie) -> None:
        """Refuse prompts for a movie, and those that lie outside the image.

        Raises
        ------
        InputError
            Where there are such.
        """
        corners = [p.reshape(-1, 2) for p in (self.points, self.boxes) if p is not None]
        if not corners:
            return
        if movie.n_frames > 1:
            raise InputError(f"{movie.path}: is a movie; --points and --boxes name places in one image")
        import numpy as np  # to parse a command line takes no arrays

        yx = np.concatenate(corners)
        outside = ((yx < 0) | (yx > (movie.height, movie.width))).any(axis=1)
        if outside.any():
            y, x = yx[outside][0]
            raise InputError(
                f"{movie.path}: prompt x={x:g}, y={y:g} lies outside the image, {movie.width} px wide and "
                f"{movie.height} px high"
            )


@dataclass(frozen=True, kw_only=True)
class TrackOptions(ModelOptions):
    """How the particles of a movie are followed.

    Parameters
    ----------
    tracker
        What follows ids from frame to frame: ``overlap``, ``trackpy``, a DeAOT that ``temtrack models``
        lists, or the folder of its training run.
    n_neighbours
        Frames on either side of one whose means a network is shown beside it, at most; 0 for none.
    every_frame
        Whether a model sees the whole of every frame; otherwise only what has changed by more than noise,
        and the whole of every tenth frame.
    follow
        Whether frames are taken as they come: then the first ones tell how all are shown to a model, and not
        those of the whole movie.
    max_gap_frames
        Frames through which a particle is followed unseen.
    frame_time_s
        Time between two frames; counts before the file's own.
    frames
        Only this piece of the movie.
    prompts
        Only the families of the particles at these points (N, 3), frame, y and x, or in these boxes (N, 5),
        frame, y0, x0, y1 and x1; a model that takes prompts outlines them so. Frames count from the first
        that is tracked.
    first_mask
        Only the families of the particles in this mask, which is of the first frame.
    corrections
        A reviewed run of the same movie: in frames whose outlines a person corrected, or said to be right,
        these count in place of the model's.
    """

    tracker: str = DEFAULT_TRACKER
    n_neighbours: int = 4
    every_frame: bool = False
    follow: bool = False
    max_gap_frames: int = LinkingConfig.max_gap_frames
    frame_time_s: float | None = None
    frames: slice | None = None
    prompts: Places | None = None
    first_mask: Path | None = None
    corrections: Path | None = None

    @property
    def linking(self) -> LinkingConfig:
        """Thresholds of linking what was found; it looks as far ahead as a gap may last."""
        look_ahead = max(LinkingConfig.look_ahead_frames, self.max_gap_frames + 2)
        return LinkingConfig(look_ahead_frames=look_ahead, max_gap_frames=self.max_gap_frames)


@dataclass(frozen=True, kw_only=True)
class TableOptions(Options):
    """What a user says of the tables of masks; scale and time count before what masks, tables and movie know.

    Parameters
    ----------
    pixel_size_nm, frame_time_s
        Side of a pixel and time between frames.
    min_confidence
        Merges of a lower confidence are left out, 0 to 1; those of an unknown one stay.
    """

    pixel_size_nm: float | None = None
    frame_time_s: float | None = None
    min_confidence: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.min_confidence <= 1:
            raise UsageError(f"--min-confidence {self.min_confidence:g}: give a number from 0 to 1, as 0.5")


@dataclass(frozen=True, kw_only=True)
class CorrectOptions(Options):
    """How corrections are applied to a run.

    Parameters
    ----------
    refit_confidence
        Whether the confidence of the merges that nobody reviewed is fitted anew to those reviewed.
    """

    refit_confidence: bool = False


@dataclass(frozen=True, kw_only=True)
class MeasureOptions(TableOptions):
    """What a user says of the tables of masks, and of their temperature.

    Parameters
    ----------
    heater_log
        Log of the heating holder, for the temperature of each frame.
    heater_columns
        Its columns of time and temperature, where no preset fits, as ``Elapsed [s],Temp [C]``.
    heater_offset_s
        Time of the log at the movie's 0 s, beyond what their clocks tell.
    """

    heater_log: Path | None = None
    heater_columns: str | None = None
    heater_offset_s: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for flag, given in (
            ("--heater-offset", self.heater_offset_s),
            ("--heater-columns", self.heater_columns),
        ):
            if given is not None and self.heater_log is None:
                raise UsageError(f"{flag} is for a heater's log; give it with --heater-log FILE")
        if self.heater_columns is not None and not _TWO_NAMES.fullmatch(self.heater_columns):
            raise UsageError(
                f"--heater-columns {self.heater_columns!r}: not understood; give the names of the columns of "
                "time and temperature, with units where the header has none, as in 'Elapsed [s],Temp [C]'"
            )


@dataclass(frozen=True, kw_only=True)
class AnalyzeOptions(MeasureOptions):
    """What is measured of masks.

    Parameters
    ----------
    merges
        Whether merges and fates are told; found from the masks where no lineage lies beside them.
    scale_bar_nm
        Length of the scale bar drawn in the movie.
    """

    merges: bool = True
    scale_bar_nm: float | None = None


@dataclass(frozen=True, kw_only=True)
class KineticsOptions(MeasureOptions):
    """How the kinetics of a run are measured.

    Parameters
    ----------
    temperature_k
        Temperature of the run in K.
    seed
        Of the draws behind the intervals.
    exclude_frames, exclude_ids
        Frames, and particles, that are left out, as ``0:5,17``; a range ends before its last number.
    min_diameter
        Particles are left out while they are smaller, as ``8px`` or ``4nm``.
    min_score
        Particles are left out in frames where their score is lower; those without a score stay.
    log
        CSV of what else was logged, with a column ``time (s)``: rates are told over each of its columns.
    material
        Symbol of the particles' metal, as ``Pt``, for atoms and surface.
    sensitivity
        Whether to tell how far each quantity moves where doubtful merges, small particles or the first frames
        are left out, which takes four times as long.
    """

    temperature_k: float | None = None
    seed: int = 0
    exclude_frames: str | None = None
    exclude_ids: str | None = None
    min_diameter: str | None = None
    min_score: float = 0.0
    material: str | None = None
    log: Path | None = None
    sensitivity: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_score(self.min_score)
        parse_numbers(self.exclude_frames, "--exclude-frames")
        parse_numbers(self.exclude_ids, "--exclude-ids")
        if self.min_diameter is not None:
            parse_width(self.min_diameter, "--min-diameter")
        if self.temperature_k is not None and self.heater_log is not None:
            raise UsageError("--temperature and --heater-log both tell the temperature; give one of them")

    @property
    def excluded(self) -> tuple[list[int], list[int]]:
        """Numbers of the frames, and the ids, that are left out."""
        frames = parse_numbers(self.exclude_frames, "--exclude-frames")
        return frames, parse_numbers(self.exclude_ids, "--exclude-ids")

    def min_diameter_px(self, pixel_size_nm: float | None) -> float:
        """Return the least diameter in pixels, 0 where none was given.

        Raises
        ------
        UsageError
            Where it is given in nm and the pixel size is unknown.
        """
        if self.min_diameter is None:
            return 0.0
        return width_px(self.min_diameter, "--min-diameter", pixel_size_nm)


def _check_score(min_score: float) -> None:
    if not 0 <= min_score <= 1:
        raise UsageError(f"--min-score {min_score:g}: allowed are scores from 0 to 1")
