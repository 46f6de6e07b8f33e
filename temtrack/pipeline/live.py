"""Track a movie while it is being written: the same engine, frame by frame as they come.

A frame is taken once the neighbours are there with which a network is shown it, so its masks are those of the
finished movie. What decides on all frames, the way they are shown and what is burned in, is told by the first
ones; see `TrackOptions.follow`.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from temtrack.errors import InputError, InterruptedRunError, UsageError
from temtrack.formats.readers.growing import GrowingMovie, open_growing
from temtrack.formats.store.atomic import locked, remove_leftovers
from temtrack.formats.store.masks import mask_writer
from temtrack.formats.store.run import movie_source
from temtrack.formats.store.zarr_masks import SUFFIX
from temtrack.lineage import Merge
from temtrack.movie import Movie
from temtrack.pipeline.options import N_FIRST
from temtrack.pipeline.request import Request
from temtrack.pipeline.tracking_plan import TrackStage
from temtrack.pipeline.tracking_run import begin_run, finish_run, interrupts_told, take, write_frames
from temtrack.pipeline.writing import written_beside
from temtrack.provenance import Provenance, Source
from temtrack.tracking.checkpoint import RESUME_NAME, check_tracking_folder, files_of_unfinished
from temtrack.tracking.report import TrackingReport

#: A file of this name in the folder of the masks ends the run.
STOP_NAME = "stop"

#: Between two looks for new frames lie so many seconds.
POLL_S = 0.25

#: So many frames beyond the look-ahead may wait before it is said what would be faster.
MAX_BEHIND = 5

_SLOW = (
    "frames come faster than they are tracked; those that wait are not lost, and merges are told later; "
    "--no-tta is faster, with --tracker overlap faster still, with --neighbours 0 too fastest"
)

#: How far it is, what is waited for, or how many frames are not yet taken, is told every so many seconds.
TELL_EVERY_S = 10.0

Event = Mapping[str, Any]


@dataclass(frozen=True)
class Watch:
    """How a movie that is being written is watched.

    Parameters
    ----------
    idle_s
        Without a new frame for so long it has ended; ``None`` to wait for ever.
    stop
        Is set where the user wants an end: what came is finished.
    emit
        Is given what happens: an ``event``, which is ``frames``, ``merge``, ``left_out`` or, once, ``slow``,
        with what belongs to it.
    """

    idle_s: float | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    emit: Callable[[Event], None] = lambda event: None


def follow_into(
    source: Path, folder: Path, stage: TrackStage, request: Request, watch: Watch
) -> tuple[Movie, TrackingReport]:
    """Track a movie that is being written, into a folder, until it ends.

    It ends where no frame comes for ``watch.idle_s``, where a file `STOP_NAME` lies in the folder, or where
    ``watch.stop`` is set. Then what came is finished. With ``request.resume`` a run goes on that died, or
    that ``watch.stop`` ended.

    Raises
    ------
    InterruptedRunError
        Where ``watch.stop`` was set, once all is written.
    InputError
        Where no frame came.
    TemtrackError
        As `temtrack.pipeline.track.track_file`.
    """
    options = stage.options
    is_part = any(one is not None for one in (options.frames, options.prompts, options.first_mask))
    if is_part or isinstance(stage.segmenter, Path):
        raise UsageError(
            "--follow takes all frames and all particles, and segments them itself; leave out --masks, "
            "--frames and what names particles"
        )
    if folder.suffix.lower() == SUFFIX:
        raise UsageError(f"--output {folder}: the length of the movie is not known yet; give a folder")
    if folder.resolve() == source.resolve():
        raise UsageError(f"--output {folder}: is the folder of the input; give another folder")
    check_tracking_folder(folder, request.force, request.resume)
    with locked(folder):
        remove_leftovers(folder)
        (folder / STOP_NAME).unlink(missing_ok=True)
        goes_on = request.resume and (folder / RESUME_NAME).exists()
        taken = files_of_unfinished(folder) if goes_on else []
        live = _Live(source, folder, stage, request, watch)
        return live.run(open_growing(source, live.leave_out, taken), goes_on)


@dataclass
class _Live:
    """A run on a movie that is being written.

    Parameters
    ----------
    shown
        The frames that are whole, as the file has them.
    has_ended
        Whether no more will come.
    left_out
        What was told of frames that were left out.
    """

    source: Path
    folder: Path
    stage: TrackStage
    request: Request
    watch: Watch
    shown: Movie | None = None
    has_ended: bool = False
    left_out: list[str] = field(default_factory=list)
    _n_merges: int = 0
    _looked_s: float = -float("inf")
    _came_s: float = field(default_factory=time.monotonic)
    _n_bytes: int = 0
    _told_s: float = field(default_factory=time.monotonic)
    _is_slow_told: bool = False

    def run(self, growing: GrowingMovie, goes_on: bool) -> tuple[Movie, TrackingReport]:
        """Take frames until the end, and write what a run writes."""
        self._wait_for(growing, N_FIRST + self.stage.options.n_neighbours, 0)
        if self.shown is None:
            raise InputError(f"{self.source}: no frame came; give the folder or file that is being written")
        plan = self.stage.plan(self.shown, self.request.command, _first_of(self.shown))
        file, run, engine = begin_run(self.folder, plan, goes_on, self.request.force)
        masks = mask_writer(self.folder, plan.movie, plan.movie.calibration)
        self._n_merges = len(engine.lineage().merges)
        self.left_out[:0] = run.provenance.found.get("left_out", [])
        is_kept = True  # whether a checkpoint may still be written
        with interrupts_told(self.folder), written_beside(masks) as write:
            for t in self._numbers(growing, engine.state.next_frame):
                plan = self.stage.grown(plan, self.shown)
                if is_kept and self._is_last(t):
                    file.save(run)  # with more frames it goes on from here
                    is_kept = False
                decided = take(engine, plan, t, run.report)
                write_frames(write, decided, run.report)
                write.wait()  # before anybody is told of them
                self._tell_merges(engine.lineage().merges if decided else ())
                run.files = growing.names()
                run.provenance = self._with_left_out(run.provenance)
                if is_kept and file.is_due():
                    file.save(run)
            if is_kept:
                file.save(run)
            inputs = {**run.provenance.inputs, "movie": movie_source(plan.movie)}
            run.provenance = replace(self._with_left_out(run.provenance), inputs=inputs)
            finish_run(self.folder, write, engine, run, plan)
        self._tell_merges(run.report.lineage.merges)
        if self.watch.stop.is_set():
            raise InterruptedRunError(
                f"{self.folder}: stopped after {plan.movie.n_frames} frames, which are tracked; the same "
                "command with --resume goes on with those that come later"
            )
        file.remove()
        return plan.movie, run.report

    def leave_out(self, message: str) -> None:
        """Tell of a frame that is left out, or may be another one than was tracked."""
        if message not in self.left_out:
            self.left_out.append(message)
            self.watch.emit({"event": "left_out", "message": message})

    def _with_left_out(self, record: Provenance) -> Provenance:
        return replace(record, found={**record.found, "left_out": list(self.left_out)})

    def _numbers(self, growing: GrowingMovie, first: int) -> Iterator[int]:
        """Yield the numbers of the frames whose neighbours are there, from one on, until the end."""
        for t in count(first):
            self._wait_for(growing, t + 1 + self.stage.options.n_neighbours, t)
            if self.shown is None or t >= len(self.shown):
                return
            yield t

    def _is_last(self, t: int) -> bool:
        """Tell whether a frame has fewer neighbours than it would have if more frames came."""
        n_frames = 0 if self.shown is None else len(self.shown)
        return self.has_ended and t + self.stage.options.n_neighbours >= n_frames

    def _wait_for(self, growing: GrowingMovie, n_frames: int, n_done: int) -> None:
        """Wait until there are so many frames, or the movie has ended."""
        while not self.has_ended:
            is_there = self.shown is not None and len(self.shown) >= n_frames
            if is_there and time.monotonic() - self._looked_s < POLL_S:
                return
            self._look(growing)
            self._tell_progress(n_done, growing.waiting)
            if self.shown is not None and len(self.shown) >= n_frames:
                return
            if self._is_over():
                self._look_at_last(growing)
            else:
                self.watch.stop.wait(POLL_S)

    def _look(self, growing: GrowingMovie) -> None:
        found, self._looked_s = growing.look(), time.monotonic()
        if found is not None and len(found) > (0 if self.shown is None else len(self.shown)):
            self.shown = found
        if growing.n_bytes != self._n_bytes:
            self._n_bytes, self._came_s = growing.n_bytes, self._looked_s

    def _is_over(self) -> bool:
        """Tell whether the movie has ended, or the user wants it to."""
        idle_s = time.monotonic() - self._came_s
        is_idle = self.watch.idle_s is not None and idle_s >= self.watch.idle_s
        return is_idle or self.watch.stop.is_set() or (self.folder / STOP_NAME).exists()

    def _look_at_last(self, growing: GrowingMovie) -> None:
        """Take all that is whole, whatever is missing: no more will come."""
        time.sleep(POLL_S)  # a file counts as whole once two looks show the same
        self._look(growing)
        growing.let_go()
        self._look(growing)
        self.has_ended = True
        (self.folder / STOP_NAME).unlink(missing_ok=True)

    def _tell_merges(self, merges: Sequence[Merge]) -> None:
        """Tell the merges that were not told yet: the linker decides them in the order of frames."""
        for merge in merges[self._n_merges :]:
            self.watch.emit({"event": "merge", **merge.as_row()})
        self._n_merges = max(self._n_merges, len(merges))

    def _tell_progress(self, n_done: int, waiting: str | None) -> None:
        if time.monotonic() - self._told_s < TELL_EVERY_S:
            return
        self._told_s = time.monotonic()
        n_frames = 0 if self.shown is None else len(self.shown)
        n_behind = max(n_frames - n_done - self.stage.options.n_neighbours, 0)
        self.watch.emit({"event": "frames", "n_done": n_done, "n_behind": n_behind, "waiting_for": waiting})
        if n_behind > self.stage.options.linking.look_ahead_frames + MAX_BEHIND and not self._is_slow_told:
            self._is_slow_told = True
            self.watch.emit({"event": "slow", "message": f"{self.source}: {_SLOW}"})


def _first_of(movie: Movie) -> Source:
    """Return a movie that grows as an input: by its first frame, the only content that stays."""
    pixels = np.ascontiguousarray(movie.read_frame(0))
    return Source(str(movie.path), hashlib.sha256(pixels.tobytes()).hexdigest())
