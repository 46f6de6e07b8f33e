import numpy as np
import pytest
from export_scene import CHILD, N_NODES

from temtrack.formats.export.graph import Kind, build_graph


def families(graph, kind):
    """Return parents by child, in ids of the masks, of the edges of a kind."""
    found = {}
    for source, target in graph.particle_ids[graph.edges[graph.kinds == kind]].tolist():
        found.setdefault(target, set()).add(source)
    return found


def test_all_parents_and_fragments_have_an_edge(scene):
    assert families(scene.graph, Kind.merge) == {CHILD: {1, 2, 3}}
    assert families(scene.graph, Kind.split) == {6: {4}, 7: {4}, 9: {8}}
    assert scene.graph.n_unseen == 0


def test_steps_bridge_the_frames_in_which_a_particle_is_hidden(scene):
    graph = scene.graph
    steps = graph.edges[graph.kinds == Kind.step]
    of_five = graph.frames[steps[graph.particle_ids[steps[:, 0]] == 5]]
    assert of_five.tolist() == [[0, 1], [1, 2], [2, 5], [5, 7], [7, 8], [8, 9], [9, 10], [10, 11]]
    assert len(steps) == N_NODES - 11  # one less than masks for each of eleven particles


def test_an_edge_goes_from_the_last_mask_before_to_the_first_since(scene):
    graph = scene.graph
    merging = graph.edges[graph.kinds == Kind.merge]
    assert graph.frames[merging].tolist() == [[7, 8]] * 3


def test_a_particle_that_lives_on_is_cut_where_a_fragment_splits_off(scene):
    graph = scene.graph
    branches = graph.find_branches()
    of_eight = branches[graph.particle_ids == 8]
    assert of_eight.tolist() == [8] * 8 + [CHILD + 1] * 3
    assert graph.find_parents(branches) == {CHILD: [1, 2, 3], 6: [4], 7: [4], 9: [8], CHILD + 1: [8]}


def test_branches_may_end_at_gaps(scene):
    graph = scene.graph
    branches = graph.find_branches(max_step_frames=1)
    assert len(np.unique(branches[graph.particle_ids == 5])) == 3  # 0-2, 5, 7-11
    for branch in np.unique(branches):
        assert np.all(np.diff(graph.frames[branches == branch]) == 1)


def test_lineages_are_what_events_join(scene):
    lineages = scene.graph.find_lineages()
    joined = [set(scene.graph.particle_ids[lineages == one].tolist()) for one in np.unique(lineages)]
    assert sorted(joined, key=min) == [{1, 2, 3, CHILD}, {4, 6, 7}, {5}, {8, 9}, {10}]


def test_a_kept_id_is_a_parent_like_the_others(kept_id):
    graph = kept_id.graph
    assert kept_id.merges["parent_ids"].map(set).tolist() == [{1, 2, 3}]
    assert families(graph, Kind.merge) == {2: {1, 3}}
    branches = graph.find_branches()
    assert graph.find_parents(branches) == {4: [2, 1, 3]}  # what bears id 2 on is a branch of its own
    assert graph.frames[branches == 4].min() == kept_id.merges["frame"][0] == 8


def test_a_parent_that_no_mask_shows_is_counted(scene):
    unseen = scene.particles[scene.particles["particle_id"] != 2].reset_index(drop=True)
    graph = build_graph(unseen, scene.tables.tracks.to_pandas(), scene.merges)
    assert graph.n_unseen == 1
    assert families(graph, Kind.merge) == {CHILD: {1, 3}}


@pytest.mark.parametrize("of", ["find_branches", "find_tracklets", "find_lineages"])
def test_nothing_is_a_graph_too(empty, of):
    assert getattr(empty.graph, of)().tolist() == []
    assert empty.graph.find_parents(empty.graph.find_branches()) == {}
