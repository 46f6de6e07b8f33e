"""napari opens a run: movie, labels and tracks with merges; labels are painted on and mended so."""

import importlib
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from review_scene import MASKS, write_scene

import temtrack
from temtrack.pipeline.napari_reader import FramesOnDemand, get_reader

MANIFEST = Path(temtrack.__file__).parent / "napari.yaml"


@pytest.fixture
def layers(tmp_path):
    folder = write_scene(tmp_path / "masks")
    with pytest.warns(temtrack.errors.TemtrackWarning, match="movie"):
        return get_reader(str(folder))(str(folder))


def test_only_a_run_is_opened(tmp_path):
    assert get_reader(str(tmp_path)) is None
    assert get_reader([str(tmp_path)]) is None
    assert get_reader(str(tmp_path / "movie.tif")) is None


def test_labels_and_tracks_are_those_of_the_run(layers):
    (labels, _, kind), (data, shown, other) = layers
    assert (kind, other) == ("labels", "tracks")
    assert np.array_equal(np.asarray(labels), MASKS)
    assert shown["graph"] == {3: [1, 2]}
    present = {(one, t) for t in range(len(MASKS)) for one in np.unique(MASKS[t][MASKS[t] > 0])}
    assert {(int(one), int(t)) for one, t, _, _ in data} == present
    assert all(len(values) == len(data) for values in shown["features"].values())


INDICES = {
    "a frame": 3,
    "a frame in full": (3, slice(None), slice(None)),
    "frames": slice(2, 7, 2),
    "a part": (slice(1, 3), slice(10, 20), slice(5, 9)),
    "a line through time": (..., 20),
    "all": ...,
    "pixels": (np.array([1, 1, 4]), np.array([70, 25, 70]), np.array([20, 19, 45])),
    "pixels of a frame": (4, np.array([70, 25]), np.array([20, 90])),
    "the last": -1,
    "none": slice(0, 0),
}


@pytest.mark.parametrize("name", INDICES)
def test_frames_are_indexed_as_an_array_is(name):
    frames = FramesOnDemand(MASKS.__getitem__, MASKS.shape, MASKS.dtype)
    assert np.array_equal(frames[INDICES[name]], MASKS[INDICES[name]])
    wanted = MASKS.copy()
    wanted[INDICES[name]] = 99
    frames[INDICES[name]] = 99
    assert np.array_equal(frames, wanted)


def test_labels_painted_in_napari_mend_the_run(layers, tmp_path):
    labels = layers[0][0]
    labels[np.nonzero(np.asarray(labels) == 11)] = 0  # as its fill bucket does
    tifffile.imwrite(tmp_path / "edited.tif", np.asarray(labels).astype(np.uint16))
    found = temtrack.correct(tmp_path / "masks", tmp_path / "edited.tif")
    assert not found.stale
    assert {track.id for track in found.run.lineage.tracks} == set(range(1, 11))
    assert [(m.frame, m.child, m.parents) for m in found.run.lineage.merges] == [(6, 3, (1, 2))]


def test_the_manifest_names_what_is_there():
    told = dict(re.findall(r"(\w+): (\S.*)", MANIFEST.read_text()))
    module, function = told["python_name"].split(":")
    assert getattr(importlib.import_module(module), function) is get_reader
    assert told["id"] == told["command"]
    project = tomllib.loads((MANIFEST.parents[1] / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["napari.manifest"] == {told["name"]: f"temtrack:{MANIFEST.name}"}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of npe2 itself
def test_npe2_takes_the_manifest():
    npe2 = pytest.importorskip("npe2", reason="npe2 is not installed: it comes with napari")
    (reader,) = npe2.PluginManifest.from_file(MANIFEST).contributions.readers
    assert reader.accepts_directories


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of napari itself
def test_napari_takes_the_layers(layers):
    napari = pytest.importorskip("napari")
    (labels, shown, _), (data, tracked, _) = layers
    layer = napari.layers.Labels(labels, **shown)
    assert np.array_equal(layer.data[5], MASKS[5])
    tracks = napari.layers.Tracks(data, **tracked)
    assert dict(tracks.graph) == {3: [1, 2]}
