"""A movie that is tracked while it is being written gets the masks of the finished one, whatever happens."""

import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from still_movie import STILL

from temtrack.errors import InterruptedRunError, UsageError
from temtrack.formats.readers import growing, read_movie
from temtrack.pipeline import live
from temtrack.pipeline.live import Watch, follow_into
from temtrack.pipeline.options import TrackOptions
from temtrack.pipeline.request import Request
from temtrack.pipeline.tracking_plan import TrackStage
from temtrack.pipeline.tracking_run import take, track_into
from temtrack.simulation.movie import simulate_movie
from temtrack.tracking import checkpoint

CONFIG = replace(STILL, n_frames=30)
HOW = TrackOptions(model="otsu", tracker="overlap", n_neighbours=2, follow=True)


@pytest.fixture(scope="module")
def frames():
    movie = simulate_movie(3, CONFIG)
    return [movie.frame(t) for t in range(len(movie))]


@pytest.fixture(scope="module")
def stage():
    return TrackStage.load(HOW)


@pytest.fixture(scope="module")
def finished(frames, stage, tmp_path_factory):
    """The masks of the finished movie."""
    folder = tmp_path_factory.mktemp("finished")
    write_stack(folder / "film.tif", frames)
    track_into(folder / "out", stage.plan(read_movie(folder / "film.tif"), "temtrack"))
    return masks_in(folder / "out")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(live, "POLL_S", 0.02)


def write_stack(path, frames):
    with tifffile.TiffWriter(path) as writer:
        for frame in frames:
            writer.write(frame, contiguous=False, metadata=None)


def write_png(folder, frames, numbers):
    for t in numbers:
        Image.fromarray(frames[t]).save(folder / f"frame_{t:04d}.png")


def masks_in(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("mask*.tif"))}


def follow(source, out, stage, *, resume=False, idle_s=0.5, events=None, stop=None):
    watch = Watch(idle_s, stop or threading.Event(), (events if events is not None else []).append)
    return follow_into(source, out, stage, Request("temtrack", resume=resume), watch)


def in_thread(work):
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def stop(out):
    """Let a run end that has begun."""
    while not (out / checkpoint.RESUME_NAME).exists():
        time.sleep(0.02)
    (out / live.STOP_NAME).touch()


