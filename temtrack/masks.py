"""Masks: which pixel is which particle in each frame; where a model saw them; a run with all of that."""

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
class Sightings:
    """Particles that a model saw in a frame, whatever ids they bear in the end.

    Parameters
    ----------
    at_px
        (N, 2) int32, y and x of a pixel well inside each.
    score
        (N,) float32, how likely each is a particle, 0 to 1.
    """

    at_px: NDArray[np.int32]
    score: NDArray[np.float32]

    @classmethod
    def of(cls, labels: NDArray[np.integer], score: NDArray[np.float32]) -> Sightings:
        """Return the particles of labels (Y, X) whose score, at ``id - 1``, is known."""
        ids, at_px = _middles(labels)
        of_each = score[ids - 1].astype(np.float32)
        is_known = np.isfinite(of_each)
        return cls(at_px[is_known], of_each[is_known])

    def moved(self, step_px: tuple[int, int], labels: NDArray[np.integer]) -> Sightings:
        """Return those of a picture that has moved by (y, x), which lie in particles of its labels (Y, X)."""
        at = self.at_px + np.asarray(step_px, np.int32)
        is_left = _ids_at(at, labels) > 0
        return Sightings(at[is_left], self.score[is_left])

    def updated(self, newer: Sightings, labels: NDArray[np.integer]) -> Sightings:
        """Return one for each particle of labels (Y, X) that has any, the newer one where it has both."""
        at = np.concatenate([newer.at_px, self.at_px])
        ids, first = np.unique(_ids_at(at, labels), return_index=True)
        first = first[ids > 0]
        return Sightings(at[first], np.concatenate([newer.score, self.score])[first])

    def scores(self, labels: NDArray[np.integer], ids: NDArray[np.integer]) -> NDArray[np.float64]:
        """Return the score of each id (N,), ascending, in labels (Y, X); of several the best, NaN of none."""
        here = _ids_at(self.at_px, labels)
        place = np.searchsorted(ids, here)
        is_one = (here > 0) & (place < ids.size)
        best = np.full(ids.size, -np.inf)
        np.maximum.at(best, place[is_one], self.score[is_one])
        return np.where(np.isfinite(best), best, np.nan)


def _middles(labels: NDArray[np.integer]) -> tuple[NDArray[np.integer], NDArray[np.int32]]:
    """Return the ids (N,) of labels (Y, X), and the middle (N, 2) of the run that has half of each above."""
    flat = labels.ravel()
    starts = np.flatnonzero(np.append(True, flat[1:] != flat[:-1]))
    lengths, ids = np.diff(starts, append=flat.size), flat[starts]
    order = np.argsort(ids, kind="stable")
    order = order[ids[order] > 0]
    stops = np.cumsum(lengths[order])
    is_last = np.diff(ids[order], append=-1) != 0
    ends = stops[is_last]
    half = (ends + np.append(0, ends)[: ends.size]) // 2
    middle = order[np.searchsorted(stops, half, side="right")]
    at_px = np.stack(np.divmod(starts[middle] + lengths[middle] // 2, labels.shape[1]), axis=1)
    return ids[middle], at_px.astype(np.int32)


def _ids_at(at_px: NDArray[np.int32], labels: NDArray[np.integer]) -> NDArray[np.integer]:
    """Return the id at each place (N, 2), 0 outside of the image."""
    y, x = at_px.T
    is_inside = (y >= 0) & (y < labels.shape[0]) & (x >= 0) & (x < labels.shape[1])
    return np.where(is_inside, labels[np.where(is_inside, y, 0), np.where(is_inside, x, 0)], 0)


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
    sightings
        Tells by a frame's number where a model saw particles, and how likely each is one; ``None`` where
        nobody knows.
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
    sightings: Callable[[int], Sightings | None] = lambda t: None

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
