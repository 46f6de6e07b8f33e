"""Segment, track and analyse particles in transmission electron microscope movies, merges included.

The steps of the ``temtrack`` command as functions on arrays and files: `read_movie`, `segment`, `track`,
`analyze`, `correct`, `fit_kinetics`; and `Segmenter`, a model that is loaded once for any number of images.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

__all__ = ["Segmenter", "analyze", "correct", "fit_kinetics", "open_run", "read_movie", "segment", "track"]

if TYPE_CHECKING:
    from temtrack.formats.readers import read_movie
    from temtrack.formats.store.run import open_run
    from temtrack.pipeline.analyze import analyze
    from temtrack.pipeline.correct import correct
    from temtrack.pipeline.kinetics import fit_kinetics
    from temtrack.pipeline.segment import segment
    from temtrack.pipeline.track import track
    from temtrack.segmentation.segmenter import Segmenter
else:
    _PLACES = {
        "Segmenter": "temtrack.segmentation.segmenter",
        "analyze": "temtrack.pipeline.analyze",
        "correct": "temtrack.pipeline.correct",
        "fit_kinetics": "temtrack.pipeline.kinetics",
        "open_run": "temtrack.formats.store.run",
        "read_movie": "temtrack.formats.readers",
        "segment": "temtrack.pipeline.segment",
        "track": "temtrack.pipeline.track",
    }

    def __getattr__(name: str) -> object:
        """Load a function when it is first asked for, so that the import alone stays light."""
        if name not in _PLACES:
            raise AttributeError(f"module 'temtrack' has no attribute '{name}'")
        return getattr(import_module(_PLACES[name]), name)

    def __dir__() -> list[str]:
        return sorted([*globals(), *__all__])
