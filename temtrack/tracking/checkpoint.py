"""Stop tracking at any frame and go on: all that a run knows, in one file beside its masks.

The file is there as long as a run is unfinished. Masks written after it are written again when the run goes
on, with the same bytes, since nothing but what stands in it decides on them.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from temtrack.errors import OutputError, UsageError
from temtrack.formats.store.atomic import check_output_folder
from temtrack.formats.store.state import read_state, write_state
from temtrack.imaging.registration import FrameRegistration
from temtrack.lineage import Lineage, Track
from temtrack.linking.motion import MotionModel
from temtrack.linking.state import STATE_CLASSES
from temtrack.tracking.drift import DriftEstimator
from temtrack.tracking.engine import ResumableTracker, TrackingState
from temtrack.tracking.frame_quality import FrameQuality, QualityEstimator
from temtrack.tracking.report import TrackingReport

RESUME_NAME = ".resume"

#: At least so many seconds of work lie between two checkpoints, so an interruption costs no more than that,
INTERVAL_S = 5.0

#: and so many that writing them takes no larger share of the time, however long a movie's lineage grows.
MAX_TIME_FRACTION = 0.05

#: Facts that say where an input lies: another place is no other input.
_PLACES = frozenset({"movie", "masks"})

#: Longer values are cut in the message that compares them.
_MAX_SHOWN = 40


@dataclass
class Checkpoint:
    """A run between two frames.

    Parameters
    ----------
    facts
        What is run on what, as it will stand in ``run.json``: the run goes on only with the same.
    command
        The command that began the run.
    tracking, report
        What engine and report know.
    """

    facts: dict[str, object]
    command: str
    tracking: TrackingState = field(default_factory=TrackingState)
    report: TrackingReport = field(default_factory=TrackingReport)


_CLASSES = (
    *(Checkpoint, TrackingState, TrackingReport, QualityEstimator, FrameQuality, Lineage, Track),
    *(DriftEstimator, FrameRegistration, MotionModel),
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
        parts = {"facts": checkpoint.facts, "run": checkpoint, "tracker": self._tracker.state()}
        write_state(self.path, parts, self._classes)
        now_s = time.monotonic()
        self._due_s = now_s + max(INTERVAL_S, (now_s - begun_s) / MAX_TIME_FRACTION)

    def is_due(self) -> bool:
        """Tell whether enough work was done since the last checkpoint."""
        return time.monotonic() >= self._due_s

    def read(self, facts: Mapping[str, object]) -> Checkpoint | None:
        """Return the checkpoint of an unfinished run with these facts and put the tracker in its place.

        ``None`` where there is no unfinished run.

        Raises
        ------
        InputError
            If the file is damaged.
        UsageError
            If the run was one with other facts.
        """
        if not self.path.exists():
            return None
        # of another run the rest may be made of other classes
        then, now = (_flat(f) for f in (*read_state(self.path, ["facts"], ()), facts))
        differing = [name for name in {**then, **now} if then.get(name) != now.get(name)]
        if differing:
            told = "; ".join(f"{n} {_shown(then.get(n))}, now {_shown(now.get(n))}" for n in differing[:3])
            raise UsageError(
                f"{self.path.parent}: holds an unfinished run with {told}; "
                "give the same input and options, or --force to start again"
            )
        checkpoint: Checkpoint
        checkpoint, state = read_state(self.path, ["run", "tracker"], self._classes)
        self._tracker.restore(state)
        return checkpoint

    def remove(self) -> None:
        """Remove the file: the run is finished."""
        self.path.unlink(missing_ok=True)


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


def _flat(facts: Mapping[str, object]) -> dict[str, object]:
    """Return facts and parameters in one, without those that say where an input lies."""
    flat: dict[str, object] = {}
    for name, value in facts.items():
        flat |= value if isinstance(value, dict) else {name: value}
    return {name: value for name, value in flat.items() if name not in _PLACES}


def _shown(value: object) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."
