from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
import torch
from cases import CASES

from temtrack.errors import InputError, OutputError, UsageError
from temtrack.nets.deaot.model import deaot_t
from temtrack.provenance import Provenance, Source
from temtrack.tracking import checkpoint as module
from temtrack.tracking.centroids import CentroidTracker
from temtrack.tracking.checkpoint import Checkpoint, CheckpointFile, check_tracking_folder
from temtrack.tracking.deaot.tracker import DeaotTracker
from temtrack.tracking.engine import TrackingEngine
from temtrack.tracking.overlap import OverlapTracker

RECORD = Provenance(
    "track", "temtrack track", {"movie": Source("a.tif", "12ab")}, options={"max_gap_frames": 3}
)


@lru_cache
def untrained():
    torch.manual_seed(0)
    return deaot_t()


BUILD = {
    "overlap": OverlapTracker,
    "trackpy": CentroidTracker,
    "deaot": lambda: DeaotTracker(untrained(), torch.device("cpu")),
}


def track(case, kind, folder=None):
    """Track a case; with a folder the run stops after every frame and goes on with new objects."""
    rng = np.random.default_rng(0)
    masks = iter(case.segments)
    run = Checkpoint(RECORD)
    engine, frames = None, []
    for t, labels in enumerate(case.segments):
        if engine is None or folder:
            tracker = BUILD[kind]()
            if t:
                run = CheckpointFile(folder, tracker).read(RECORD)
            engine = TrackingEngine(lambda frame: next(masks), tracker, state=run.tracking)
        frames += engine.push(np.where(labels > 0, 80, 180) + rng.normal(0, 8, labels.shape))
        if folder:
            CheckpointFile(folder, tracker).save(run)
    last, lineage = engine.finish()
    return frames + last, lineage


@pytest.mark.parametrize("kind", ["overlap", "trackpy"])
@pytest.mark.parametrize("name", ["two fuse", "three fuse at once", "cross over", "missed for 3"])
def test_a_run_that_stops_after_every_frame_decides_the_same(tmp_path, kind, name):
    case = next(c for c in CASES if c.name == name)
    assert_same_when_stopped(case, kind, tmp_path)


def test_a_network_that_stops_after_every_frame_decides_the_same(tmp_path):
    case = next(c for c in CASES if c.name == "two fuse")
    assert_same_when_stopped(replace(case, truth=case.truth[6:14]), "deaot", tmp_path)


def assert_same_when_stopped(case, kind, tmp_path):
    (whole, lineage), (broken, same_lineage) = track(case, kind), track(case, kind, tmp_path)
    assert same_lineage == lineage
    for a, b in zip(whole, broken, strict=True):
        np.testing.assert_array_equal(a.labels, b.labels)
        assert (a.frame, a.gap_filled_ids, a.quality, a.registration) == (
            *(b.frame, b.gap_filled_ids, b.quality, b.registration),
        )


def test_an_unfinished_run_of_something_else_is_refused_with_what_differs(tmp_path):
    file = CheckpointFile(tmp_path, OverlapTracker())
    assert file.read(RECORD) is None
    file.save(Checkpoint(RECORD))
    moved = replace(RECORD, command="again", inputs={"movie": Source("moved/a.tif", "12ab")})
    assert file.read(moved).provenance == RECORD
    with pytest.raises(UsageError, match=r"with max_gap_frames 3, now 5; give the same input and options"):
        file.read(replace(RECORD, options={"max_gap_frames": 5}))
    with pytest.raises(
        UsageError, match="movie_sha256 12ab, now 34cd; model none, now x; model_sha256 none, now cd;"
    ):
        file.read(
            replace(RECORD, inputs={"movie": Source("a.tif", "34cd")}, models={"model": Source("x", "cd")})
        )
    with pytest.raises(UsageError, match="tracker none, now trackpy"):
        CheckpointFile(tmp_path, CentroidTracker()).read(
            replace(RECORD, models={"tracker": Source("trackpy")})
        )
    file.path.write_bytes(file.path.read_bytes()[:200])
    with pytest.raises(InputError, match="is damaged"):
        file.read(RECORD)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ({"provenance": 3}, "a int stands in place of a Provenance"),
        ({"provenance": replace(RECORD, inputs=[])}, "is damaged, start again with --force"),
        ({"run": [1, 2]}, "a list stands in place of a Checkpoint"),
    ],
)
def test_a_part_of_another_type_is_damage(tmp_path, damage, words):
    file = CheckpointFile(tmp_path, OverlapTracker())
    parts = {"provenance": RECORD, "run": Checkpoint(RECORD), "tracker": OverlapTracker().state()}
    module.write_state(file.path, parts | damage, file._classes)
    with pytest.raises(InputError, match=words) as refused:
        file.read(RECORD)
    assert "--force" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("cost_s", "pause_s"), [(0.01, 5.0), (2.0, 40.0)])
def test_costly_checkpoints_are_rarer(tmp_path, monkeypatch, cost_s, pause_s):
    now_s = 0.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now_s)

    def write(path, state, classes):
        nonlocal now_s
        now_s += cost_s

    monkeypatch.setattr(module, "write_state", write)
    file = CheckpointFile(tmp_path, OverlapTracker())
    assert file.is_due()
    file.save(Checkpoint(RECORD))
    now_s += pause_s - 0.001
    assert not file.is_due()
    now_s += 0.002
    assert file.is_due()


def test_which_folders_a_run_may_have(tmp_path):
    new, other, unfinished = (tmp_path / name for name in ("new", "other", "unfinished"))
    for folder in (other, unfinished):
        folder.mkdir()
    (other / "notes.txt").touch()
    CheckpointFile(unfinished, OverlapTracker()).save(Checkpoint(RECORD))
    with pytest.raises(OutputError, match="holds an unfinished run; give --resume to go on"):
        check_tracking_folder(unfinished, force=False, resume=False)
    with pytest.raises(OutputError, match="holds no unfinished run to resume"):
        check_tracking_folder(other, force=False, resume=True)
    with pytest.raises(OutputError, match="not empty"):
        check_tracking_folder(other, force=False, resume=False)
    check_tracking_folder(other, force=True, resume=True)
    check_tracking_folder(new, force=False, resume=True)
    check_tracking_folder(unfinished, force=False, resume=True)
    check_tracking_folder(unfinished, force=True, resume=False)
