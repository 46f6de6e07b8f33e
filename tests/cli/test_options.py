import os
import subprocess
import sys

import pytest

from temtrack.cli import options
from temtrack.cli.quantities import parse_frame_time, parse_frames, parse_pixel_size
from temtrack.errors import UsageError


@pytest.mark.parametrize(
    "text", ["0.21nm", "0.21 nm", "2.1A", "2.1Å", "210pm", "0.00021um", "2.1e-4µm", "21e-11m", ".21nm"]
)
def test_pixel_sizes(text):
    assert parse_pixel_size(text) == pytest.approx(0.21)


@pytest.mark.parametrize(("text", "seconds"), [("0.5s", 0.5), ("40ms", 0.04), ("2min", 120), ("1 h", 3600)])
def test_frame_times(text, seconds):
    assert parse_frame_time(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["banana", "", "nm", "0.21", "0nm", "-1nm", "nannm", "1e999nm", "0.5s", "1.2.3nm", ".nm", "1px"]
)
def test_what_is_no_pixel_size_is_refused(text):
    with pytest.raises(UsageError, match=r"--pixel-size .*give a number above 0 with its unit"):
        parse_pixel_size(text)


def test_a_length_is_no_frame_time():
    with pytest.raises(UsageError, match=r"--frame-time '0\.21nm'"):
        parse_frame_time("0.21nm")


@pytest.mark.parametrize(
    ("text", "frames"),
    [
        ("0:20", [*range(20)]),
        ("28:", [28, 29]),
        ("::10", [0, 10, 20]),
        ("-2:", [28, 29]),
        ("5:100:12", [5, 17, 29]),
        (" 3 : 4 ", [3]),
    ],
)
def test_frames_are_a_slice_as_in_python(text, frames):
    assert [*range(30)][parse_frames(text)] == frames


@pytest.mark.parametrize("text", ["", "5", "a:b", "::0", "::-1", "1:2:3:4", "0.5:2"])
def test_what_is_no_piece_is_refused(text):
    with pytest.raises(UsageError, match=r"--frames .*FIRST:BEFORE"):
        parse_frames(text)


def test_the_shell_completes_models_and_trackers():
    assert options.complete_model("eff") == ["effsam-tiny"]
    assert "deaot-t" not in options.complete_model("")
    assert set(options.complete_tracker("")) >= {"overlap", "trackpy", "deaot-t"}
    assert options.complete_tracker("over") == ["overlap"]


@pytest.mark.parametrize(
    ("line", "found"), [("temtrack seg", "segment"), ("temtrack track --model ot", "otsu")]
)
def test_completion_is_the_shells_own(line, found):
    environment = {
        **os.environ,
        "_TEMTRACK_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(line.count(" ")),
    }
    command = [
        sys.executable,
        "-c",
        "from temtrack.cli.app import main; import sys; sys.argv = ['temtrack']; main()",
    ]
    told = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert found in told.stdout.split(), told.stderr
