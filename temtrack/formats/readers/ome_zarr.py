"""OME-Zarr, of this machine or in object storage: versions 0.5 (Zarr 3) and 0.4 (Zarr 2).

Read with zarr, of the extra ``zarr``, one frame at a time; https://ngff.openmicroscopy.org
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from temtrack.calibration import Calibration
from temtrack.errors import InputError, warn
from temtrack.formats.decoding import MAX_FRAME_PX, refused_as
from temtrack.formats.fingerprint import fingerprint
from temtrack.formats.locations import Url
from temtrack.formats.readers.frames import even_times, open_movie, pixel_size_along_x
from temtrack.movie import Movie

if TYPE_CHECKING:
    import zarr

NAME = "OME-Zarr"
SUFFIXES = (".zarr",)

VERSIONS = ("0.4", "0.5")

#: What lies in the folder of a group or array of Zarr 3 or 2.
METADATA_NAMES = ("zarr.json", ".zgroup", ".zarray", ".zattrs")

#: In the metadata of an image who wrote it; what temtrack wrote has a chunk for every frame.
CREATOR = {"name": "temtrack"}

#: Frames that one chunk holds together are decoded together and kept, up to so many bytes.
_MAX_KEPT_BYTES = 2**28

#: What a file is called that is not whole yet.
UNFINISHED = ".partial"


def can_read(path: Path) -> bool:
    """Tell whether the path is a folder of Zarr, or a URL: of those nothing else is read."""
    return isinstance(path, Url) or any((path / name).is_file() for name in METADATA_NAMES)


def read_movie(path: Path) -> Movie:
    """Open an OME-Zarr image as a movie; only the first frame is read.

    Scale and frame time are those of its axes, where these have units.

    Raises
    ------
    InputError
        If zarr is not installed, or the store is damaged, out of reach, no image, or one of another version
        or with further axes. Later, when its frame is asked for: if it is damaged or missing.
    """
    image = open_image(path)
    movie = open_movie(path, image.n_frames, image.read_frame, image.known)
    return replace(movie, digest=image.digest)


def is_image(path: Path) -> bool:
    """Tell whether a folder of Zarr states that it is an image; GEFF is Zarr too."""
    return "multiscales" in _ome_of(read_attributes(path))


def is_own(path: Path) -> bool:
    """Tell whether a folder is an image that temtrack wrote."""
    return path.is_dir() and _ome_of(read_attributes(path)).get("_creator") == CREATOR


def read_attributes(path: Path) -> dict[str, Any]:
    """Return the attributes of a group on this machine; none where they cannot be read."""
    for name, of in (("zarr.json", "attributes"), (".zattrs", None)):
        try:
            told = json.loads((path / name).read_text(encoding="utf-8"))
            return dict(told if of is None else told.get(of, {}))
        except (OSError, ValueError, TypeError, AttributeError, RecursionError):
            continue
    return {}


def list_files(path: Path) -> tuple[Path, ...]:
    """Return the files of an image on this machine: metadata and full-size chunks, in the order of names.

    What lies beside them in its folder, as smaller sizes, labels or tables, does not count.

    Raises
    ------
    InputError
        If they cannot be read.
    """
    with refused_as(f"{path}: cannot be read as OME-Zarr"):
        scales = _ome_of(read_attributes(path)).get("multiscales")
        pixels = path / str(scales[0]["datasets"][0]["path"]) if scales else path
        metadata = [path / name for name in METADATA_NAMES if (path / name).is_file()] if scales else []
        found = sorted(p for p in pixels.rglob("*") if p.suffix != UNFINISHED and p.is_file())
    return (*metadata, *found)


@dataclass(frozen=True)
class ZarrImage:
    """The full-size pixels of an image, and what it states of them.

    Parameters
    ----------
    path
        Folder or URL of its group.
    array
        The pixels, with the axes that ``axes`` names.
    axes
        A letter for each axis: ``t`` for time, ``y`` and ``x``; ``-`` for one of a single place.
    known
        Scale and time.
    is_whole
        Whether a chunk that lacks is damage at any rate; the format lets those lack that hold one value.
    """

    path: Path
    array: zarr.Array[Any]
    axes: str
    known: Calibration
    is_whole: bool
    _kept: dict[str, tuple[range, NDArray[Any]]] = field(default_factory=dict, repr=False)
    _told: set[str] = field(default_factory=set, repr=False)

    @property
    def n_frames(self) -> int:
        """Number of frames, 1 without an axis of time."""
        return self._along("t", self.array.shape)

    @property
    def height(self) -> int:
        """Rows of a frame."""
        return self._along("y", self.array.shape)

    @property
    def width(self) -> int:
        """Columns of a frame."""
        return self._along("x", self.array.shape)

    def read_frame(self, t: int) -> NDArray[Any]:
        """Return the pixels (Y, X) of a frame.

        Raises
        ------
        InputError
            Where a chunk is damaged or lacks.
        """
        frame = self._read(t)
        self._look_for_chunks(t, frame)
        return frame

    def _read(self, t: int) -> NDArray[Any]:
        """Return a frame; of a chunk of several, all are kept for when they are asked for next."""
        n_together = self._along("t", self.array.chunks)
        size = self.height * self.width * self.array.dtype.itemsize
        if n_together == 1 or n_together * size > _MAX_KEPT_BYTES:
            return np.asarray(self._read_frames(range(t, t + 1))[0])
        frames, block = self._kept.get("block", (range(0), np.empty(0)))
        if t not in frames:
            first = t - t % n_together
            frames = range(first, min(first + n_together, self.n_frames))
            block = self._read_frames(frames)
            self._kept["block"] = frames, block
        return np.array(block[t - frames.start])

    def _read_frames(self, frames: range) -> NDArray[Any]:
        """Return pixels (T, Y, X)."""
        places: dict[str, slice | int] = {"t": slice(frames.start, frames.stop), "-": 0}
        pixels = np.asarray(self.array[tuple(places.get(axis, slice(None)) for axis in self.axes)])
        return np.reshape(pixels, (len(frames), self.height, self.width))

    def _along(self, axis: str, of: Sequence[int]) -> int:
        return of[self.axes.index(axis)] if axis in self.axes else 1

    def _look_for_chunks(self, t: int, frame: NDArray[Any]) -> None:
        """Refuse a store that breaks off at a frame, tell of a chunk that lacks elsewhere.

        What lacks reads as the fill value, so only parts of that value need to be looked for.
        """
        side = {a: self._along(a, self._stored_together) for a in "yx"}
        for y, x in product(range(0, self.height, side["y"]), range(0, self.width, side["x"])):
            part = frame[y : y + side["y"], x : x + side["x"]]
            if (part != self.array.fill_value).any() or self._has_chunk(t, y, x):
                continue
            what = f"{self.path}: frame {t} of {self.n_frames}"
            if self.is_whole:
                raise InputError(f"{what}: its chunk is missing from the store; write the masks again")
            if not self._has_chunk(self.n_frames - 1, self.height - 1, self.width - 1):
                before = f", or take --frames 0:{t}" if t else ""
                raise InputError(
                    f"{what} is missing, and the last one too: the store breaks off; copy it again from its "
                    f"source{before}"
                )
            if not self._told:
                told = f"{what}: lacks a chunk, as a frame of one value may; it counts as such"
                self._told.add(told)
                warn(told)
            return

    @property
    def _stored_together(self) -> tuple[int, ...]:
        return tuple(self.array.shards or self.array.chunks)

    def _has_chunk(self, t: int, y: int, x: int) -> bool:
        from zarr.core.sync import sync

        at = [{"t": t, "y": y, "x": x}.get(axis, 0) for axis in self.axes]
        chunk = tuple(n // size for n, size in zip(at, self._stored_together, strict=True))
        key = self.array.metadata.encode_chunk_key(chunk)
        return bool(sync((self.array.store_path / key).exists()))

    def digest(self) -> str:
        """Return the SHA-256 (hex) of the files of an image; in object storage, of what that tells of them.

        There its metadata count, and name, size and checksum of each object: pixels would have to be loaded.

        Raises
        ------
        InputError
            Where they cannot be read.
        """
        if not isinstance(self.path, Url):
            return fingerprint(list_files(self.path))
        from fsspec.core import url_to_fs

        whole = sha256(json.dumps(self.array.metadata.to_dict(), sort_keys=True, default=str).encode())
        with refused_as(f"{self.path}: cannot be listed"):
            storage, root = url_to_fs(str(self.path))
            found = storage.find(root, detail=True)
            for name in sorted(found):
                tag = found[name].get("ETag") or found[name].get("etag") or ""
                whole.update(f"{name.removeprefix(root)} {found[name].get('size')} {tag}\n".encode())
        return whole.hexdigest()


def open_image(path: Path) -> ZarrImage:
    """Open an OME-Zarr image by its folder or URL; no pixel is read.

    Raises
    ------
    InputError
        If zarr is not installed, or there is no image, or one of another version or with further axes.
    """
    try:
        import zarr
    except ImportError as error:
        raise InputError(f"{path}: needs zarr, which is not installed; pip install temtrack[zarr]") from error
    with refused_as(f"{path}: cannot be read as OME-Zarr"):
        found = zarr.open(_store_of(path), mode="r")
        if not isinstance(found, zarr.Group):
            raise InputError(f"{path}: is a Zarr array alone; give the OME-Zarr image, which tells its axes")
        group = _only_series(path, found)
        ome = _ome_of(group.attrs)
        scales = _multiscales(path, ome)
        level = scales["datasets"][0]
        array = group[str(level["path"])]
        if not isinstance(array, zarr.Array):
            raise InputError(f"{path}: its metadata name {level['path']!r} as pixels, which is no array")
        axes = [{"name": one} if isinstance(one, str) else dict(one) for one in scales["axes"]]
        names = _axis_names(path, axes, array.shape)
        known = _calibration(axes, names, array.shape, [level, scales])
    return ZarrImage(path, array, names, known, ome.get("_creator") == CREATOR)


def _store_of(path: Path) -> Any:
    """Return what zarr opens: a folder, or the store of a URL."""
    if not isinstance(path, Url):
        return path
    from zarr.storage import FsspecStore

    with refused_as(f"{path}: cannot be reached"):
        return FsspecStore.from_url(str(path), read_only=True)


def _ome_of(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metadata of OME: under its name since 0.5, before that among the attributes."""
    found = attributes.get("ome", attributes)
    return dict(found) if isinstance(found, Mapping) else {}


