"""A run on the page where it is reviewed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache, partial
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

from temtrack.errors import UsageError
from temtrack.formats.store.run import open_run
from temtrack.models.registry import find_model, parts_of
from temtrack.pipeline.find_movie import find_movie
from temtrack.pipeline.options import SegmentOptions
from temtrack.progress import Progress, silent
from temtrack.review.shown import ShownFrames

#: Of longer runs changes are measured in another process: the server stays small, and answers meanwhile.
_MANY_ROWS = 1_000_000

#: So long the tables wait at most for the first picture.
_MAX_WAIT_S = 1.0

if TYPE_CHECKING:
    from temtrack.kinetics.changes import Change
    from temtrack.review.drawing import Ask
    from temtrack.review.log import Entry
    from temtrack.review.session import Session
    from temtrack.segmentation.segmenter import Segmenter


def _asking(model: str, device: str) -> Ask:
    """Return what asks a model, which is loaded the first time."""

    @cache
    def load() -> Segmenter:
        from temtrack.segmentation.segmenter import Segmenter

        return Segmenter(model, device)

    return lambda image, points, boxes: load().predict_prompts(image, points, boxes).labels


def _session(shown: ShownFrames, ask: Ask, progress: Progress) -> Session:
    """Read the tables of a run, measure them where they lack, and list what is to be looked at."""
    from temtrack.pipeline.correct import open_reviewed
    from temtrack.review.queue import make_queue
    from temtrack.review.session import Session

    reviewed = open_reviewed(shown.run, progress)
    queue = make_queue(reviewed.edited, reviewed.tables)
    is_long = reviewed.tables.particles.num_rows > _MANY_ROWS
    measure = partial(_changes_elsewhere, shown.run.path) if is_long else reviewed.measure_changes
    return Session(shown, reviewed.edited, reviewed.log, queue, ask, measure)


def _changes(masks: Path, entries: Sequence[Entry]) -> list[Change]:
    from temtrack.pipeline.correct import open_reviewed

    return open_reviewed(masks).measure_changes(entries)


def _changes_elsewhere(masks: Path, entries: Sequence[Entry]) -> list[Change]:
    """Measure what corrections change in a process of its own, whose gigabytes go with it."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_changes, masks, entries).result()


def _meanwhile(make: Callable[[], Session], after: Event) -> Future[Session]:
    """Let another thread make what takes seconds to import and to read; the process need not wait for it.

    It begins after the first picture, which a browser asks for at once if at all.
    """
    made: Future[Session] = Future()

    def run() -> None:
        after.wait(_MAX_WAIT_S)
        try:
            made.set_result(make())
        except BaseException as error:
            made.set_exception(error)

    Thread(target=run, daemon=True).start()
    return made


@contextmanager
def serve_review(
    masks: Path,
    movie: str | None,
    port: int,
    progress: Progress = silent,
    model: str = SegmentOptions.model,
    device: str = "auto",
) -> Iterator[tuple[str, Callable[[], None]]]:
    """Give the address of a run's page, and what serves it until Ctrl-C.

    The ``model`` answers points and boxes; it is loaded when a person asks it first.

    Raises
    ------
    ModelError
        Where there is no such model.
    InputError
        Where masks, tables, corrections or the movie cannot be read or do not fit.
    OutputError
        Where the port is taken.
    UsageError
        Where the packages of the server are missing.
    """
    if missing := [name for name in ("starlette", "uvicorn") if find_spec(name) is None]:
        raise UsageError(f"review: needs {' and '.join(missing)}; pip install 'temtrack[review]'")
    from temtrack.review.server import serving

    for part in parts_of(model):
        find_model(part)
    run = open_run(masks)
    shown = ShownFrames(run, find_movie(run, movie))
    session = _meanwhile(lambda: _session(shown, _asking(model, device), progress), shown.has_shown)
    with serving(shown, session, port) as (address, serve):

        def until_interrupted() -> None:
            with suppress(KeyboardInterrupt):
                serve()
            if session.done():
                session.result()  # or why there is none

        yield address, until_interrupted
