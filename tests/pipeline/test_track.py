import json
from dataclasses import replace
from itertools import count
from pathlib import Path
from shutil import copytree

import numpy as np
import pyarrow.parquet as pq
import pytest
import tifffile

from temtrack.errors import InputError
from temtrack.formats.readers import read_movie
from temtrack.formats.store.lineage import read_lineage, write_lineage
from temtrack.formats.store.masks import mask_name, read_masks, write_mask
from temtrack.formats.store.movies import write_movie
from temtrack.formats.store.run import open_run
from temtrack.linking.lineage_builder import FinalTrack
from temtrack.models.import_checkpoint import import_checkpoint
from temtrack.models.registry import find_model, new_model_folder, verify, weights_of
from temtrack.movie import Movie
from temtrack.nets.deaot.model import deaot_t
from temtrack.pipeline.analyze import analyze_file
from temtrack.pipeline.movie_segmentation import MovieSegmentation, segmented_by_model
from temtrack.pipeline.options import AnalyzeOptions, TrackOptions
from temtrack.pipeline.request import Request
from temtrack.pipeline.tracking_plan import TrackingPlan, load_tracker, segmented_by_masks
from temtrack.pipeline.tracking_run import track_into
from temtrack.provenance import Source
from temtrack.segmentation.segmenter import Segmenter
from temtrack.simulation.config import MovieConfig
from temtrack.simulation.movie import simulate_movie
from temtrack.tracking import checkpoint
from temtrack.tracking.checkpoint import RESUME_NAME, Checkpoint, CheckpointFile
from temtrack.tracking.overlap import OverlapTracker

CONFIG = MovieConfig(n_frames=30, height=128, width=160, n_particles=6, radius_px=10.0, merges={2: 1})
COMMAND = "temtrack track film.tif"


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """A folder with ``film.tif`` and, in ``true``, its masks; and the movie that it was made from."""
    folder, movie = tmp_path_factory.mktemp("simulated"), simulate_movie(3, CONFIG)
    (folder / "true").mkdir()
    write_movie(folder / "film.tif", movie.to_movie().calibrated(0.5, 2.0))
    for t in range(len(movie)):
        write_mask(folder / "true" / mask_name(t), movie.labels(t))
    return folder, movie


def plan_of(movie, segmentation, tracker="overlap", **options):
    how = TrackOptions(tracker=tracker, **options)
    return TrackingPlan(movie, segmentation, load_tracker(tracker), how, COMMAND)


def run(source, masks, out):
    """Track and analyse with the masks in place of a model; return tables and the tracking report."""
    out.mkdir(exist_ok=True)
    movie = read_movie(source)
    report = track_into(out, plan_of(movie, segmented_by_masks(masks, movie)))
    request = Request("temtrack analyze")
    _, tables = analyze_file(out, out, str(source), AnalyzeOptions(), request)
    return tables, report


@pytest.fixture
def finished(simulated, tmp_path):
    """A folder of its own with a finished run."""
    folder, _ = simulated
    if not (folder / "out").exists():
        run(folder / "film.tif", folder / "true", folder / "out")
    return copytree(folder / "out", tmp_path / "out")


def test_from_masks_to_the_merge_table(simulated, tmp_path):
    folder, movie = simulated
    tables, report = run(folder / "film.tif", folder / "true", tmp_path)
    (merge,), (true,) = tables.merges.to_pylist(), movie.lineage.merges
    assert abs(merge["frame"] - true.frame) <= 1
    assert merge["time_s"] == 2.0 * merge["frame"]
    assert merge["n_parents"] == 2
    assert (merge["y_nm"], merge["x_nm"]) == pytest.approx((true.y_px / 2, true.x_px / 2), abs=2)
    assert report.lineage == read_lineage(tmp_path / "lineage.json")
    assert report.n_masks == tables.particles.num_rows
    names = {"lineage.json", "res_track.txt", "run.json", *(mask_name(t) for t in range(30))}
    names |= {f"{name}.parquet" for name in ("particles", "tracks", "frames", "merges", "drift")}
    assert {path.name for path in tmp_path.iterdir()} == names
    facts = pq.read_schema(tmp_path / "merges.parquet").metadata
    assert facts[b"command"] == b"temtrack analyze"
    assert (
        facts[b"movie_sha256"].decode()
        == json.loads((tmp_path / "run.json").read_text())["inputs"]["movie"]["sha256"]
    )


