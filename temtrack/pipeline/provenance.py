"""What a stage runs on what, as the record that will stand beside its results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from temtrack.formats.store.run import fingerprint
from temtrack.movie import Movie
from temtrack.pipeline.options import Options
from temtrack.provenance import Provenance, Source


def movie_source(movie: Movie) -> Source:
    """Return a movie as an input."""
    return Source(str(movie.path), fingerprint(movie.origins))


def record_run(
    action: str,
    command: str,
    inputs: Mapping[str, Source],
    options: Options,
    models: Mapping[str, Source] | None = None,
    found: Mapping[str, Any] | None = None,
) -> Provenance:
    """Return the record of an action."""
    return Provenance(action, command, inputs, models or {}, options.to_json(), found or {})
