"""Leave out what a camera's program burned into a movie, and say so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from temtrack.cli import output

if TYPE_CHECKING:
    from temtrack.movie import Movie

KeepBars = Annotated[
    bool,
    typer.Option("--keep-bars", help="Look for particles in burned-in annotation bars and scale bars too."),
]


def without_bars(movie: Movie, keep: bool) -> Movie:
    """Return the movie without its annotation bars and lettered scale bars, unless they are to be kept."""
    from temtrack.imaging.annotations import hide_annotations

    hidden = movie if keep else hide_annotations(movie)
    if hidden.burned_in:
        named = ", ".join(map(str, hidden.burned_in))
        output.tell(f"{movie.path}: burned in, left as background: {named} (--keep-bars looks there too)")
    return hidden