def test_the_run_is_told_beside_its_masks(finished):
    record = json.loads((finished / "run.json").read_text())
    assert (record["action"], record["command"]) == ("track", COMMAND)
    assert record["options"] == TrackOptions(tracker="overlap").to_json()
    assert TrackOptions.from_json(record["options"]) == TrackOptions(tracker="overlap")
    assert record["models"] == {"tracker": {"name": "overlap", "sha256": None}}
    assert [len(source["sha256"]) for source in record["inputs"].values()] == [64, 64]  # movie and masks
    assert record["calibration"]["pixel_size_nm"] == pytest.approx(0.5)
    assert record["calibration"]["frame_times_s"] == pytest.approx([2.0 * t for t in range(30)])
    frames = record["frames"]
    assert frames["quality"] == ["good"] * 30
    assert len(frames["contrast"]) == len(frames["sharpness"]) == 30


def test_a_shorter_second_run_leaves_nothing_of_the_first(simulated, finished, tmp_path):
    _, movie = simulated
    (finished / "notes.txt").write_text("mine")
    short = replace(movie.to_movie(), n_frames=5)
    write_movie(tmp_path / "short.tif", short)
    segmentation = MovieSegmentation(lambda image: (image < 100).astype(np.int32))
    track_into(finished, plan_of(read_movie(tmp_path / "short.tif"), segmentation))
    left = {
        "lineage.json",
        "res_track.txt",
        "run.json",
        "drift.parquet",
        "notes.txt",
        *(mask_name(t) for t in range(5)),
    }
    assert {path.name for path in finished.iterdir()} == left
    assert len(json.loads((finished / "run.json").read_text())["frames"]["quality"]) == 5


def test_a_run_that_breaks_leaves_no_record_of_an_earlier_one(simulated, finished):
    folder, _ = simulated

    def fail(image):
        raise InputError("this frame is damaged")

    with pytest.raises(InputError, match="damaged"):
        track_into(finished, plan_of(read_movie(folder / "film.tif"), MovieSegmentation(fail)))
    assert [path.name for path in finished.iterdir()] == [RESUME_NAME]


class Killed(BaseException):
    """What no handler expects, as little as SIGKILL."""


def die_at(moment, monkeypatch):
    """Let the writing of files end all at some file, just before it is put in its place."""
    replace_file, n_written = Path.replace, count(1)

    def die(path, target):
        if next(n_written) == moment:
            raise Killed
        return replace_file(path, target)

    monkeypatch.setattr(Path, "replace", die)


@pytest.mark.parametrize(
    ("tracker", "moments", "suffix"),
    [("overlap", (2, 41, 62), ""), ("trackpy", (51,), ""), ("overlap", (3, 42), ".zarr")],
)
def test_a_stopped_run_goes_on_to_the_same_bytes(simulated, tmp_path, monkeypatch, tracker, moments, suffix):
    folder, _ = simulated
    movie = read_movie(folder / "film.tif")
    monkeypatch.setattr(checkpoint, "INTERVAL_S", 0.0)
    monkeypatch.setattr(checkpoint, "MAX_TIME_FRACTION", np.inf)

    def go(out, command, resume):
        plan = plan_of(movie, segmented_by_masks(folder / "true", movie), tracker)
        track_into(out, replace(plan, command=command), resume=resume)
        return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}

    unbroken = go(make(tmp_path / f"unbroken{suffix}"), "first", False)
    for moment in moments:
        out = make(tmp_path / f"stopped {moment}{suffix}")
        with monkeypatch.context() as patch:
            die_at(moment, patch)
            with pytest.raises(Killed):
                go(out, "first", False)
        assert RESUME_NAME in {path.name for path in out.iterdir()}
        assert go(out, "second", True) == unbroken


