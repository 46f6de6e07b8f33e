"""The command from a log, or from what another program changed, to a run and its tables."""

import json

import numpy as np
import pytest
from review_scene import MASKS, N_FRAMES, make_run, write_scene

import temtrack
from temtrack.formats.store.masks import mask_name, read_labels, write_mask
from temtrack.formats.store.run import open_run
from temtrack.formats.store.tables import read_metadata, read_table
from temtrack.review.corrections import FateTold, FrameExcluded, LinkMade, MergeAccepted, ParticleDeleted
from temtrack.review.log import Entry, Log, append, read_log
from temtrack.review.places import Place

DONE = [
    MergeAccepted(Place(6, 25, 35)),
    LinkMade(Place(6, 70, 45), Place(7, 70, 46)),
    ParticleDeleted(Place(5, 70, 70), everywhere=False),
    FrameExcluded(8),
    FateTold(Place(5, 2, 2), "left"),
]


@pytest.fixture
def masks(tmp_path):
    return write_scene(tmp_path / "masks")


@pytest.fixture
def log(masks):
    return append(Log(masks / "corrections.jsonl"), list(map(Entry.now, DONE)), make_run())


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_corrected_run_beside_the_run(run, masks, log, tmp_path):
    before = contents(masks)
    result = run("correct", masks, "--json")
    assert result.exit_code == 0, result.output
    assert contents(masks) == before
    (row,) = json.loads(result.stdout)["inputs"]
    assert (row["n_corrections"], row["n_stale"], row["n_merges"], row["n_tracks"]) == (4, 1, 1, 10)
    assert row["stale"][0]["reason"] == "no particle in frame 5 at y=2, x=2"
    target = tmp_path / "masks_corrected"
    told = json.loads((target / "run.json").read_text())
    assert told["found"] == {"n_corrections": 4, "n_stale_corrections": 1}
    assert told["inputs"]["corrections"]["name"] == str(log.path)
    for name in ("particles", "tracks", "frames", "merges"):
        assert read_metadata(target / f"{name}.parquet")["n_corrections"] == "4"
        assert read_metadata(target / f"{name}.parquet")["corrections_sha256"]
    merges, frames = read_table(target / "merges.parquet"), read_table(target / "frames.parquet")
    assert merges["reviewed"].tolist() == [True]
    assert merges["confidence"].tolist() == [1.0]
    assert frames["quality"][8] == "excluded"
    corrected = open_run(target)
    list(corrected.masks)  # they fit their lineage, though a particle lacks in a frame
    assert 7 not in corrected.masks[5]
    assert 6 not in {track.id for track in corrected.lineage.tracks}


def test_the_same_again_in_python(masks, log):
    found = temtrack.correct(masks)
    assert [entry.kind for entry in found.applied] == [
        "merge_accepted",
        "link_made",
        "particle_deleted",
        "frame_excluded",
    ]
    assert len(found.stale) == 1
    tables = temtrack.analyze(found.run)
    assert tables.merges["reviewed"].to_pylist() == [True]
    assert tables.tracks.num_rows == 10


def test_reproduce_makes_the_same_masks(run, masks, log, tmp_path):
    assert run("correct", masks, "-o", tmp_path / "one").exit_code == 0
    result = run("reproduce", tmp_path / "one", "-o", tmp_path / "two")
    assert result.exit_code == 0, result.output
    for t in range(N_FRAMES):
        assert (tmp_path / "one" / mask_name(t)).read_bytes() == (
            tmp_path / "two" / mask_name(t)
        ).read_bytes()


def test_a_log_of_another_run_of_the_movie_joins(run, masks, log, tmp_path):
    other = write_scene(tmp_path / "other")
    assert run("correct", other, "--from", log.path).exit_code == 0
    assert read_log(other / "corrections.jsonl", make_run()).entries == log.entries
    again = run("correct", other, "--from", log.path, "--force", "--json")
    assert json.loads(again.stdout)["inputs"][0]["n_new"] == 0


def test_edited_masks_join_once(run, masks, tmp_path):
    edited = tmp_path / "edited"
    edited.mkdir()
    for t, labels in enumerate(np.where(MASKS == 11, 0, MASKS)):
        write_mask(edited / mask_name(t), labels)
    first = json.loads(run("correct", masks, "--from", edited, "--json").stdout)["inputs"][0]
    assert (first["n_new"], first["n_tracks"]) == (3, 10)
    assert 11 not in read_labels(tmp_path / "masks_corrected" / mask_name(5))
    again = json.loads(run("correct", masks, "--from", edited, "--force", "--json").stdout)["inputs"][0]
    assert (again["n_new"], again["n_corrections"]) == (0, 3)
    assert read_log(masks / "corrections.jsonl", make_run()).entries[0].why == "as in edited"


def test_the_run_itself_is_no_place_for_it(run, masks, log):
    for place in (masks, masks / "new"):
        result = run("correct", masks, "-o", place)
        assert result.exit_code == 2
        assert "lies in the run" in result.stderr


def test_without_corrections_it_says_how_to_make_some(run, masks):
    result = run("correct", masks)
    assert result.exit_code == 2
    assert "holds no corrections; make some with `temtrack review`" in " ".join(result.stderr.split())


def test_a_damaged_log_is_one_line(run, masks, log):
    log.path.write_text("{}\n")
    result = run("correct", masks)
    assert result.exit_code == 1
    assert "corrections.jsonl: line 1 is not the head" in result.stderr
    assert not (masks.parent / "masks_corrected").exists()


def test_what_is_there_is_not_overwritten(run, masks, log, tmp_path):
    assert run("correct", masks).exit_code == 0
    assert run("correct", masks).exit_code == 1
    assert run("correct", masks, "--force").exit_code == 0
