from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from cases import two_fuse

from temtrack.analysis.doubt import leave_out_doubtful
from temtrack.pipeline.analyze import analyze


@pytest.fixture(scope="module")
def tables():
    """Tables of two that become one beside two others that do."""
    truth = two_fuse().truth
    return analyze([np.hstack([labels, np.where(labels, labels + 10, 0)]) for labels in truth])


def told(tables, *confidences):
    """Return the tables with other confidences of their merges."""
    at = tables.merges.schema.get_field_index("confidence")
    column = pa.array(confidences, pa.float64())
    return replace(tables, merges=tables.merges.set_column(at, tables.merges.schema.field(at), column))


def test_a_doubtful_merge_leaves_its_parents_lost_and_its_child_appeared(tables):
    first, second = tables.merges.to_pylist()
    left = leave_out_doubtful(told(tables, 0.2, 0.7), 0.5)
    assert [row["child_id"] for row in left.merges.to_pylist()] == [second["child_id"]]
    tracks = {row["particle_id"]: row for row in left.tracks.to_pylist()}
    for parent in first["parent_ids"]:
        assert (tracks[parent]["fate"], tracks[parent]["child_id"]) == ("lost", None)
        assert tracks[parent]["fate_confidence"] is None
    assert tracks[first["child_id"]]["origin"] == "appeared"
    assert tracks[first["child_id"]]["parent_ids"] == []
    assert {tracks[parent]["fate"] for parent in second["parent_ids"]} == {"merged"}
    assert left.tracks.schema == tables.tracks.schema
    assert left.particles is tables.particles


def test_what_is_sure_or_of_unknown_confidence_stays(tables):
    assert leave_out_doubtful(told(tables, 0.5, None), 0.5).merges.num_rows == 2
    assert leave_out_doubtful(replace(tables, merges=None), 0.5).merges is None