def begin_after(n_before, folder, plan):
    """Begin a run in which so many particles have been before."""
    run = Checkpoint(plan.record())
    run.tracking.linker.last_id = n_before
    lineage_builder = run.tracking.linker.lineage_builder
    lineage_builder._entries = {i: FinalTrack(i, 0, 0) for i in range(1, n_before + 1)}
    lineage_builder._origins = dict.fromkeys(lineage_builder._entries, ("present", ()))
    lineage_builder._fates = dict.fromkeys(lineage_builder._entries, "lost")
    CheckpointFile(folder, OverlapTracker()).save(run)


class Sure(Segmenter):
    """Otsu's threshold, as sure of each particle as its place in the frame says."""

    def segment(self, *words):
        found = super().segment(*words)
        return replace(found, scores=np.linspace(0.5, 0.9, len(found.scores), dtype=np.float32))


@pytest.mark.filterwarnings("ignore::temtrack.errors.TemtrackNotice")
def test_what_the_model_says_of_each_particle_stands_in_the_tables(simulated, tmp_path, monkeypatch):
    movie = read_movie(simulated[0] / "film.tif")
    monkeypatch.setattr(checkpoint, "INTERVAL_S", 0.0)
    monkeypatch.setattr(checkpoint, "MAX_TIME_FRACTION", np.inf)

    def go(out, resume=False):
        out.mkdir(exist_ok=True)
        seen = segmented_by_model(Sure("otsu"), movie, TrackOptions(n_neighbours=0, every_frame=True))
        track_into(out, plan_of(movie, seen, n_neighbours=0), resume=resume)
        return (out / "scores.parquet").read_bytes()

    unbroken, stopped = go(tmp_path / "a"), tmp_path / "b"
    with monkeypatch.context() as patch:
        die_at(31, patch)
        with pytest.raises(Killed):
            go(stopped)
    assert go(stopped, resume=True) == unbroken
    _, tables = analyze_file(stopped, stopped, None, AnalyzeOptions(), Request("temtrack analyze"))
    for row in tables.particles.to_pylist():
        assert row["gap_filled"] if row["score"] is None else 0.499 < row["score"] < 0.901
    assert sum(row["score"] is not None for row in tables.particles.to_pylist()) > 100


@pytest.mark.parametrize("damage", [b"no table", None])
def test_damaged_scores_are_refused_in_one_line(finished, damage):
    path = finished / "scores.parquet"
    if damage is None:
        pq.write_table(pq.read_table(finished / "drift.parquet"), path)
    else:
        path.write_bytes(damage)
    opened = open_run(finished)
    with pytest.raises(InputError, match=r"scores\.parquet: (cannot be read|lacks columns)"):
        opened.sightings(0)


def test_ids_beyond_16_bits_do_not_wrap(simulated, tmp_path):
    """Six particles, two of which merge, in a run in which many others have been before."""
    folder, _ = simulated
    n_before = 65_529
    movie = read_movie(folder / "film.tif")
    plan = plan_of(movie, segmented_by_masks(folder / "true", movie))
    begin_after(n_before, tmp_path, plan)
    lineage = track_into(tmp_path, plan, resume=True).lineage
    (merge,) = lineage.merges
    assert (merge.child, len(lineage.tracks)) == (n_before + 7, n_before + 7)
    assert (tmp_path / "res_track.txt").read_text().splitlines()[-1].split()[0] == str(n_before + 7)
    assert read_lineage(tmp_path / "lineage.json") == lineage
    types = [tifffile.imread(tmp_path / mask_name(t)).dtype for t in range(30)]
    wide = [t for t in range(30) if n_before + (7 if t >= merge.frame else 6) > 65_535]
    assert [t for t in range(30) if types[t] == np.uint32] == wide
    found, true = read_masks(tmp_path), read_masks(folder / "true")
    for t in range(30):
        assert set(np.unique(found[t])) <= {0, *range(n_before + 1, n_before + 8)}
        np.testing.assert_array_equal(found[t] > 0, true[t] > 0)
    there = tuple(track for track in lineage.tracks if track.id > n_before)  # no mask shows the others
    write_lineage(tmp_path / "lineage.json", replace(lineage, tracks=there))
    _, tables = analyze_file(tmp_path, tmp_path, str(movie.path), AnalyzeOptions(), Request(COMMAND))
    particles = tables.particles
    assert particles.schema.field("particle_id").type == "int64"
    assert set(particles["particle_id"].to_pylist()) == set(range(n_before + 1, n_before + 8))


