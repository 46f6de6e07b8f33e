"""Stop tracking at any frame and go on: all that a run knows, in one file beside its masks.

The file is there as long as a run is unfinished. Masks written after it are written again when the run goes
on, with the same bytes, since nothing but what stands in it decides on them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from temtrack.errors import InputError, OutputError, UsageError
from temtrack.formats.decoding import refused_as
from temtrack.formats.store.atomic import check_output_folder
from temtrack.formats.store.lineage import CTC_TABLE_NAME, LINEAGE_NAME
from temtrack.formats.store.masks import remove_masks
from temtrack.formats.store.run import RUN_NAME
from temtrack.formats.store.state import read_state, write_state
from temtrack.imaging.registration import FrameRegistration
from temtrack.lineage import Lineage, Track
from temtrack.linking.motion import MotionModel
from temtrack.linking.state import STATE_CLASSES
from temtrack.masks import Sightings
from temtrack.provenance import Provenance, Source
from temtrack.tables import DRIFT, KINETICS, SCORES, TABLES
from temtrack.tracking.drift import DriftEstimator
from temtrack.tracking.engine import ResumableTracker, TrackingState
from temtrack.tracking.frame_quality import FrameQuality, QualityEstimator
from temtrack.tracking.report import TrackingReport

RESUME_NAME = ".resume"

#: At least so many seconds of work lie between two checkpoints, so an interruption costs no more than that,
INTERVAL_S = 5.0

#: and so many that writing them takes no larger share of the time, however long a movie's lineage grows.
MAX_TIME_FRACTION = 0.05


@dataclass
class Checkpoint:
    """A run between two frames.

    Parameters
    ----------
    provenance
        What is run on what: the run goes on only with the same.
    tracking, report
        What engine and report know.
    files
        Names of the files whose frames were taken, in order, of a folder that was still being filled.
    """

    provenance: Provenance
    tracking: TrackingState = field(default_factory=TrackingState)
    report: TrackingReport = field(default_factory=TrackingReport)
    files: list[str] = field(default_factory=list)


_CLASSES = (
    *(Checkpoint, Provenance, Source, TrackingState, TrackingReport, Lineage, Track),
    *(QualityEstimator, FrameQuality, DriftEstimator, FrameRegistration, MotionModel, Sightings),
    *STATE_CLASSES,
)


class CheckpointFile:
    """The file of an unfinished run in its masks folder, written now and then.

    Parameters
    ----------
    folder
        The masks folder.
    tracker
        The one of the run: what it remembers is written and read along.
    """

    def __init__(self, folder: Path, tracker: ResumableTracker) -> None:
        self.path = folder / RESUME_NAME
        self._tracker = tracker
        self._classes = (*_CLASSES, *tracker.state_classes)
        self._due_s = 0.0

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint, whole or not at all."""
        begun_s = time.monotonic()
        parts = {
            "provenance": checkpoint.provenance,
            "files": checkpoint.files,
            "run": checkpoint,
            "tracker": self._tracker.state(),
        }
        write_state(self.path, parts, self._classes)
        now_s = time.monotonic()
        self._due_s = now_s + max(INTERVAL_S, (now_s - begun_s) / MAX_TIME_FRACTION)

    def is_due(self) -> bool:
        """Tell whether enough work was done since the last checkpoint."""
        return time.monotonic() >= self._due_s

    def read(self, provenance: Provenance) -> Checkpoint | None:
        """Return the checkpoint of an unfinished run of this record and put the tracker in its place.

        ``None`` where there is no unfinished run.

        Raises
        ------
        InputError
            If the file is damaged.
        UsageError
            If the run was another one.
        """
        if not self.path.exists():
            return None
        # of another run the rest may be of other classes
        (unfinished,) = read_state(self.path, ["provenance"], (Provenance, Source))
        self._refuse_other(unfinished, Provenance)
        with refused_as(f"{self.path}: is damaged, start again with --force"):
            differences = unfinished.differences(provenance)
        if differences:
            raise UsageError(
                f"{self.path.parent}: holds an unfinished run with {'; '.join(differences[:3])}; "
                "give the same input and options, or --force to start again"
            )
        checkpoint: Checkpoint
        checkpoint, state = read_state(self.path, ["run", "tracker"], self._classes)
        self._refuse_other(checkpoint, Checkpoint)
        self._tracker.restore(state)
        return checkpoint

    def _refuse_other(self, part: object, kind: type) -> None:
        if not isinstance(part, kind):
            raise InputError(
                f"{self.path}: is damaged, a {type(part).__name__} stands in place of a {kind.__name__}; "
                "start again with --force"
            )

    def remove(self) -> None:
        """Remove the file: the run is finished."""
        self.path.unlink(missing_ok=True)


def files_of_unfinished(folder: Path) -> list[str]:
    """Return the names of the files that the unfinished run of a folder took, in order; see `Checkpoint`."""
    (files,) = read_state(folder / RESUME_NAME, ["files"], ())
    return list(files)


def check_tracking_folder(folder: Path, force: bool, resume: bool) -> None:
    """Make the folder of a run; refuse one that holds anything, unless told to overwrite it or to go on.

    Told both, a run goes on where it can and starts again where it cannot.

    Raises
    ------
    OutputError
        If the folder cannot be written to, is not empty, or holds nothing to go on with.
    """
    is_unfinished = (folder / RESUME_NAME).exists()
    if resume and not force and folder.is_dir() and not is_unfinished and any(folder.glob("[!.]*")):
        raise OutputError(
            f"{folder}: holds no unfinished run to resume, but other files; "
            "give --force to overwrite it, or another folder"
        )
    if is_unfinished and not (force or resume):
        raise OutputError(
            f"{folder}: holds an unfinished run; give --resume to go on, --force to start again, "
            "or another folder"
        )
    check_output_folder(folder, force or resume)


def remove_earlier_run(folder: Path) -> None:
    """Remove what an earlier run left, so that no file tells of another one."""
    (folder / RESUME_NAME).unlink(missing_ok=True)  # first: it must never outlive the masks that it counts on
    remove_masks(folder)
    tables = [f"{table.name}.parquet" for table in (*TABLES, DRIFT, SCORES, KINETICS)]
    for name in (CTC_TABLE_NAME, LINEAGE_NAME, RUN_NAME, "kinetics.png", "kinetics.svg", *tables):
        (folder / name).unlink(missing_ok=True)
