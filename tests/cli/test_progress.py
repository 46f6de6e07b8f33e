import io
import time

import pytest
from rich.console import Console

from temtrack.cli import output, progress


def test_progress_of_short_work_leaves_no_trace_outside_a_terminal(capsys):
    assert list(output.with_progress(iter("abc"), "letters", total=3)) == ["a", "b", "c"]
    shown = capsys.readouterr()
    assert shown.out == shown.err == ""


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is moved; its time is ``clock[0]``."""
    now_s = [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now_s[0])
    return now_s


def test_progress_of_long_work_is_a_line_now_and_then_outside_a_terminal(capsys, clock):
    for _ in output.with_progress(range(20, 100), "segment", total=100):
        clock[0] += 2
    shown = capsys.readouterr()
    assert shown.out == ""
    first, *_, last = shown.err.splitlines()
    assert first == "segment 35/100, 0.5/s, 2 min 10 s left"
    assert last == "segment 100/100 in 2 min 40 s"
    assert len(shown.err.splitlines()) == 160 // 30 + 1


def test_slow_work_is_told_by_the_time_that_each_takes(capsys, clock):
    for _ in output.with_progress(iter("ab"), "training"):
        clock[0] += 31
    assert capsys.readouterr().err.splitlines() == [
        "training 1, 31 s each",
        "training 2, 31 s each",
        "training 2 in 1 min 2 s",
    ]


def test_lines_of_one_of_many_tell_which_and_no_more_often(capsys, clock):
    for _ in output.with_progress(range(3), "track", total=3):
        for _ in output.with_progress(range(10), "tracking"):
            clock[0] += 4
    assert capsys.readouterr().err.splitlines() == [
        "track 0/3: tracking 8/10 frames, 0.25 frames/s, 8 s left",
        "track 1/3: tracking 6/10 frames, 0.25 frames/s, 16 s left",
        "track 2/3: tracking 4/10 frames, 0.25 frames/s, 24 s left",
        "track 3/3 in 2 min 0 s",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.123, "0.12 s"), (42.4, "42 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")]
)
def test_durations_are_written_in_two_units(seconds, text):
    assert progress.write_duration(seconds) == text


def test_progress_in_a_terminal_shows_the_rate_and_counts_what_was_done_before(monkeypatch):
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=100)
    monkeypatch.setattr(output, "_MESSAGES", console)
    for _ in output.with_progress(range(6, 10), "segment", total=10):
        time.sleep(0.12)  # bars are drawn ten times a second
    for _ in output.with_progress(range(2), "tracking"):
        time.sleep(0.12)
    assert "frames/s" in written.getvalue()
    assert "6/10" in written.getvalue()
    assert "10/10" in written.getvalue()