def make(folder):
    folder.mkdir()
    return folder


def test_without_merges_no_merge_table_of_an_earlier_analysis_remains(finished):
    request = Request("temtrack analyze", force=True)
    _, tables = analyze_file(finished, finished, None, AnalyzeOptions(merges=False), request)
    assert tables.merges is None
    assert not (finished / "merges.parquet").exists()


def test_masks_of_another_movie_are_refused(simulated, tmp_path):
    folder, _ = simulated
    write_mask(tmp_path / mask_name(0), np.zeros((9, 9), np.uint16))
    with pytest.raises(
        InputError, match=r"masks are 1 frames of 9x9 px, but .*film\.tif holds 30 frames of 128x160"
    ):
        segmented_by_masks(tmp_path, read_movie(folder / "film.tif"))


def test_an_imported_deaot_is_a_tracker_by_its_name(tmp_path, monkeypatch):
    monkeypatch.setenv("TEMTRACK_CACHE", str(tmp_path))
    weights = weights_of(find_model("deaot-t"))
    import_checkpoint(new_model_folder("theirs", force=False), "deaot-t", deaot_t(), weights)
    assert load_tracker("theirs", "cpu").source == Source("theirs", verify(find_model("theirs")))


def blinking(n_frames, n_a_side, cell_px=6, n_shown=12, period=16):
    """Squares of 3 px on a grid; each is gone for so long, again and again, that it comes back as another."""
    phase = np.random.default_rng(0).integers(period, size=(n_a_side, n_a_side))
    own = np.arange(1, n_a_side**2 + 1).reshape(n_a_side, n_a_side)
    square = np.zeros((cell_px, cell_px), np.int32)
    square[1:4, 1:4] = 1
    return [np.kron(np.where((t + phase) % period < n_shown, own, 0), square) for t in range(n_frames)]


@pytest.mark.slow
def test_more_than_70_000_ids_in_one_run(tmp_path):
    masks = blinking(n_frames=34, n_a_side=100)
    path, frames = tmp_path / "film.tif", np.where(np.array(masks) > 0, 60, 200).astype(np.uint8)
    write_movie(path, Movie(path, *frames.shape, frames.dtype, lambda t: frames[t]))
    movie, in_order = read_movie(path), iter(masks)
    segmentation = MovieSegmentation(lambda image: next(in_order))
    plan = plan_of(movie, segmentation, max_gap_frames=3)  # less than they are gone for
    begin_after(46_000, make(tmp_path / "out"), plan)
    n_ids = len(track_into(tmp_path / "out", plan, resume=True).lineage.tracks)
    assert n_ids > 70_000
    found = read_masks(tmp_path / "out")
    highest = 0
    for t, (labels, true) in enumerate(zip(found, masks, strict=True)):
        is_wide = tifffile.imread(tmp_path / "out" / mask_name(t)).dtype == np.uint32
        assert is_wide == (labels.max() > 65_535)
        ids, cells = labels[2::6, 2::6], true[2::6, 2::6]
        assert ids[cells > 0].all()
        assert len(np.unique(ids[cells > 0])) == np.count_nonzero(cells)  # none stands for two
        highest = max(highest, int(ids.max()))
    assert is_wide
    assert highest == n_ids == len((tmp_path / "out" / "res_track.txt").read_text().splitlines())