def _only_series(path: Path, group: zarr.Group) -> zarr.Group:
    """Return the group of the image: the given one, or the only one that bioformats2raw put into it."""
    if "bioformats2raw.layout" not in _ome_of(group.attrs):
        return group
    if "1" in group:
        raise InputError(f"{path}: holds several images; give one of them, as {path / '0'}")
    return group["0"]


def _multiscales(path: Path, ome: Mapping[str, Any]) -> dict[str, Any]:
    """Return the description of the first image, of a version that is known."""
    scales = ome.get("multiscales")
    if not scales:
        is_plate = "plate" in ome or "well" in ome
        what = "is a plate with many images" if is_plate else "is a Zarr group that tells of no image"
        raise InputError(f"{path}: {what}; give the folder of one OME-Zarr image")
    version = ome.get("version", scales[0].get("version"))
    if version not in VERSIONS:
        told = "of no stated version" if version is None else f"OME-Zarr {version}"
        raise InputError(
            f"{path}: is {told}; allowed are {' and '.join(VERSIONS)}; convert it, as with ome-zarr-py"
        )
    return dict(scales[0])


def _axis_names(path: Path, axes: Sequence[Mapping[str, Any]], shape: Sequence[int]) -> str:
    """Return a letter for each axis: ``t``, ``y`` and ``x``, or ``-`` for one of a single place."""
    named = [str(axis["name"]) for axis in axes]
    is_time = [axis.get("type") == "time" or axis["name"] == "t" for axis in axes]
    n_other = sum(n > 1 and not time for time, n in zip(is_time[:-2], shape, strict=False))
    if len(axes) != len(shape) or len(axes) < 2 or sum(is_time) > 1 or any(is_time[-2:]) or n_other:
        size = "x".join(map(str, shape))
        raise InputError(
            f"{path}: has axes {', '.join(named)} of {size}; allowed are t, y, x and others of one place; "
            "save one channel and one plane at each time"
        )
    height, width = shape[-2:]
    if min(shape) < 1 or height * width > MAX_FRAME_PX:
        side = math.isqrt(MAX_FRAME_PX)
        raise InputError(f"{path}: frames are {height}x{width} px; allowed are 1x1 to {side}x{side} px")
    return "".join("t" if time else "-" for time in is_time[:-2]) + "yx"


def _calibration(
    axes: Sequence[Mapping[str, Any]],
    names: str,
    shape: Sequence[int],
    scaled: Sequence[Mapping[str, Any]],
) -> Calibration:
    """Return scale and times, where units of length and time stand with the axes."""
    steps = np.ones(len(axes))
    for factors in (factors for one in scaled for factors in _scales(one)):
        steps = steps * np.asarray(factors, dtype=np.float64)
    told = {
        name: (float(step), str(axis.get("unit") or ""))
        for name, step, axis in zip(names, steps, axes, strict=True)
    }
    n_frames = shape[names.index("t")] if "t" in names else 1
    times = even_times(n_frames, *told["t"], "OME-Zarr scale") if "t" in told else None
    return Calibration(pixel_size_along_x([told["x"], told["y"]], "OME-Zarr scale"), times)


def _scales(described: Mapping[str, Any]) -> Iterator[Sequence[float]]:
    for transformation in described.get("coordinateTransformations") or ():
        if transformation["type"] == "scale":
            yield transformation["scale"]
