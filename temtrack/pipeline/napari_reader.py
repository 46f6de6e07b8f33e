"""napari opens a run: its movie, its particles as labels, and their tracks with all parents of every merge.

``napari.yaml`` beside this package tells napari of it. Frames are read as they are looked at; labels may be
painted on, which leaves the files as they are: save the layer, and `temtrack correct --from` takes it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from temtrack.formats.export.content import ExportContent
from temtrack.formats.export.napari import tracks_layer
from temtrack.formats.store.lineage import LINEAGE_NAME
from temtrack.formats.store.run import RUN_NAME, open_run
from temtrack.pipeline.analyze import ids_of, tables_of
from temtrack.pipeline.find_movie import find_movie
from temtrack.pipeline.options import TableOptions
from temtrack.report.display import GreyWindow

#: What napari makes a layer of: data, how it is shown, and of which kind it is.
Layer = tuple[Any, dict[str, Any], str]

_KEPT_FRAMES = 16


class FramesOnDemand:
    """Frames as one array (T, Y, X), each read when it is asked for; what is written stays in memory."""

    ndim = 3

    def __init__(self, read: Callable[[int], NDArray[Any]], shape: tuple[int, int, int], dtype: Any) -> None:
        self.shape, self.dtype = shape, np.dtype(dtype)
        self._written: dict[int, NDArray[Any]] = {}
        self._read = lru_cache(maxsize=_KEPT_FRAMES)(read)

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[:], dtype)

    def __getitem__(self, index: Any) -> NDArray[Any]:
        first, *rest = self._whole(index)
        if isinstance(first, slice):
            frames = [self._frame(t)[tuple(rest)] for t in range(*first.indices(len(self)))]
            return np.stack(frames) if frames else np.empty((0, *self.shape[1:]), self.dtype)
        if np.ndim(first) == 0:
            return np.asarray(self._frame(int(first))[tuple(rest)])
        times, *places = np.broadcast_arrays(first, *rest)
        found = np.empty(times.shape, self.dtype)
        for t in np.unique(times):
            found[times == t] = self._frame(int(t))[tuple(place[times == t] for place in places)]
        return found

    def __setitem__(self, index: Any, value: Any) -> None:
        first, *rest = self._whole(index)
        if isinstance(first, slice) or np.ndim(first) == 0:
            for t in range(*first.indices(len(self))) if isinstance(first, slice) else [int(first)]:
                self._writable(t)[tuple(rest)] = value
            return
        times, *places, values = np.broadcast_arrays(first, *rest, value)
        for t in np.unique(times):
            self._writable(int(t))[tuple(place[times == t] for place in places)] = values[times == t]

    def _whole(self, index: Any) -> Sequence[Any]:
        """Return an index for each of the three axes."""
        given = index if isinstance(index, tuple) else (index,)
        at = next((i for i, one in enumerate(given) if one is Ellipsis), None)
        if at is not None:
            given = (*given[:at], *[slice(None)] * (4 - len(given)), *given[at + 1 :])
        return (*given, *[slice(None)] * (3 - len(given)))

    def _frame(self, t: int) -> NDArray[Any]:
        t = t + len(self) if t < 0 else t
        return self._written[t] if t in self._written else self._read(t)

    def _writable(self, t: int) -> NDArray[Any]:
        t = t + len(self) if t < 0 else t
        if t not in self._written:
            self._written[t] = np.array(self._read(t), self.dtype)
        return self._written[t]


def get_reader(path: str | Sequence[str]) -> Callable[[str], list[Layer]] | None:
    """Return what opens a run, ``None`` for what is none: napari asks so of every reader."""
    if not isinstance(path, str):
        return None
    is_run = any((Path(path) / name).is_file() for name in (RUN_NAME, LINEAGE_NAME))
    return open_layers if is_run else None


def open_layers(path: str) -> list[Layer]:
    """Return the layers of a run: the movie where it is at hand, labels, and tracks.

    Raises
    ------
    InputError
        Where masks or tables cannot be read.
    """
    run = open_run(path)
    tables = tables_of(run, TableOptions())
    masks, movie = ids_of(run, tables), find_movie(run, None)
    size_nm = tables.calibration.pixel_size_nm or 1.0
    common = {"scale": (1.0, size_nm, size_nm)}
    name = Path(path).resolve().name
    layers: list[Layer] = []
    if movie is not None:
        window = GreyWindow.of(movie)
        shape = movie.n_frames, movie.height, movie.width
        frames = FramesOnDemand(movie.read_frame, shape, movie.dtype)
        shown = {"name": Path(movie.path).stem, "contrast_limits": (window.black, window.white)}
        layers.append((frames, {**common, **shown}, "image"))
    labels = FramesOnDemand(masks.__getitem__, (len(masks), masks.height, masks.width), np.int32)
    rows, graph = tracks_layer(ExportContent(tables, masks, masks.path))
    data = rows[["track_id", "t", "y", "x"]].to_numpy(np.float64)
    features = {str(name): rows[name].to_numpy() for name in rows.columns[4:]}
    layers.append((labels, {**common, "name": f"{name} particles"}, "labels"))
    if len(data):  # napari refuses tracks without any
        told = {"graph": graph, "features": features}
        layers.append((data, {**common, "name": f"{name} tracks", **told}, "tracks"))
    return layers
