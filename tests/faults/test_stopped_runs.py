"""Runs that are killed or interrupted at random moments go on to the bytes of an unbroken run."""

import signal
import time

import numpy as np
import pytest
from damage.commands import contents
from damage.scenes import WORKS

N_STOPS = 2


@pytest.fixture(scope="module", params=WORKS)
def work(request):
    return WORKS[request.param]


@pytest.fixture(scope="module")
def whole(work, nursery, inputs):
    """What an unbroken run leaves, and how long it takes."""
    folder = inputs.parent / f"whole-{time.monotonic_ns()}"
    (folder / "work").mkdir(parents=True)
    (folder / "inputs").symlink_to(inputs)
    begun = time.monotonic()
    result = nursery.run(work.words, folder / "work", work.before)
    assert result.exit_code == 0, result.stderr
    return contents(folder / "work" / "out"), time.monotonic() - begun


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_stopped_again_and_again_ends_the_same(work, whole, nursery, place, number):
    files, lasts_s = whole
    rng, out = np.random.default_rng(int(number)), place / "out"
    for _ in range(N_STOPS):
        if out.exists() and contents(out) == files:
            break
        running = nursery.start(_words(work, out), place, work.before)
        time.sleep(rng.uniform(0, 0.7 * lasts_s))
        running.signal(number)
        result = running.wait()
        # an interrupt that falls into a destructor is only told by Python, and goes by
        assert "Traceback" not in result.stderr.partition("Exception ignored in")[0]
        assert result.exit_code in (0, -signal.SIGKILL if number == signal.SIGKILL else 130), result.stderr
    if not (out.exists() and contents(out) == files):
        result = nursery.run(_words(work, out), place, work.before)
        assert result.exit_code == 0, result.stderr
    assert contents(out) == files


def _words(work, out):
    return [*work.words, *work.go_on * out.exists()]


#: Stays in its first frame until it is killed.
WAITING = """
import pathlib, time
from temtrack.tracking.engine import TrackingEngine
def wait(self, frame):
    pathlib.Path("begun").touch()
    time.sleep(1000)
TrackingEngine.push = wait
"""


def test_a_second_process_is_refused_a_folder_until_the_first_is_gone(nursery, place):
    work = WORKS["track"]
    first = nursery.start(work.words, place, WAITING)
    while not (place / "begun").exists():
        time.sleep(0.01)
    held = contents(place / "out")
    for how in ("--resume", "--force"):
        second = nursery.run([*work.words, how], place, work.before)
        assert second.exit_code == 1
        assert "out: another process is writing into it" in second.stderr
        assert contents(place / "out") == held
    first.signal(signal.SIGKILL)
    assert first.wait().exit_code == -signal.SIGKILL
    assert nursery.run([*work.words, "--resume"], place, work.before).exit_code == 0
    assert not (place / "out" / ".lock").exists()
