"""From a series of masks, of this program or another, to all tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from temtrack.analysis.frames import measure_frames
from temtrack.analysis.merges import NeckWatch, measure_merges
from temtrack.analysis.particles import Columns, ParticleHistory, measure_particles
from temtrack.analysis.tracks import measure_tracks
from temtrack.analysis.translation import IdTranslation
from temtrack.errors import InputError
from temtrack.lineage import Lineage
from temtrack.linking import link_masks
from temtrack.movie import Movie
from temtrack.tables import FRAMES, MERGES, PARTICLES, TABLES, TRACKS, Calibration

Labels = NDArray[np.integer]

#: Stands around the frames while they are walked through: a progress bar, for one.
Watch = Callable[[Iterable[Labels]], Iterable[Labels]]


class Masks(Protocol):
    """Label images (Y, X) in the order of frames, which can be walked through more than once."""

    def __len__(self) -> int:
        """Return the number of frames."""
        ...

    def __iter__(self) -> Iterator[Labels]:
        """Walk through the frames from the first."""
        ...


@dataclass(frozen=True)
class TrackerRecord:
    """What the tracker that made the masks left beside them; all unknown for another program's masks.

    Parameters
    ----------
    lineage
        Family tree in the ids of the masks.
    carried
        By frame, the ids whose mask was carried over from other frames; a frame without any may be missing.
    quality
        A word on each frame, (T,).
    """

    lineage: Lineage | None = None
    carried: Mapping[int, Set[int]] | None = None
    quality: Sequence[str] | None = None


@dataclass(frozen=True)
class Tables:
    """The tables of a movie's masks, and what they stand on.

    Parameters
    ----------
    particles, tracks, frames, merges
        As `temtrack.tables` describes them; ``merges`` is ``None`` where the family tree is unknown.
    field_px
        (height, width) of the masks.
    calibration
        Scale and time of the tables.
    has_own_ids
        Where the masks' ids name no particles, and the tables use others, found by linking.
    """

    particles: pa.Table
    tracks: pa.Table
    frames: pa.Table
    merges: pa.Table | None
    field_px: tuple[int, int]
    calibration: Calibration
    has_own_ids: bool = False

    def items(self) -> Iterator[tuple[str, pa.Table]]:
        """Yield name and content of each table that there is."""
        for kind in TABLES:
            if (table := getattr(self, kind.name)) is not None:
                yield kind.name, table


def analyze_masks(
    masks: Masks,
    record: TrackerRecord,
    movie: Movie | None,
    calibration: Calibration,
    watch: Watch = iter,
) -> Tables:
    """Measure particles, tracks, frames and, where the family tree is known, merges.

    Memory holds one frame at a time, and the tables.

    Parameters
    ----------
    masks
        Label images of one size.
    record
        What is known from the tracker; `find_lineage` gives a family tree where it left none.
    movie
        Grey frames for ``mean_intensity``, of the same number and size; or ``None``.
    calibration
        Scale and time as far as they are known.
    watch
        Stands around the frames while they are measured.

    Raises
    ------
    InputError
        Where masks are no integer images of one size, or do not fit the movie.
    """
    lineage = record.lineage
    necks = None if lineage is None else NeckWatch(lineage)
    particles, shape = _measure_all_particles(masks, record, movie, watch, necks)
    history = ParticleHistory(particles)
    frames = measure_frames(particles, shape, lineage, record.quality)
    tracks = measure_tracks(history, lineage)
    merges = None if lineage is None or necks is None else measure_merges(history, lineage, necks)
    return Tables(
        particles=PARTICLES.fill(particles, calibration),
        tracks=TRACKS.fill(tracks, calibration),
        frames=FRAMES.fill(frames, calibration),
        merges=None if merges is None else MERGES.fill(merges, calibration),
        field_px=shape[1:],
        calibration=calibration,
    )


def _measure_all_particles(
    masks: Masks, record: TrackerRecord, movie: Movie | None, watch: Watch, necks: NeckWatch | None
) -> tuple[Columns, tuple[int, int, int]]:
    """Return the rows of all frames one after another, and (T, Y, X)."""
    parts: list[Columns] = []
    shape: tuple[int, int] | None = None
    for frame, labels in enumerate(watch(masks)):
        shape = check_labels(labels, frame, shape)
        image = None if movie is None else _image(movie, frame, len(masks), shape)
        carried = None if record.carried is None else record.carried.get(frame, frozenset())
        parts.append(measure_particles(labels, image, frame, carried))
        if necks is not None:
            necks.add(frame, labels)
    if shape is None:
        raise InputError("no masks to analyse: 0 frames; give at least one")
    particles = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return particles, (len(parts), *shape)


def find_lineage(masks: Masks, watch: Watch = iter) -> Lineage:
    """Find the family tree of masks from their regions alone, in the ids that they carry.

    So merges come out also where the tracker kept a parent's id on for the child.
    """
    return find_family(masks, watch)[1]


def find_family(masks: Masks, watch: Watch = iter) -> tuple[Masks, Lineage]:
    """Find the family tree of masks from their regions alone, and the masks in its ids.

    These are the given masks and ids. Only where the ids are renumbered from frame to frame, and so name no
    particles, it is the masks and ids that linking gives.
    """
    linked = link_masks(_checked(watch(masks)))
    translation = IdTranslation()
    for frame, given_labels in zip(linked, masks, strict=True):
        translation.add(frame.labels, given_labels)
    if translation.tells_nothing():
        return _Relinked(masks), linked.lineage
    return masks, translation.translate(linked.lineage)


def _checked(masks: Iterable[Labels]) -> Iterator[Labels]:
    """Yield the masks; `InputError` where one does not fit."""
    shape: tuple[int, int] | None = None
    for frame, labels in enumerate(masks):
        shape = check_labels(labels, frame, shape)
        yield labels


class _Relinked:
    """Masks in the ids that linking gives them; linked anew in each walk, so that memory stays small."""

    def __init__(self, masks: Masks) -> None:
        self._masks = masks

    def __len__(self) -> int:
        return len(self._masks)

    def __iter__(self) -> Iterator[Labels]:
        return (frame.labels for frame in link_masks(self._masks))


def check_labels(labels: NDArray[Any], frame: int, shape: tuple[int, int] | None) -> tuple[int, int]:
    """Return the size of a frame's labels; ``shape`` is that of the frames before, ``None`` at first.

    Raises
    ------
    InputError
        Where the labels are no integer image, or their size is not that of the frames before.
    """
    if labels.ndim != 2 or not np.issubdtype(labels.dtype, np.integer):
        raise InputError(
            f"mask of frame {frame} is {labels.dtype} of shape {labels.shape}: masks are integer ids (Y, X)"
            " with 0 background; save it as uint16 labels"
        )
    if shape is not None and labels.shape != shape:
        raise InputError(
            f"mask of frame {frame} is {labels.shape[0]} x {labels.shape[1]} px, those before"
            f" {shape[0]} x {shape[1]} px: all masks of a folder have one size; analyse them in two folders"
        )
    return labels.shape[0], labels.shape[1]


def _image(movie: Movie, frame: int, n_frames: int, shape: tuple[int, int]) -> NDArray[Any]:
    sizes = (movie.n_frames, movie.height, movie.width), (n_frames, *shape)
    if sizes[0] != sizes[1]:
        movie_size, mask_size = ("{} frames of {} x {} px".format(*size) for size in sizes)
        raise InputError(
            f"{movie.path}: {movie_size}, but the masks are {mask_size};"
            " give the movie that the masks were made from"
        )
    return movie.read_frame(frame)
