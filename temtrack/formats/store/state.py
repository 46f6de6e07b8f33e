"""Nested state on disk and exactly back again: one zip of a JSON tree and the arrays that it names.

Nothing in such a file is ever executed: a class is built only where the reader allows it by name.
"""

from __future__ import annotations

import json
import sys
import zipfile
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from temtrack.errors import InputError
from temtrack.formats.store.atomic import whole_file

_FORMAT, _VERSION = "temtrack-state", 1
_TREE, _ARRAY = "state.json", "array{:06d}.npy"

#: Label images shrink some fiftyfold at the lowest level already; higher ones only cost time, and what is not
#: of whole numbers hardly shrinks at all.
_COMPRESSION_LEVEL = 1

_PLAIN = frozenset({type(None), bool, int, float, str})
_SEQUENCES: dict[str, Callable[[Iterable[Any]], Any]] = {"tuple": tuple, "set": set, "frozenset": frozenset}


def write_state(path: Path, parts: Mapping[str, object], classes: Sequence[type]) -> None:
    """Write a state of named parts, whole or not at all.

    Parameters
    ----------
    path
        The file.
    parts
        By name: ``None``, truth values, numbers, texts, NumPy arrays and scalars, torch tensors, lists,
        tuples, sets, deques and dicts of them, and dataclasses and named tuples whose fields hold such.
    classes
        The dataclasses and named tuples that may occur.

    Raises
    ------
    OutputError
        If the file cannot be written.
    TypeError
        If the state holds anything else.
    """
    encoder = _Encoder(classes)
    encoded = {name: encoder.encode(part) for name, part in parts.items()}
    document = {"format": _FORMAT, "version": _VERSION, "parts": encoded}
    with (
        whole_file(path) as part,
        zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=_COMPRESSION_LEVEL) as archive,
    ):
        archive.writestr(_TREE, json.dumps(document, separators=(",", ":")))
        for i, array in enumerate(encoder.arrays):
            entry = zipfile.ZipInfo(_ARRAY.format(i))
            entry.compress_type = zipfile.ZIP_DEFLATED if array.dtype.kind in "iub" else zipfile.ZIP_STORED
            with archive.open(entry, "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def read_state(path: Path, names: Iterable[str], classes: Sequence[type]) -> list[Any]:
    """Read the parts of these names, given the classes that may occur in them.

    Raises
    ------
    InputError
        If the file is missing, damaged, or no such state.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            document = json.loads(archive.read(_TREE))
            if (document["format"], document["version"]) != (_FORMAT, _VERSION):
                raise ValueError(f"version {document['version']} of {document['format']}")
            decoder = _Decoder(classes, archive)
            return [decoder.decode(document["parts"][name]) for name in names]
    except OSError as error:
        raise InputError(f"{path}: state cannot be read: {error.strerror or error}") from error
    except Exception as error:  # zip, NumPy, torch and the classes raise errors of any type on damaged ones
        raise InputError(
            f"{path}: is damaged, or no {_FORMAT} of version {_VERSION} ({error}); start again with --force"
        ) from error


def _fields_of(cls: type) -> tuple[str, ...]:
    """Return the names of the fields of a dataclass or a named tuple."""
    return tuple(field.name for field in fields(cls)) if is_dataclass(cls) else cls._fields  # type: ignore[attr-defined]


class _Encoder:
    """Turns a state into what JSON can hold, and collects its arrays."""

    def __init__(self, classes: Sequence[type]) -> None:
        self._fields = {cls: _fields_of(cls) for cls in classes}
        self.arrays: list[NDArray[Any]] = []
        self._place_of: dict[int, int] = {}

    def encode(self, value: Any) -> Any:
        """Return a value as JSON: plain ones and lists as they are, all others with their type's name."""
        kind = type(value)
        if kind in _PLAIN:
            return value
        if kind is list:
            return self._items(value)
        node: dict[str, Any] = {"type": kind.__name__}
        if kind is dict:
            return node | {"keys": self._items(value), "of": self._items(value.values())}
        if kind is deque:
            return node | {"maxlen": value.maxlen, "of": self._items(value)}
        if kind.__name__ in _SEQUENCES:
            return node | {"of": self._items(value)}
        if kind in self._fields:
            return node | {"of": self._items(getattr(value, name) for name in self._fields[kind])}
        return self._numbers(value)

    def _items(self, values: Iterable[Any]) -> list[Any]:
        return [v if type(v) in _PLAIN else self.encode(v) for v in values]

    def _numbers(self, value: Any) -> dict[str, Any]:
        if isinstance(value, np.generic):
            return {"type": "scalar", "dtype": value.dtype.str, "of": value.tobytes().hex()}
        torch = sys.modules.get("torch")  # without it there are no tensors either
        node: dict[str, Any] = {"type": "array"}
        if torch is not None and isinstance(value, torch.Tensor):
            dtype = str(value.dtype).removeprefix("torch.")
            node = {"type": "tensor", "dtype": dtype, "shape": list(value.shape)}
        elif not isinstance(value, np.ndarray):
            raise TypeError(f"a state holds no {type(value).__name__}")
        # one place among the arrays for all mentions of the same object
        place = self._place_of.setdefault(id(value), len(self.arrays))
        if place == len(self.arrays):
            if torch is not None and node["type"] == "tensor":  # its bytes: NumPy has no bfloat16
                value = value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().view("V1")
            self.arrays.append(value)
        return node | {"of": place}


class _Decoder:
    """Builds the state again."""

    def __init__(self, classes: Sequence[type], archive: zipfile.ZipFile) -> None:
        self._classes = {cls.__name__: cls for cls in classes}
        self._archive = archive

    def decode(self, value: Any) -> Any:
        """Return the value that was encoded."""
        if isinstance(value, list):
            return self._items(value)
        if not isinstance(value, dict):
            return value
        kind, of = value["type"], value["of"]
        if kind in _SEQUENCES:
            return _SEQUENCES[kind](self._items(of))
        if kind == "dict":
            return dict(zip(self._items(value["keys"]), self._items(of), strict=True))
        if kind == "deque":
            return deque(self._items(of), maxlen=value["maxlen"])
        if kind in self._classes:
            return self._classes[kind](*self._items(of))
        if kind == "scalar":
            return np.frombuffer(bytes.fromhex(of), value["dtype"])[0]
        if kind not in ("array", "tensor"):
            raise ValueError(f"{kind!r} is not allowed in it")
        with self._archive.open(_ARRAY.format(of)) as member:
            array = np.lib.format.read_array(member, allow_pickle=False)
        if kind == "array":
            return array
        import torch

        tensor = torch.empty(value["shape"], dtype=getattr(torch, value["dtype"]))
        if tensor.numel():  # an empty one has no bytes to look at
            tensor.flatten().view(torch.uint8).copy_(torch.from_numpy(array.view(np.uint8)))
        return tensor

    def _items(self, values: list[Any]) -> list[Any]:
        return [self.decode(v) if isinstance(v, (dict, list)) else v for v in values]
