"""A run: the masks of a movie with all that is known of them, wherever they come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path

from temtrack.calibration import UNCALIBRATED, Calibration, given_calibration
from temtrack.lineage import Lineage
from temtrack.masks import Masks
from temtrack.movie import Movie
from temtrack.provenance import Provenance, Source


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
        A word on each frame, (T,): ``good``, ``blank``, ``blurred`` or ``jump``.
    provenance
        What was run on what.
    frame_range
        Which frames of its movie the tracker was given; ``None`` for all.
    ctc_parents
        One parent of each id that has one, as a table of the Cell Tracking Challenge tells it.
    contours
        By frame, the masks of a CTC folder ``SEG``, whose particles have better contours; often none.
    """

    masks: Masks
    lineage: Lineage | None = None
    calibration: Calibration = UNCALIBRATED
    gap_filled: Mapping[int, Set[int]] | None = None
    quality: Sequence[str] | None = None
    provenance: Provenance | None = None
    frame_range: range | None = None
    ctc_parents: Mapping[int, int] = field(default_factory=dict)
    contours: Mapping[int, Path] = field(default_factory=dict)

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
