"""Track the particles of a movie, in memory or into a folder: Algorithm 1 with a model and a tracker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from temtrack.analysis.out_of_line import frames_out_of_line
from temtrack.errors import UsageError, warn
from temtrack.formats.readers import read_movie
from temtrack.formats.store.run import open_run
from temtrack.masks import Run
from temtrack.models.registry import Polarity
from temtrack.movie import Movie, movie_of_array
from temtrack.pipeline.options import TrackOptions
from temtrack.pipeline.request import Request
from temtrack.pipeline.tracking_plan import TrackStage
from temtrack.pipeline.tracking_run import track_in_memory, track_into
from temtrack.progress import Progress, silent
from temtrack.tables import BAD_FRAMES
from temtrack.tracking.checkpoint import RESUME_NAME, check_tracking_folder
from temtrack.tracking.report import TrackingReport

_DEFAULT = TrackOptions()


def track(
    movie: Movie | NDArray[Any],
    output: Path | str | None = None,
    *,
    model: str = _DEFAULT.model,
    tta: bool | None = _DEFAULT.tta,
    diameter: str | None = _DEFAULT.diameter,
    rescale: float | None = _DEFAULT.rescale,
    polarity: Polarity = _DEFAULT.polarity,
    min_area_px: float | None = _DEFAULT.min_area_px,
    min_score: float = _DEFAULT.min_score,
    tracker: str = _DEFAULT.tracker,
    n_neighbours: int = _DEFAULT.n_neighbours,
    every_frame: bool = _DEFAULT.every_frame,
    follow: bool = _DEFAULT.follow,
    max_gap_frames: int = _DEFAULT.max_gap_frames,
    masks: Path | str | None = None,
    pixel_size_nm: float | None = _DEFAULT.pixel_size_nm,
    scale_bar_nm: float | None = _DEFAULT.scale_bar_nm,
    frame_time_s: float | None = _DEFAULT.frame_time_s,
    frames: slice | None = _DEFAULT.frames,
    prompts: NDArray[np.float64] | None = _DEFAULT.prompts,
    first_mask: Path | None = _DEFAULT.first_mask,
    corrections: Path | None = _DEFAULT.corrections,
    keep_annotations: bool = _DEFAULT.keep_annotations,
    device: str = "auto",
    force: bool = False,
    progress: Progress = silent,
) -> Run:
    """Follow every particle of a movie, through merges too.

    Parameters
    ----------
    movie
        From `read_movie`, or an array (T, Y, X).
    output
        Folder for the masks, which then stay out of the memory; as ``temtrack track`` writes it.
    masks
        A folder of segmented frames in place of a model.
    device
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    force
        Overwrite what is in ``output``.
    progress
        Shows how far it is; ``tqdm`` does.
    model, tta, diameter, rescale, polarity, min_area_px, min_score, tracker, n_neighbours
        See `TrackOptions`.
    every_frame, follow, max_gap_frames, pixel_size_nm, scale_bar_nm, frame_time_s, frames, keep_annotations
        See `TrackOptions`.
    prompts, first_mask, corrections
        See `TrackOptions`.

    Returns
    -------
    ``masks``, ids (Y, X) of each frame, the same for the same particle; ``lineage``, the family tree with
    all merges; ``calibration``, scale and time.

    Raises
    ------
    TemtrackError
        Where movie, model or folder cannot be used; the message says what would help.

    Examples
    --------
    >>> import numpy as np
    >>> import temtrack
    >>> y, x = np.mgrid[:64, :128]
    >>> disc = np.where(np.hypot(y - 32, x - 64) < 12, 80, 200)
    >>> movie = np.stack([np.roll(disc, 3 * t, axis=1) for t in range(8)])
    >>> tracked = temtrack.track(movie, model="otsu", tracker="overlap")
    >>> [int(ids.max()) for ids in tracked.masks]
    [1, 1, 1, 1, 1, 1, 1, 1]
    """
    options = TrackOptions.among(locals())
    if output is not None and not isinstance(movie, Movie):
        raise UsageError("an array has no file for the record of a run; give a movie from read_movie")
    stage = TrackStage.load(options, device, None if masks is None else Path(masks))
    plan = stage.plan(movie if isinstance(movie, Movie) else movie_of_array(movie), "temtrack.track")
    if output is None:
        return track_in_memory(plan, progress)
    folder = Path(output)
    check_tracking_folder(folder, force, resume=False)
    track_into(folder, plan, progress)
    return open_run(folder)


def track_file(
    source: Path, folder: Path, stage: TrackStage, request: Request
) -> tuple[Movie, TrackingReport]:
    """Track a movie from its file into a folder; tell of frames that are not as they should be.

    Returns
    -------
    The movie as it was tracked, and what was noted of its frames.

    Raises
    ------
    TemtrackError
        As `track_into`, and where the movie cannot be read or the folder may not be written to.
    """
    for given in (source, stage.segmenter):
        if isinstance(given, Path) and given.resolve() == folder.resolve():  # --force would remove it
            raise UsageError(f"--output {folder}: is the folder of the input; give another folder")
    goes_on = request.resume and (folder / RESUME_NAME).exists()
    force = request.force or (request.begun and not goes_on)
    plan = stage.plan(read_movie(source), request.command)
    check_tracking_folder(folder, force, request.resume)
    report = track_into(folder, plan, request.progress, request.resume, force)
    _tell_of_frames(source, report)
    return plan.movie, report


def _tell_of_frames(source: Path, report: TrackingReport) -> None:
    """Name the frames that were bridged and those at which the field jumped."""
    if bad := report.frames_flagged(*BAD_FRAMES):
        named = ", ".join(f"{t} ({flag})" for t, flag in list(bad.items())[:10])
        warn(f"{source}: bridged {len(bad)} bad frame{'s'[: len(bad) > 1]}: {named}")
    if jumps := report.frames_flagged("jump"):
        named = ", ".join(map(str, list(jumps)[:10]))
        warn(f"{source}: the field of view jumps at {len(jumps)} frame{'s'[: len(jumps) > 1]}: {named}")
    if odd := frames_out_of_line(report.n_particles):
        named = ", ".join(
            f"{t} ({report.n_particles[t]} for {usual:g})" for t, usual in list(odd.items())[:10]
        )
        warn(f"{source}: unlike its neighbours in the number of particles: frame {named}")
    if report.n_masks == 0:
        warn(f"{source}: no particle was found in any frame; all masks are empty")
