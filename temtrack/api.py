"""The commands as functions on arrays, for notebooks and scripts; ``import temtrack`` gives them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from temtrack.errors import InputError, UsageError
from temtrack.formats.readers import read_movie
from temtrack.models.registry import DEFAULT_MODEL, DEFAULT_PROPAGATOR
from temtrack.movie import Movie

if TYPE_CHECKING:
    import pyarrow as pa

    from temtrack.analysis.masks import Tables, Watch
    from temtrack.analysis.series import MaskSeries
    from temtrack.pipeline.workflow import WatchFrames

__all__ = ["analyze", "kinetics", "read_movie", "segment", "track"]

#: A movie, or its frames (T, Y, X) as an array.
Frames = Movie | NDArray[Any]


def segment(
    image: NDArray[Any],
    model: str = DEFAULT_MODEL,
    *,
    device: str = "auto",
    scale: float | None = None,
    once: bool = False,
    min_area_px: float | None = None,
) -> NDArray[np.int32]:
    """Find every particle of an image; burned-in data bars and scale bars are background.

    Parameters
    ----------
    image
        (Y, X), of any type; NaN counts as background.
    model
        A model that ``temtrack models`` lists, or the folder of a training run.
    device
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    scale
        Zoom at which the model looks; found from the particles' own size where ``None``.
    once
        Look once and not twice: in half the time, less exactly.
    min_area_px
        Smaller particles are left out; where ``None``, those below a twentieth of the typical one.

    Returns
    -------
    Ids (Y, X) from 1 on, 0 background.

    Raises
    ------
    InputError
        Where the image is not (Y, X).
    ModelError
        Where there is no such model.

    Examples
    --------
    >>> import numpy as np
    >>> import temtrack
    >>> y, x = np.mgrid[:64, :128]
    >>> image = np.where(np.hypot(y - 32, abs(x - 64) - 32) < 12, 80, 200)  # two discs
    >>> int(temtrack.segment(image, model="otsu").max())
    2
    """
    from temtrack.imaging.annotations import clear, hide_burned_in
    from temtrack.segmentation.load import load_segmenter

    image = np.asarray(image)
    if image.ndim != 2 or not image.size:
        raise InputError(f"an image is (Y, X), this is of shape {image.shape}; give one frame of a movie")
    seen = hide_burned_in(_as_movie(image[None]))
    labels = load_segmenter(model, device, once=once).segment(seen.read_frame(0), scale, min_area_px)
    return clear(labels, seen.burned_in)


def track(
    movie: Frames,
    output: Path | str | None = None,
    *,
    model: str = DEFAULT_MODEL,
    propagator: str = DEFAULT_PROPAGATOR,
    min_area_px: float | None = None,
    device: str = "auto",
    force: bool = False,
    watch: WatchFrames = iter,
) -> MaskSeries:
    """Follow every particle of a movie, through merges too; burned-in bars are background.

    Parameters
    ----------
    movie
        From `read_movie`, or an array (T, Y, X).
    output
        Folder for the masks, which then stay out of the memory; as ``temtrack track`` writes it.
    model, propagator
        What segments, and what carries ids from frame to frame, as for ``temtrack track``.
    min_area_px
        Smaller particles are left out, as by `segment`.
    device
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    force
        Overwrite what is in ``output``.
    watch
        Stands around the numbers of the frames: ``tqdm`` shows a progress bar.

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
    >>> tracked = temtrack.track(movie, model="otsu", propagator="overlap")
    >>> [int(ids.max()) for ids in tracked.masks]
    [1, 1, 1, 1, 1, 1, 1, 1]
    """
    from temtrack.analysis.folder import open_masks_folder
    from temtrack.imaging.annotations import hide_burned_in
    from temtrack.linking import LinkingConfig
    from temtrack.pipeline.workflow import (
        TrackingPlan,
        propagation_by_name,
        segmentation_by_model,
        track_in_memory,
        track_into,
    )
    from temtrack.tracking.checkpoint import check_tracking_folder

    if output is not None and not isinstance(movie, Movie):
        raise UsageError("an array has no file for the record of a run; give a movie from read_movie")
    known = hide_burned_in(_as_movie(movie))
    segmentation = segmentation_by_model(model, device, known, min_area_px)
    propagation = propagation_by_name(propagator, device)
    plan = TrackingPlan(known, segmentation, propagation, LinkingConfig(), "temtrack.track")
    if output is None:
        return track_in_memory(plan, watch)
    folder = Path(output)
    check_tracking_folder(folder, force, resume=False)
    track_into(folder, plan, watch)
    return open_masks_folder(folder)


def analyze(
    masks: MaskSeries | Path | str | NDArray[np.integer] | Sequence[NDArray[np.integer]],
    movie: Frames | None = None,
    *,
    pixel_size_nm: float | None = None,
    frame_time_s: float | None = None,
    merges: bool = True,
    watch: Watch = iter,
) -> Tables:
    """Measure particles, tracks, frames and merges.

    Parameters
    ----------
    masks
        What `track` gave, a folder of masks of any program, or ids (T, Y, X) or (Y, X), 0 background; where
        no family tree lies beside them merges are found from the masks alone.
    movie
        For intensities and optical masses.
    pixel_size_nm, frame_time_s
        Side of a pixel and time between frames; they count before what masks and movie know.
    merges
        Tell merges and fates too.
    watch
        Stands around the masks: ``tqdm`` shows a progress bar.

    Returns
    -------
    ``particles``, ``tracks``, ``frames`` and ``merges`` as Arrow tables, with units in the metadata of their
    columns; ``.to_pandas()`` makes data frames of them.

    Raises
    ------
    InputError
        Where the masks are no integer images of one size, or do not fit the movie.

    Examples
    --------
    >>> import numpy as np
    >>> import temtrack
    >>> y, x = np.mgrid[:64, :128]
    >>> ids = (np.hypot(y - 32, x - 64) < 12).astype(int)
    >>> tables = temtrack.analyze(ids, pixel_size_nm=0.5)
    >>> round(tables.particles["equivalent_diameter_nm"][0].as_py(), 1)
    11.8
    """
    series, seen = _as_series(masks), None if movie is None else _as_movie(movie)
    calibration = series.calibrated(pixel_size_nm, frame_time_s, seen)
    return series.analyze(seen, calibration, merges, watch)


def kinetics(tables: Tables, seed: int = 0) -> pa.Table:
    """Fit sintering kinetics: sizes, growth, dispersion, mechanisms, motion, each with a 95 % interval.

    Parameters
    ----------
    tables
        From `analyze`.
    seed
        Of the draws behind the intervals.

    Returns
    -------
    One row per quantity, as ``kinetics.parquet`` holds it: value, interval, unit, method and source, or the
    reason why there is none.

    Examples
    --------
    >>> import numpy as np
    >>> import temtrack
    >>> ids = np.kron(np.arange(1, 26).reshape(5, 5), np.pad(np.ones((9, 9), int), 4))  # 25 squares
    >>> rows = temtrack.kinetics(temtrack.analyze(ids, pixel_size_nm=0.5)).to_pylist()
    >>> [round(row["value"], 2) for row in rows if row["quantity"] == "mean_diameter"]
    [5.08]
    """
    from temtrack.kinetics.estimate import fill_kinetics
    from temtrack.kinetics.measure import measure_kinetics
    from temtrack.kinetics.observed import observe

    return fill_kinetics(measure_kinetics(observe(tables), np.random.default_rng(seed)))


def _as_movie(frames: Frames) -> Movie:
    """Return frames in memory as a movie, without scale and time."""
    if isinstance(frames, Movie):
        return frames
    frames = np.asarray(frames)
    if frames.ndim != 3 or not frames.size:
        raise InputError(
            f"a movie is (T, Y, X), this is of shape {frames.shape}; np.stack makes one of frames"
        )
    n_frames, height, width = frames.shape
    return Movie(Path("array"), n_frames, height, width, frames.dtype, frames.__getitem__)


def _as_series(masks: MaskSeries | Path | str | NDArray[Any] | Sequence[NDArray[Any]]) -> MaskSeries:
    """Return masks with what is known of them."""
    from temtrack.analysis.folder import open_masks_folder
    from temtrack.analysis.masks import TrackerRecord
    from temtrack.analysis.series import MaskSeries
    from temtrack.calibration import Calibration

    if isinstance(masks, MaskSeries):
        return masks
    if isinstance(masks, Path | str):
        return open_masks_folder(Path(masks))
    if isinstance(masks, np.ndarray) and masks.ndim == 2:
        masks = [masks]
    return MaskSeries(masks, TrackerRecord(), Calibration())
