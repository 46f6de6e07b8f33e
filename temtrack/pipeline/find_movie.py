"""The movie that a run's masks were made from."""

from __future__ import annotations

from temtrack.errors import InputError, TemtrackError, warn
from temtrack.formats.readers import read_movie
from temtrack.formats.store.run import movie_source
from temtrack.masks import Run
from temtrack.movie import Movie


def find_movie(run: Run, given: str | None) -> Movie | None:
    """Open the movie that was given, else the one of the tracker's run, where it still lies unchanged."""
    if given is not None:
        return run.frames_of(read_movie(given))
    if run.movie is None:
        warn("which movie the masks were made from is unknown: they are shown alone; give --movie MOVIE")
        return None
    try:
        return open_movie(run)
    except TemtrackError as error:
        warn(f"{error}; the masks are shown alone")
        return None


def open_movie(run: Run) -> Movie:
    """Open the movie of the tracker's run.

    Raises
    ------
    InputError
        Where it is unknown, does not lie where it lay, or has changed.
    """
    recorded = run.movie
    if recorded is None:
        raise InputError(f"{run.path}: which movie the masks were made from is unknown")
    movie = run.frames_of(read_movie(recorded.name))
    if movie_source(movie).sha256 != recorded.sha256:
        raise InputError(
            f"{recorded.name}: is not what it was when the masks were made; give it with --movie"
        )
    return movie
