import numpy as np
import pytest
import tifffile
from ctc_metrics.scripts.validate import validate_sequence
from export_scene import EMPTY_FRAME, N_FRAMES, draw_frame

from temtrack.errors import OutputError
from temtrack.formats.export import ctc
from temtrack.formats.store.run import open_run


def read_table(path):
    rows = np.loadtxt(path / "res_track.txt", dtype=int, ndmin=2)
    return {row[0]: tuple(row[1:]) for row in rows.tolist()}


@pytest.mark.filterwarnings("ignore:Empty frame 6")
def test_it_passes_the_validation_of_ctc_metrics(write, scene):
    out = write("ctc", scene, "out")
    assert validate_sequence(str(out), threads=1) == {"Valid": 1}
    assert len(list(out.glob("mask0??.tif"))) == N_FRAMES


def test_each_child_has_its_largest_parent(write, scene):
    """Ids in the order of those of the masks: 1 to 10, the child 11, then later parts of a particle."""
    table = read_table(write("ctc", scene, "out"))
    assert table[11] == (8, 11, 13)  # the child's parent is what id 1 is after the empty frame
    assert table[13] == (7, 7, 1)
    assert table[1] == (0, 5, 0)
    assert (table[6][2], table[7][2]) == (4, 4)
    of_eight = [(start, end) for start, end, parent in table.values() if parent == 8]
    assert of_eight == [(7, 8)]
    told = ctc.EXPORTER.describe_losses(scene)
    assert "other parents of merges, 2 in all" in told[0]
    assert "numbered anew" in told[1]
    assert "no gaps" in told[2]


def test_masks_are_those_of_the_movie_in_16_bits(write, scene):
    out = write("ctc", scene, "out")
    for t in range(N_FRAMES):
        labels, truth = tifffile.imread(out / f"mask{t:03d}.tif"), draw_frame(t)
        assert labels.dtype == np.uint16
        pairs = {(a, b) for a, b in zip(truth.ravel().tolist(), labels.ravel().tolist(), strict=True)}
        assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})
        assert (0, 0) in pairs
    assert not tifffile.imread(out / f"mask{EMPTY_FRAME:03d}.tif").any()


def test_ids_stay_where_they_can(write, kept_id):
    out = write("ctc", kept_id, "out")
    assert validate_sequence(str(out), threads=1) == {"Valid": 1}
    assert read_table(out) == {1: (0, 7, 0), 2: (0, 7, 0), 3: (0, 7, 0), 4: (8, 21, 2)}
    assert np.array_equal(tifffile.imread(out / "mask000.tif"), kept_id.masks[0])
    assert set(np.unique(tifffile.imread(out / "mask021.tif"))) == {0, 4}
    assert open_run(out).ctc_parents == {4: 2}


def test_more_tracks_than_16_bits_are_refused(write, scene, monkeypatch, tmp_path):
    monkeypatch.setattr(ctc, "_MAX_ID", 12)
    with pytest.raises(OutputError, match="holds 12 tracks, these masks have"):
        write("ctc", scene, "out")
    assert not (tmp_path / "out").exists()


def test_an_empty_movie_has_an_empty_table(write, empty):
    assert (write("ctc", empty, "out") / "res_track.txt").read_text() == ""
