import geff
import numpy as np
import pytest
from export_scene import CHILD, N_NODES, PARENTS, draw_frame
from geff.validate.data import ValidationConfig, validate_data
from geff.validate.segmentation import has_seg_ids_at_time_points, has_valid_seg_id


def read(path):
    """Read with geff's own reader and hold it to all that geff can check."""
    geff.validate_structure(path)
    reader = geff.GeffReader(path)
    reader.read_node_props()
    reader.read_edge_props()
    graph = reader.build()
    validate_data(graph, ValidationConfig(graph=True, tracklet=True, lineage=True))
    return graph


def families(graph, ids, name):
    """Return parents by child of the edges that are a merge or a split."""
    found = {}
    for source, target in graph["edge_ids"][graph["edge_props"][name]["values"]]:
        found.setdefault(int(ids[target]), set()).add(int(ids[source]))
    return found


def test_all_parents_and_children_come_back(write, scene):
    graph = read(write("geff", scene, "scene.geff"))
    assert len(graph["node_ids"]) == N_NODES
    ids = graph["node_props"]["particle_id"]["values"]
    assert families(graph, ids, "merge") == {CHILD: {1, 2, 3}}
    assert families(graph, ids, "merge") | families(graph, ids, "split") == PARENTS


def test_nodes_lie_on_the_masks(write, scene):
    graph = read(write("geff", scene, "scene.geff"))
    ids, frames = (graph["node_props"][name]["values"] for name in ("particle_id", "t"))
    assert has_valid_seg_id(graph, "particle_id") == (True, [])
    masks = np.stack([draw_frame(t) for t in range(12)])
    assert has_seg_ids_at_time_points(masks, frames, ids, graph["metadata"]) == (True, [])
    y, x = (np.rint(graph["node_props"][name]["values"]).astype(int) for name in "yx")
    assert np.array_equal(masks[frames, y, x], ids)


def test_units_are_those_that_are_known(write, scene, scaled):
    plain = read(write("geff", scene, "plain.geff"))["metadata"]
    assert [(a.name, a.unit, a.scale, a.scaled_unit) for a in plain.axes] == [
        ("t", "frame", None, None),
        ("y", "pixel", None, None),
        ("x", "pixel", None, None),
    ]
    assert "area_nm2" not in plain.node_props_metadata
    graph = read(write("geff", scaled, "scaled.geff"))
    assert [(a.name, a.scale, a.scaled_unit) for a in graph["metadata"].axes] == [
        ("t", 2.0, "second"),
        ("y", 0.5, "nanometer"),
        ("x", 0.5, "nanometer"),
    ]
    assert graph["metadata"].node_props_metadata["area_nm2"].unit == "nm2"
    ids, areas = (graph["node_props"][name]["values"] for name in ("particle_id", "area_nm2"))
    assert set(areas[ids == 4]) == {64 * 0.25}


def test_uneven_times_have_no_scale_and_stand_at_the_nodes(write, uneven):
    graph = read(write("geff", uneven, "uneven.geff"))
    assert graph["metadata"].axes[0].scale is None
    frames, seconds = (graph["node_props"][name]["values"] for name in ("t", "time_s"))
    assert set(seconds[frames == 11]) == {15.0}


def test_a_kept_id_and_an_empty_movie_are_valid(write, kept_id, empty):
    graph = read(write("geff", kept_id, "kept.geff"))
    assert families(graph, graph["node_props"]["particle_id"]["values"], "merge") == {2: {1, 3}}
    geff.validate_structure(write("geff", empty, "empty.geff"))


def test_networkx_opens_it(write, scene):
    graph, metadata = geff.read(write("geff", scene, "scene.geff"))
    child = next(n for n, data in graph.nodes(data=True) if data["particle_id"] == CHILD and data["t"] == 8)
    assert {graph.nodes[n]["particle_id"] for n in graph.predecessors(child)} == {1, 2, 3}
    assert metadata.directed


@pytest.mark.parametrize("column", ["perimeter_px", "circularity"])
def test_what_is_missing_stays_missing(write, scene, column):
    scene.particles.loc[3, column] = np.nan
    prop = read(write("geff", scene, "scene.geff"))["node_props"][column]
    assert np.flatnonzero(prop["missing"]).tolist() == [3]
