"""Segment, track and analyse particles in transmission electron microscope movies, merges included.

The steps of the ``temtrack`` command as functions: `read_movie`, `segment`, `track`, `analyze`, `kinetics`.
`Segmenter` is a model that is loaded once.
"""

from typing import TYPE_CHECKING

__version__ = "0.1.0"

__all__ = ["Segmenter", "analyze", "kinetics", "read_movie", "segment", "track"]

if TYPE_CHECKING:
    from temtrack.api import Segmenter, analyze, kinetics, read_movie, segment, track
else:

    def __getattr__(name: str) -> object:
        """Load a function when it is first asked for, so that the import alone stays light."""
        if name not in __all__:
            raise AttributeError(f"module 'temtrack' has no attribute '{name}'")
        from temtrack import api

        return getattr(api, name)

    def __dir__() -> list[str]:
        return sorted([*globals(), *__all__])
