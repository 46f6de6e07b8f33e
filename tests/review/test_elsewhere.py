"""What other programs changed comes out as corrections that give exactly that."""

import json
from xml.etree import ElementTree

import numpy as np
import pytest
from needs import need_module
from review_scene import MASKS, check, make_edited, write_scene

from temtrack.errors import InputError, TemtrackWarning
from temtrack.formats.store.masks import mask_name, write_mask
from temtrack.pipeline.export import export_run
from temtrack.pipeline.options import TableOptions
from temtrack.pipeline.request import Request
from temtrack.review.corrections import LinkMade, MergeAdded, MergeParents, MergeRejected
from temtrack.review.elsewhere import read_elsewhere, rings_of
from temtrack.review.outlines import fill


def corrected(run, corrections):
    for one in corrections:
        one.apply(run)
        check(run)
    return {track.id: track for track in run.lineage().tracks}


def write_edited(folder, masks):
    folder.mkdir()
    for t, labels in enumerate(masks):
        write_mask(folder / mask_name(t), labels)
    return folder


def test_rings_enclose_exactly_the_mask():
    rng = np.random.default_rng(3)
    for _ in range(5):
        mask = rng.random((20, 30)) < 0.6
        assert np.array_equal(fill(rings_of(mask), mask.shape), mask)


def test_masks_as_they_are_tell_nothing(tmp_path):
    assert read_elsewhere(write_edited(tmp_path / "same", MASKS), make_edited()) == []


def edit(masks):
    """Everything that a brush, a bucket and an eraser do."""
    masks[3:][masks[3:] == 7] = 40  # another name from a frame on
    masks[7:][masks[7:] == 6] = 5  # a broken link made
    masks[5][60:64, 15:25] = 4  # more of one
    masks[6][88, 110] = 11
    masks[8][masks[8] == 10] = 0  # gone in a frame
    masks[:, 2:6, 2:6] = 50  # a new one
    masks[masks == 11] = 0  # gone everywhere
    masks[2][(masks[2] == 9) & (np.indices(masks[2].shape)[1] > 90)] = 51  # cut in two
    swapped = masks[9:].copy()
    masks[9:][swapped == 8], masks[9:][swapped == 9] = 9, 8


def test_edited_masks_come_out_as_they_are(tmp_path):
    masks = MASKS.copy()
    edit(masks)
    run = make_edited()
    tracks = corrected(run, read_elsewhere(write_edited(tmp_path / "edited", masks), run))
    named = {}
    for t, wanted in enumerate(masks):
        labels = run.labels(t)
        assert np.array_equal(labels > 0, wanted > 0)
        for one in np.unique(wanted[wanted > 0]).tolist():
            (own,) = np.unique(labels[wanted == one]).tolist()
            assert named.setdefault(one, own) == own
    assert len(set(named.values())) == len(named) == len(tracks)
    assert tracks[named[3]].parents == (named[1], named[2])  # what nobody touched


def test_a_parent_painted_away_leaves_the_child_to_the_other(tmp_path):
    masks = np.where(MASKS == 2, 0, MASKS)
    run = make_edited()
    tracks = corrected(run, read_elsewhere(write_edited(tmp_path / "edited", masks), run))
    assert run.lineage().merges == ()
    assert (tracks[1].start, tracks[1].end) == (0, 11)


def test_masks_of_another_size_are_refused(tmp_path):
    with pytest.raises(InputError, match="give masks and movie of the same frames"):
        read_elsewhere(write_edited(tmp_path / "short", MASKS[:5]), make_edited())


@pytest.fixture(params=["trackmate", "geff"])
def links(request, tmp_path):
    """Write the run for another program, and return what changes its links and reads them again."""
    need_module("geff") if request.param == "geff" else None
    out = tmp_path / {"trackmate": "run.xml", "geff": "run.geff"}[request.param]
    export_run(write_scene(tmp_path / "run"), request.param, out, TableOptions(), Request())

    def changed(removed=(), added=(), deleted=()):
        change = _change_trackmate if request.param == "trackmate" else _change_geff
        change(out, removed, added, deleted)
        return read_elsewhere(out, make_edited())

    return changed


