"""Masks: which pixel is which particle in each frame; a run: masks with all that is known of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from temtrack.calibration import UNCALIBRATED, Calibration, given_calibration
from temtrack.errors import InputError
from temtrack.lineage import Lineage
from temtrack.movie import Movie
from temtrack.provenance import Provenance, Source

#: Ids (Y, X), 0 background.
Labels = NDArray[np.integer]


@dataclass(frozen=True)
class Masks:
    """Ids (T, Y, X) of a movie's particles, read one frame at a time: ``masks[t]`` is (Y, X), 0 background.

    Parameters
    ----------
    path
        Folder or stack that they come from; what an error names.
    n_frames, height, width
        Their size.
    read_frame
        Reads the ids (Y, X) of frame ``t``, from 0.
    files
        The files whose content decides on the ids.
    """

    path: Path
    n_frames: int
    height: int
    width: int
    read_frame: Callable[[int], Labels]
    files: tuple[Path, ...] = ()

    def __len__(self) -> int:
        return self.n_frames

    def __getitem__(self, t: int) -> Labels:
        if not 0 <= t < self.n_frames:
            raise IndexError(t)
        labels = self.read_frame(t)
        _refuse_no_labels(labels, t)
        if labels.shape != (self.height, self.width):
            raise InputError(
                f"{self.path}: mask of frame {t} is {labels.shape[0]}x{labels.shape[1]} px, the first one "
                f"{self.height}x{self.width} px; masks of a movie have one size"
            )
        return labels

    def __iter__(self) -> Iterator[Labels]:
        return (self[t] for t in range(self.n_frames))

    def take(self, frames: range) -> Masks:
        """Return only the masks of these frames, counted anew from 0."""
        return replace(self, n_frames=len(frames), read_frame=lambda t: self.read_frame(frames[t]))

    def check_fit(self, other: Movie | Masks) -> None:
        """Refuse a movie, or other masks, of another number or size of frames.

        Raises
        ------
        InputError
            Where they do not fit.
        """
        sizes = [(one.n_frames, one.height, one.width) for one in (self, other)]
        if sizes[0] != sizes[1]:
            own, others = ("{} frames of {}x{} px".format(*size) for size in sizes)
            raise InputError(
                f"{self.path}: the masks are {own}, but {other.path} holds {others}; give masks and movie of "
                "the same frames"
            )


def masks_of_arrays(arrays: Sequence[NDArray[Any]] | NDArray[Any], path: Path = Path("array")) -> Masks:
    """Return ids (T, Y, X), or those (Y, X) of one image, as masks.

    Raises
    ------
    InputError
        Where there is no frame, or the first holds no integer ids (Y, X).
    """
    frames = [arrays] if isinstance(arrays, np.ndarray) and arrays.ndim == 2 else arrays
    if not len(frames):
        raise InputError("no masks: 0 frames; give at least one")
    _refuse_no_labels(frames[0], 0)
    height, width = frames[0].shape
    return Masks(path, len(frames), height, width, frames.__getitem__)


def _refuse_no_labels(labels: NDArray[Any], frame: int) -> None:
    if labels.ndim != 2 or not np.issubdtype(labels.dtype, np.integer):
        raise InputError(
            f"mask of frame {frame} is {labels.dtype} of shape {labels.shape}: masks are integer ids (Y, X)"
            " with 0 background; save it as uint16 labels"
        )


@dataclass(frozen=True)
class Run:
    """Masks and what is known of them; of another program's masks nearly all is unknown.

    Parameters
    ----------
    masks
        Ids (T, Y, X), read one frame at a time.
    lineage
        Family tree in the ids of the masks; ``None`` where nobody told it.
    calibration
        Scale and time as the tracker knew them.
    gap_filled
        By frame, the ids that were drawn where they were expected, since the segmentation lacks them there;
        a frame without any may be missing. ``None`` where the tracker is unknown.
    quality
        A word on each frame, (T,): ``good``, ``blank``, ``blurred`` or ``jump``; ``None`` where unknown.
    reviewed
        Frame and child of the merges that a person accepted, mended or added.
    refit
        Offset and slope by which the logit of the merges' confidence was refitted to what a person said of
        some; ``None`` where it was not.
    provenance
        What was run on what.
    frame_range
        Which frames of its movie the tracker was given; ``None`` for all.
    ctc_parents
        One parent of each id that has one, as a table of the Cell Tracking Challenge tells it.
    contours
        By frame, the masks of a CTC folder ``SEG``, whose particles have better contours; often none.
    seen_fraction
        The share of each frame (T,) that a model saw, where it saw only what had changed; ``None`` where
        unknown.
    """

    masks: Masks
    lineage: Lineage | None = None
    calibration: Calibration = UNCALIBRATED
    gap_filled: Mapping[int, Set[int]] | None = None
    quality: Sequence[str | None] | None = None
    reviewed: Set[tuple[int, int]] = frozenset()
    refit: tuple[float, float] | None = None
    provenance: Provenance | None = None
    frame_range: range | None = None
    ctc_parents: Mapping[int, int] = field(default_factory=dict)
    contours: Mapping[int, Path] = field(default_factory=dict)
    seen_fraction: Sequence[float | None] | None = None

    @property
    def path(self) -> Path:
        """Folder or stack of the masks."""
        return self.masks.path

    @property
    def models(self) -> Mapping[str, Source]:
        """The models of the tracker's run."""
        return {} if self.provenance is None else self.provenance.models

    @property
    def movie(self) -> Source | None:
        """The movie of the tracker's run."""
        return None if self.provenance is None else self.provenance.inputs.get("movie")

    def given_calibration(self, pixel_size_nm: float | None, frame_time_s: float | None) -> Calibration:
        """Return what a user says of scale and time; the masks of a piece of a movie keep its times."""
        numbers = range(len(self.masks)) if self.frame_range is None else self.frame_range
        return given_calibration(pixel_size_nm, frame_time_s, numbers)

    def frames_of(self, movie: Movie) -> Movie:
        """Return those frames of the tracker's movie that the masks are of.

        Raises
        ------
        InputError
            Where they do not fit.
        """
        frames = self.frame_range
        if frames is not None and len(movie) > max(len(self.masks), frames[-1]):
            movie = movie.take(frames)
        self.masks.check_fit(movie)
        return movie
