"""From a run's masks, of this program or another, to all tables."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count

import numpy as np

from temtrack.analysis.approach import ApproachWatch
from temtrack.analysis.confidence import MergeJudge
from temtrack.analysis.frames import measure_frames
from temtrack.analysis.merges import NeckWatch, measure_merges
from temtrack.analysis.particles import Columns, ParticleHistory, measure_particles
from temtrack.analysis.refit import Refit
from temtrack.analysis.relinking import Renumber, relink
from temtrack.analysis.tracks import measure_tracks
from temtrack.calibration import Calibration
from temtrack.imaging.labels import LabelImage
from temtrack.masks import Run
from temtrack.movie import Movie
from temtrack.progress import Progress, silent
from temtrack.tables import FRAMES, MERGES, PARTICLES, TRACKS, Tables


def analyze_run(
    run: Run,
    movie: Movie | None,
    calibration: Calibration,
    merges: bool = True,
    progress: Progress = silent,
) -> Tables:
    """Measure particles, tracks, frames and merges.

    Where the tracker left no family tree it is found from the masks, if ``merges``; then masks that are
    renumbered in every frame are told in other ids. Memory holds one frame at a time, and the tables.

    Parameters
    ----------
    run
        The masks and what is known of them.
    movie
        Grey frames, those of the masks, for ``mean_intensity``, ``optical_mass`` and ``edge_diameter_px``; or
        ``None``.
    calibration
        Scale and time as far as they are known.
    merges
        Whether merges are told, and fates where nobody told them.
    progress
        Stands around the frames.

    Raises
    ------
    InputError
        Where masks are no integer images of one size, or do not fit the movie.
    """
    renumber: Renumber | None = None
    if merges and run.lineage is None:
        run, renumber = relink(run, progress)
    if movie is not None:
        run.masks.check_fit(movie)
    lineage = run.lineage
    watches = None if lineage is None else (NeckWatch(lineage), ApproachWatch(lineage))
    images = map(LabelImage, progress(run.masks, "measuring"))
    if renumber is not None:
        images = map(renumber, images, count())
    particles = _measure_all_particles(run, images, movie, watches or ())
    history, size = ParticleHistory(particles), (run.masks.height, run.masks.width)
    judge = MergeJudge(history, run.reviewed, None if run.refit is None else Refit(*run.refit))
    told = None if lineage is None or watches is None else measure_merges(history, lineage, *watches, judge)
    frames = measure_frames(particles, (len(run.masks), *size), lineage, run.quality, run.seen_fraction)
    return Tables(
        particles=PARTICLES.fill(particles, calibration),
        tracks=TRACKS.fill(measure_tracks(history, lineage, judge), calibration),
        frames=FRAMES.fill(frames, calibration),
        merges=None if told is None or not merges else MERGES.fill(told, calibration),
        field_px=size,
        calibration=calibration,
        is_relinked=renumber is not None,
    )


def _measure_all_particles(
    run: Run,
    images: Iterable[LabelImage],
    movie: Movie | None,
    watches: Iterable[NeckWatch | ApproachWatch],
) -> Columns:
    """Return the rows of all frames one after another."""
    parts: list[Columns] = []
    for frame, labels in enumerate(images):
        image = None if movie is None else movie.read_frame(frame)
        filled = None if run.gap_filled is None else run.gap_filled.get(frame, frozenset())
        parts.append(measure_particles(labels, image, frame, filled, run.sightings(frame)))
        for watch in watches:
            watch.add(frame, labels)
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