def _change_trackmate(path, removed, added, deleted):
    tree = ElementTree.parse(path)
    spots = {(int(s.get("FRAME")), int(s.get("PARTICLE_ID"))): s for s in tree.iter("Spot")}
    ids = {node: spot.get("ID") for node, spot in spots.items()}
    gone = {(ids[a], ids[b]) for a, b in removed}
    lost = {ids[node] for node in deleted}
    for track in tree.iter("Track"):
        for edge in list(track):
            ends = edge.get("SPOT_SOURCE_ID"), edge.get("SPOT_TARGET_ID")
            if ends in gone or lost & set(ends):
                track.remove(edge)
    for frame in tree.iter("SpotsInFrame"):
        for spot in list(frame):
            if spot.get("ID") in lost:
                frame.remove(spot)
    first = next(tree.iter("Track"))
    for a, b in added:
        ElementTree.SubElement(first, "Edge", SPOT_SOURCE_ID=ids[a], SPOT_TARGET_ID=ids[b])
    for spot in tree.iter("Spot"):
        del spot.attrib["PARTICLE_ID"]  # another program need not keep it
    tree.write(path)


def _change_geff(path, removed, added, deleted):
    geff = need_module("geff")
    graph, metadata = geff.read(path, backend="networkx")
    nodes = {(int(of["t"]), int(of["particle_id"])): node for node, of in graph.nodes(data=True)}
    graph.remove_edges_from([(nodes[a], nodes[b]) for a, b in removed])
    graph.add_edges_from([(nodes[a], nodes[b], {"merge": False, "split": False}) for a, b in added])
    graph.remove_nodes_from([nodes[one] for one in deleted])
    geff.write(graph, path, metadata, overwrite=True)


def test_links_as_they_are_tell_nothing(links):
    assert links() == []


def test_a_merge_removed_elsewhere_is_rejected(links):
    found = links(removed=[((5, 2), (6, 3))])
    assert [type(one) for one in found] == [MergeRejected]
    tracks = corrected(make_edited(), found)
    assert (tracks[1].end, tracks[2].fate, 3 in tracks) == (11, "lost", False)


def test_other_parents_elsewhere(links):
    found = links(removed=[((5, 2), (6, 3)), ((5, 5), (6, 5))], added=[((5, 5), (6, 3))])
    assert MergeParents in {type(one) for one in found}
    assert corrected(make_edited(), found)[3].parents == (1, 5)


def test_a_merge_added_elsewhere(links):
    found = links(added=[((8, 10), (9, 9))])
    assert [type(one) for one in found] == [MergeAdded]
    run = make_edited()
    tracks = corrected(run, found)
    (merge,) = [m for m in run.lineage().merges if m.frame == 9]
    assert merge.parents == (9, 10)
    assert tracks[merge.child].end == 11


def test_links_made_cut_and_swapped_elsewhere(links):
    crossed = [((4, 7), (5, 8)), ((4, 8), (5, 7))]
    straight = [((4, 7), (5, 7)), ((4, 8), (5, 8))]
    found = links(removed=[*straight, ((2, 4), (3, 4))], added=[*crossed, ((6, 5), (7, 6))])
    run = make_edited()
    tracks = corrected(run, found)
    assert np.array_equal(run.labels(9) == 7, MASKS[9] == 8)
    assert np.array_equal(run.labels(9) == 8, MASKS[9] == 7)
    assert tracks[4].end == 2
    assert tracks[5].end == 11


def test_a_fragment_elsewhere(links):
    (found,) = links(added=[((3, 9), (4, 11))])
    assert found == LinkMade(found.before, found.after, as_split=True)
    assert corrected(make_edited(), [found])[11].parents == (9,)


def test_spots_deleted_elsewhere(links):
    found = links(deleted=[(t, 11) for t in (4, 5, 6)])
    assert 11 not in corrected(make_edited(), found)


def test_spots_where_nothing_is_are_told_of(tmp_path):
    out = tmp_path / "run.xml"
    export_run(write_scene(tmp_path / "run"), "trackmate", out, TableOptions(), Request())
    run = make_edited(np.where(MASKS == 11, 0, MASKS))
    with pytest.warns(TemtrackWarning, match="3 of .* spots lie at no particle"):
        assert read_elsewhere(out, run) == []


@pytest.mark.parametrize("text", ["", "<a/>", "<TrackMate><Model/><Settings>"])
def test_what_is_no_trackmate_is_refused(tmp_path, text):
    (tmp_path / "a.xml").write_text(text)
    with pytest.raises(InputError, match="TrackMate XML"):
        read_elsewhere(tmp_path / "a.xml", make_edited())


def test_what_is_no_geff_is_refused(tmp_path):
    need_module("geff")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "zarr.json").write_text(json.dumps({"zarr_format": 3}))
    with pytest.raises(InputError, match="GEFF"):
        read_elsewhere(tmp_path / "a", make_edited())
