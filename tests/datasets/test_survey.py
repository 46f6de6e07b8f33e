import numpy as np
import pytest

from temtrack.datasets.config import SliceConfig
from temtrack.datasets.folder import survey
from temtrack.datasets.sources import find_sources
from temtrack.errors import InputError


def tiles_of(folder, config):
    sources = find_sources(folder / "i", folder / "m")
    return survey(sources, config, lambda source, frame: source.name, iter, True)[0]


def test_tiles_are_named_counted_and_measured(tmp_path, write):
    labels = np.zeros((40, 60), np.uint16)
    labels[2:6, 2:6] = labels[2:6, 10:14] = 7  # one id, two pieces
    write(tmp_path / "i" / "a.tif", [np.ones((40, 60), np.uint8)] * 5)
    write(tmp_path / "m" / "a.tif", [labels] * 5)
    found = tiles_of(tmp_path, SliceConfig(size_px=20, every=3))
    assert [tile.frame for tile in found] == [0] * 6 + [3] * 6
    assert found[7].tile == "a_f0003_y0000_x0020"
    assert [tile.n_particles for tile in found[:3]] == [2, 0, 0]
    assert found[0].coverage == pytest.approx(32 / 400)


def test_names_that_meet_are_refused(tmp_path, write):
    for name, frames in (("a", 2), ("a_f0001", 1)):
        write(tmp_path / "i" / f"{name}.tif", np.ones((frames, 20, 20), np.uint8))
        write(tmp_path / "m" / f"{name}.tif", np.ones((frames, 20, 20), np.uint8))
    with pytest.raises(InputError, match="would overwrite"):
        tiles_of(tmp_path, SliceConfig(size_px=20))
