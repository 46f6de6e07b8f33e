"""The command from a log, or from what another program changed, to a run and its tables."""

import json

import numpy as np
import pytest
from cases.scene import Disc, draw
from review_scene import MASKS, N_FRAMES, make_run, write_scene

import temtrack
from temtrack.formats.store.lineage import write_lineage
from temtrack.formats.store.masks import mask_name, read_labels, write_mask
from temtrack.formats.store.run import open_run, write_run
from temtrack.formats.store.tables import read_metadata, read_table
from temtrack.lineage import Lineage, Merge, Track
from temtrack.provenance import Provenance
from temtrack.review.corrections import (
    FateTold,
    FrameExcluded,
    LinkMade,
    MergeAccepted,
    MergeRejected,
    ParticleDeleted,
)
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
    assert told["options"] == {"refit_confidence": False}
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


def test_masks_that_nobody_edited_correct_nothing(run, masks):
    result = run("correct", masks, "--from", masks)
    assert result.exit_code == 2
    assert "tells nothing else than the run" in " ".join(result.stderr.split())


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


def write_many_merges(folder, n=24):
    """Write a run in which n pairs of particles merge in frame 12 of 20."""
    folder.mkdir()
    discs, tracks, merges = [], [], []
    for k in range(n):
        y, x, (a, b, child) = 20 + 40 * (k // 6), 24 + 48 * (k % 6), range(3 * k + 1, 3 * k + 4)
        discs += [Disc(a, y, x - 8, 7, 0, 11), Disc(b, y, x + 8, 7, 0, 11), Disc(child, y, x, 9, 12)]
        tracks += [Track(one, 0, 11, "present", "merged") for one in (a, b)]
        tracks.append(Track(child, 12, 19, "merge", "present", (a, b)))
        merges.append(Merge(12, child, (a, b), None, float(y), float(x)))
    for t, labels in enumerate(draw(discs, 20, (160, 300))):
        write_mask(folder / mask_name(t), labels)
    write_lineage(folder / "lineage.json", Lineage(20, tuple(tracks), tuple(merges)))
    write_run(folder, Provenance("track", "temtrack track"), frames={"gap_filled": {}})
    return [Place(12, merge.y_px, merge.x_px) for merge in merges]


@pytest.fixture
def answered(tmp_path):
    """A run of 24 merges of which 16 are rejected and 4 accepted, in no queue."""
    places = write_many_merges(tmp_path / "many")
    done = [*map(MergeRejected, places[:16]), *map(MergeAccepted, places[16:20])]
    run = open_run(tmp_path / "many")
    append(Log(run.path / "corrections.jsonl"), list(map(Entry.now, done)), run)
    return run.path


def test_the_confidence_is_refitted_on_request(run, answered, tmp_path):
    assert run("correct", answered, "-o", tmp_path / "plain").exit_code == 0
    result = run("correct", answered, "-o", tmp_path / "fitted", "--refit-confidence", "--json")
    assert result.exit_code == 0, result.output
    refit = json.loads(result.stdout)["inputs"][0]["refit"]
    assert (refit["n_true"], refit["n_false"]) == (4, 16)
    record = json.loads((tmp_path / "fitted" / "run.json").read_text())
    assert record["found"]["refit"] == refit
    plain, fitted = (read_table(tmp_path / name / "merges.parquet") for name in ("plain", "fitted"))
    assert fitted["model_confidence"].tolist() == plain["model_confidence"].tolist()
    reviewed = fitted["reviewed"].to_numpy()
    assert reviewed.sum() == 4
    assert (fitted["confidence"][reviewed] == 1).all()
    assert (plain["confidence"][~reviewed] == plain["model_confidence"][~reviewed]).all()
    assert (fitted["confidence"][~reviewed] < plain["confidence"][~reviewed] - 0.1).all()
    again = temtrack.analyze(open_run(tmp_path / "fitted")).merges["confidence"].to_pylist()
    assert again == pytest.approx(fitted["confidence"].tolist())
    assert run("reproduce", tmp_path / "fitted", "-o", tmp_path / "second").exit_code == 0
    second = read_table(tmp_path / "second" / "merges.parquet")
    assert second["confidence"].tolist() == fitted["confidence"].tolist()


def test_few_answers_refit_nothing_and_it_says_how_many_are_needed(run, masks, log):
    result = run("correct", masks, "--refit-confidence")
    assert result.exit_code == 0, result.output
    told = "stays as it is: 1 merges of a known confidence are reviewed, 20 are needed"
    assert told in " ".join(result.stderr.split())
    record = json.loads((masks.parent / "masks_corrected" / "run.json").read_text())
    assert record["found"]["refit"]["reason"].endswith("20 are needed")


def test_what_the_corrections_change_is_told(run, answered, tmp_path):
    result = run("correct", answered, "--json")
    changes = {one["quantity"]: one for one in json.loads(result.stdout)["inputs"][0]["changes"]}
    assert (changes["n_merges"]["before"], changes["n_merges"]["after"]) == (24, 8)
    share = changes["coalescence_fraction"]
    assert (share["before"], share["after"]) == (1, 1)
    assert share["after_low"] < share["before_low"]
    assert changes["coalescence_rate"]["reason"].startswith("frame times unknown")
    shown = run("correct", answered, "--force").stdout
    assert "What they change" in shown
    assert [line.split()[1:6:2] for line in shown.splitlines() if "n_merges" in line][-1] == [
        "n_merges",
        "24",
        "8",
    ]
    in_python = temtrack.correct(answered).measure_changes()
    assert {one.after.quantity: one.after.value for one in in_python}["n_merges"] == 8