def test_a_folder_that_fills_gets_the_masks_of_the_finished_movie(frames, stage, finished, tmp_path):
    (tmp_path / "in").mkdir()

    def write():
        for t, frame in enumerate(frames):
            path = tmp_path / "in" / f"frame_{t:04d}.png"
            Image.fromarray(frame).save(tmp_path / "whole.png")
            content = (tmp_path / "whole.png").read_bytes()
            path.write_bytes(content[: len(content) // 2])
            time.sleep(0.03)
            path.write_bytes(content)
        stop(tmp_path / "out")

    writing, events = in_thread(write), []
    _, report = follow(tmp_path / "in", tmp_path / "out", stage, events=events, idle_s=None)
    writing.join()
    assert masks_in(tmp_path / "out") == finished
    merges = [event for event in events if event["event"] == "merge"]
    assert [m["frame"] for m in merges] == [m.frame for m in report.lineage.merges]
    assert len(merges) == 1
    assert not [event for event in events if event["event"] == "left_out"]
    assert not (tmp_path / "out" / ".resume").exists()


def test_a_tiff_that_grows_gets_the_masks_of_the_finished_movie(frames, stage, finished, tmp_path):
    source = tmp_path / "film.tif"

    def write():
        with tifffile.TiffWriter(source) as writer:
            for frame in frames:
                writer.write(frame, contiguous=False, metadata=None)
                time.sleep(0.01)
        stop(tmp_path / "out")

    writing = in_thread(write)
    follow(source, tmp_path / "out", stage, idle_s=None)
    writing.join()
    assert masks_in(tmp_path / "out") == finished


def test_of_an_mrc_file_those_frames_count_that_are_whole(frames, tmp_path):
    mrcfile = pytest.importorskip("mrcfile")
    with mrcfile.new(tmp_path / "film.mrc") as file:
        file.set_data(np.stack(frames[:6]).astype(np.int16))
    whole = (tmp_path / "film.mrc").read_bytes()
    found = growing.open_growing(tmp_path / "film.mrc", print, [])
    for n_bytes, n_frames in ((len(whole) - 10, 5), (len(whole), 6)):
        (tmp_path / "film.mrc").write_bytes(whole[:n_bytes])
        movie = found.look()
        assert len(movie) == n_frames
        np.testing.assert_array_equal(movie.read_frame(4), frames[4])


class Killed(BaseException):
    """The process dies."""


def test_a_run_that_died_goes_on_and_loses_nothing(frames, stage, finished, tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    write_png(tmp_path / "in", frames, range(20))

    monkeypatch.setattr(checkpoint, "INTERVAL_S", 0.0)
    monkeypatch.setattr(checkpoint, "MAX_TIME_FRACTION", np.inf)
    with monkeypatch.context() as patch:
        taken = []
        patch.setattr(live, "take", lambda *words: taken.append(words) or _die_after(14, taken, words))
        with pytest.raises(Killed):
            follow(tmp_path / "in", tmp_path / "out", stage)
    write_png(tmp_path / "in", frames, range(20, len(frames)))
    follow(tmp_path / "in", tmp_path / "out", stage, resume=True)
    assert masks_in(tmp_path / "out") == finished


def _die_after(n, taken, words):
    if len(taken) > n:
        raise Killed
    return take(*words)


def test_what_came_until_a_stop_is_finished_and_goes_on_later(frames, stage, finished, tmp_path):
    (tmp_path / "in").mkdir()
    write_png(tmp_path / "in", frames, range(20))
    wanted = threading.Event()
    wanted.set()
    with pytest.raises(InterruptedRunError, match="stopped after 20 frames, which are tracked") as told:
        follow(tmp_path / "in", tmp_path / "out", stage, stop=wanted)
    assert told.value.exit_code == 130
    assert len(masks_in(tmp_path / "out")) == 20
    assert (tmp_path / "out" / "run.json").exists()
    write_png(tmp_path / "in", frames, range(20, len(frames)))
    follow(tmp_path / "in", tmp_path / "out", stage, resume=True)
    assert masks_in(tmp_path / "out") == finished


def test_a_stop_file_ends_the_run(frames, stage, tmp_path):
    (tmp_path / "in").mkdir()
    write_png(tmp_path / "in", frames, range(8))
    stopping = in_thread(lambda: stop(tmp_path / "out"))
    movie, _ = follow(tmp_path / "in", tmp_path / "out", stage, idle_s=None)
    stopping.join()
    assert movie.n_frames == 8
    assert not (tmp_path / "out" / "stop").exists()


def looks(folder, n=3, names=()):
    """Look so many times; return the names taken and what was told."""
    told = []
    source = growing.open_growing(folder, told.append, list(names))
    for _ in range(n):
        source.look()
    return source, told


def test_a_frame_that_is_missing_is_waited_for(frames, tmp_path):
    write_png(tmp_path, frames, (0, 1, 3, 4))
    source, told = looks(tmp_path)
    assert (len(source.names()), source.waiting, told) == (2, "frame 2", [])
    write_png(tmp_path, frames, (2,))
    source.look()
    source.look()
    assert (len(source.names()), source.waiting) == (5, None)


def test_what_never_comes_or_comes_too_late_is_told(frames, tmp_path, monkeypatch):
    monkeypatch.setattr(growing, "PATIENCE_S", 0.3)
    write_png(tmp_path, frames, (0, 1, 3))
    source, told = looks(tmp_path, 2)
    time.sleep(0.4)
    source.look()
    assert [Path(name).stem for name in source.names()] == ["frame_0000", "frame_0001", "frame_0003"]
    write_png(tmp_path, frames, (2,))
    write_png(tmp_path, frames[5:], (0,))
    source.look()
    assert [message.partition(": ")[2] for message in told] == [
        "went on without frame 2",
        "was written again after it was taken",
        "came after later frames were taken; it is left out",
    ]
    for _ in range(3):
        source.look()
    assert len(told) == 3
    again, _ = looks(tmp_path, names=source.names())
    assert again.names() == source.names()


def test_a_number_that_comes_twice_is_told(frames, tmp_path):
    write_png(tmp_path, frames, (0, 1))
    Image.fromarray(frames[1]).save(tmp_path / "frame_1.png")
    source, told = looks(tmp_path)
    assert len(source.names()) == 3
    assert "bears the number of" in told[0]


def test_what_cannot_be_followed_is_refused(stage, tmp_path):
    with pytest.raises(UsageError, match=r"--follow .*film\.mp4: cannot be followed; allowed are a folder"):
        follow(tmp_path / "film.mp4", tmp_path / "out", stage)


@pytest.mark.parametrize(("max_behind", "n_told"), [(-18, 1), (30, 0)])
def test_it_says_once_that_frames_come_too_fast(frames, stage, tmp_path, monkeypatch, max_behind, n_told):
    monkeypatch.setattr(live, "TELL_EVERY_S", 0.0)
    monkeypatch.setattr(live, "MAX_BEHIND", max_behind)
    write_stack(tmp_path / "film.tif", frames)
    events = []
    follow(tmp_path / "film.tif", tmp_path / "out", stage, idle_s=0.1, events=events)
    told = [event["message"] for event in events if event["event"] == "slow"]
    assert len(told) == n_told
    assert all(str(tmp_path / "film.tif") in message and "--no-tta" in message for message in told)
    assert sum(event["event"] == "frames" for event in events) > 1
