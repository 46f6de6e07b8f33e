import json

import numpy as np
import pandas as pd
import pytest
from export_scene import CHILD, N_NODES, PARENTS


def read(path):
    graph = {int(child): of for child, of in json.loads((path / "graph.json").read_text()).items()}
    return pd.read_csv(path / "tracks.csv"), graph


def check_layer(tracks, graph):
    """Hold data and graph to the rules that napari states for a Tracks layer."""
    assert tracks.columns[:4].tolist() == ["track_id", "t", "y", "x"]
    data = tracks.iloc[:, :4].to_numpy(float)
    assert np.isfinite(data).all()
    assert np.array_equal(data[:, :2], np.rint(data[:, :2]))  # ids and times are whole numbers
    assert np.array_equal(np.lexsort((data[:, 1], data[:, 0])), np.arange(len(data)))  # sorted by id, time
    assert not tracks.duplicated(["track_id", "t"]).any()
    known = set(tracks["track_id"])
    assert set(graph) <= known
    assert {parent for of in graph.values() for parent in of} <= known
    spans = tracks.groupby("track_id")["t"].agg(["min", "max"])
    for child, parents in graph.items():
        assert all(spans["max"][parent] < spans["min"][child] for parent in parents)


def test_all_parents_and_children_come_back(write, scene):
    tracks, graph = read(write("napari", scene, "out"))
    check_layer(tracks, graph)
    assert len(tracks) == N_NODES
    particle_of = dict(zip(tracks["track_id"], tracks["particle_id"], strict=True))
    found = {child: {particle_of[parent] for parent in of} for child, of in graph.items()}
    assert found.pop(CHILD + 1) == {8}  # 8 itself, after a piece split off
    assert found == PARENTS


def test_positions_are_on_the_masks_and_lengths_beside_them(write, scene, scaled):
    plain, _ = read(write("napari", scene, "plain"))
    assert not [name for name in plain.columns if name.endswith(("_nm", "_nm2", "_s"))]
    tracks, _ = read(write("napari", scaled, "scaled"))
    first = tracks[(tracks["particle_id"] == 4) & (tracks["t"] == 3)].iloc[0]
    assert (first["y"], first["x"]) == (23.5, 5.5)
    assert (first["y_nm"], first["x_nm"], first["time_s"]) == (11.75, 2.75, 6.0)


def test_a_kept_id_and_an_empty_movie_are_valid(write, kept_id, empty):
    tracks, graph = read(write("napari", kept_id, "kept"))
    check_layer(tracks, graph)
    assert graph == {4: [1, 2, 3]}
    assert set(tracks.loc[tracks["track_id"] == 4, "particle_id"]) == {2}
    tracks, graph = read(write("napari", empty, "empty"))
    assert len(tracks) == 0
    assert graph == {}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of napari itself
def test_napari_takes_it(write, scene):
    layers = pytest.importorskip("napari.layers", reason="napari is not installed: it weighs 0.6 GB")
    tracks, graph = read(write("napari", scene, "out"))
    layer = layers.Tracks(tracks[["track_id", "t", "y", "x"]], graph=graph, features=tracks)
    assert layer.graph == {child: sorted(of) for child, of in graph.items()}
    assert len(layer.data) == N_NODES
