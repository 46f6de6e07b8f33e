import zipfile
from collections import deque
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from temtrack.errors import InputError
from temtrack.formats.store.state import read_state, write_state


@dataclass
class Box:
    labels: np.ndarray
    _hidden: deque = field(default_factory=lambda: deque(maxlen=3))


@dataclass(frozen=True)
class Point:
    y: float
    x: float


CLASSES = (Box, Point)


def there_and_back(tmp_path, state, classes=CLASSES):
    write_state(tmp_path / "state", {"other": 1, "state": state}, classes)
    return read_state(tmp_path / "state", ["state"], classes)[0]


def test_plain_values_and_containers_keep_their_types(tmp_path):
    state = {
        1: [None, True, 2, 0.1, "ä"],
        (2, 3): {"sets": {(1, 2)}, "frozen": frozenset({4})},
        "tuple": (Point(0.1, float("inf")), ()),
        "deque": deque([1.5], maxlen=16),
    }
    back = there_and_back(tmp_path, state)
    assert back == state
    assert back["deque"].maxlen == 16
    assert list(back) == list(state)
    assert [type(v) for v in back[1]] == [type(v) for v in state[1]]


@pytest.mark.parametrize("dtype", ["uint8", "int32", "float32", "float64", "bool"])
def test_arrays_and_scalars_keep_type_shape_and_every_bit(tmp_path, dtype):
    array = (np.random.default_rng(0).random((5, 7)) * 3).astype(dtype)
    back = there_and_back(tmp_path, Box(array[::2], deque([array[0, 0]], 3)))
    np.testing.assert_array_equal(back.labels, array[::2])
    assert back.labels.dtype == dtype
    assert back._hidden[0] == array[0, 0]
    assert type(back._hidden[0]) is type(array[0, 0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int64, torch.bool])
def test_tensors_come_back(tmp_path, dtype):
    tensor = (torch.arange(6).reshape(2, 3) / 3).to(dtype).T
    back = there_and_back(tmp_path, [tensor, torch.empty(0, 4, dtype=dtype)])
    assert torch.equal(back[0], tensor)
    assert back[0].dtype == dtype
    assert back[1].shape == (0, 4)


def test_what_is_mentioned_twice_is_written_once(tmp_path):
    array, tensor = np.arange(3), torch.arange(3)
    a, b, c, d = there_and_back(tmp_path, [array, array, tensor, tensor])
    with zipfile.ZipFile(tmp_path / "state") as archive:
        assert len(archive.namelist()) == 3
    np.testing.assert_array_equal(a, b)
    assert torch.equal(c, d)


def test_only_allowed_classes_are_written_and_built(tmp_path):
    with pytest.raises(TypeError, match="holds no Point"):
        write_state(tmp_path / "state", {"at": Point(1, 2), "n": 3}, ())
    write_state(tmp_path / "state", {"at": Point(1, 2), "n": 3}, CLASSES)
    with pytest.raises(InputError, match="'Point' is not allowed"):
        read_state(tmp_path / "state", ["at"], ())
    assert read_state(tmp_path / "state", ["n"], ()) == [3]
    with pytest.raises((TypeError, ValueError)):
        write_state(tmp_path / "state", {"n": np.array([{}], dtype=object)}, ())


def test_damaged_and_foreign_files_are_told(tmp_path):
    path = tmp_path / "state"
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_state(path, ["n"], ())
    write_state(path, {"n": np.arange(50_000)}, ())
    whole = path.read_bytes()
    for broken in (b"", b"text", whole[: len(whole) // 2], whole[:9000] + b"?" + whole[9001:]):
        path.write_bytes(broken)
        with pytest.raises(InputError, match=r"is damaged, or no temtrack-state .* start again with --force"):
            read_state(path, ["n"], ())
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("state.json", '{"format": "other", "version": 1}')
    with pytest.raises(InputError, match="version 1 of other"):
        read_state(path, ["n"], ())
