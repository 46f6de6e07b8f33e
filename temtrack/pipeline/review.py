"""A run on the page where it is reviewed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from temtrack.errors import UsageError
from temtrack.models.registry import find_model, parts_of
from temtrack.pipeline.correct import open_reviewed
from temtrack.pipeline.find_movie import find_movie
from temtrack.pipeline.options import SegmentOptions
from temtrack.progress import Progress, silent
from temtrack.review.drawing import Ask
from temtrack.review.queue import make_queue

if TYPE_CHECKING:
    from temtrack.segmentation.segmenter import Segmenter


def _asking(model: str, device: str) -> Ask:
    """Return what asks a model, which is loaded the first time."""

    @cache
    def load() -> Segmenter:
        from temtrack.segmentation.segmenter import Segmenter

        return Segmenter(model, device)

    return lambda image, points, boxes: load().predict_prompts(image, points, boxes).labels


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
    from temtrack.review.session import Session

    for part in parts_of(model):
        find_model(part)
    reviewed = open_reviewed(masks, progress)
    shown = find_movie(reviewed.run, movie)
    queue = make_queue(reviewed.edited, reviewed.tables)
    asked = _asking(model, device), reviewed.measure_changes
    session = Session(reviewed.run, shown, reviewed.edited, reviewed.log, queue, *asked)
    session.shown.picture(queue[0].frame if queue else 0)  # finds the grey window: the page need not wait
    with serving(session, port) as (address, serve):

        def until_interrupted() -> None:
            with suppress(KeyboardInterrupt):
                serve()

        yield address, until_interrupted
