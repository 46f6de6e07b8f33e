"""Every command ends bad input in one line, and a stop leaves no half-written file."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

import temtrack
from temtrack.cli.app import app

MAIN = "import sys; from temtrack.cli.app import main; sys.argv[0] = 'temtrack'; main()"
DEMO = Path(temtrack.__file__).parent / "demo" / "sintering.mp4"


def write_tiff(path, pixels):
    tifffile.imwrite(path, pixels, photometric="minisblack")


@pytest.fixture
def inputs(tmp_path):
    """One file or folder for each way to be no movie, and a masks folder of one frame."""
    (tmp_path / "text.tif").write_text("no image")
    (tmp_path / "zero.mp4").touch()
    film = DEMO.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(film[: len(film) // 2])
    write_tiff(tmp_path / "volumes.tif", np.zeros((3, 2, 4, 8, 8), np.uint8))
    write_tiff(tmp_path / "waves.tif", np.zeros((8, 8), np.complex64))
    for folder, suffix in (("frames", ".tif"), ("masks", ".tif")):
        (tmp_path / folder).mkdir()
        write_tiff(tmp_path / folder / f"mask0{suffix}", np.zeros((8, 8), np.uint8))
    write_tiff(tmp_path / "frames" / "mask1.tif", np.zeros((8, 9), np.uint8))
    return tmp_path


BAD = {
    "none.tif": "there is no such",
    "text.tif": "",
    "zero.mp4": "",
    "cut.mp4": "",
    "volumes.tif": "has 5 axes",
    "waves.tif": "pixels are complex",
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("command", ["segment", "track", "analyze"])
def test_a_bad_input_ends_in_one_line_that_names_it(run, segmenter, inputs, command, name):
    result = run(command, inputs / name, "-o", inputs / "out")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith(f"temtrack: error: {inputs / name}: ")
    assert BAD[name] in result.stderr
    assert not any((inputs / "out").rglob("*"))


@pytest.mark.parametrize("command", ["segment", "track", "info"])
def test_a_movie_on_stdin_is_told_what_a_dash_is_for(inputs, command):
    words = [command, "-", *(["-o", str(inputs / "out")] if command == "track" else [])]
    told = CliRunner().invoke(app, words, input=DEMO.read_bytes())
    assert (told.exit_code, told.stdout, told.stderr.count("\n")) == (1, "", 1)
    assert "- stands for a list of paths there" in told.stderr


def test_frames_of_changing_size_end_in_one_line(run, inputs):
    for words in (["track", inputs / "frames", "--masks", inputs / "frames"], ["analyze", inputs / "frames"]):
        result = run(*words, "-o", inputs / "out", "--force")
        assert (result.exit_code, result.stderr.count("\n")) == (1, 1), result.stderr
        assert "size" in result.stderr


@pytest.mark.parametrize("place", ["inway", "inway/below", "/proc/below"])
@pytest.mark.parametrize(
    "words",
    [
        ["simulate"],
        ["segment", "masks/mask0.tif"],
        ["analyze", "masks"],
        ["track", "masks", "--masks", "masks"],
    ],
)
def test_an_output_that_cannot_be_is_refused(run, segmenter, inputs, monkeypatch, words, place):
    monkeypatch.chdir(inputs)
    Path("inway").touch()
    result = run(*words, "-o", place)
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1), result.stderr
    assert place in result.stderr


def test_a_misspelt_model_is_told_its_neighbour(run, inputs):
    result = run("segment", inputs / "masks", "--model", "effsam-tny")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "Did you mean 'effsam-tiny'?" in result.stderr


@pytest.mark.parametrize(("stop", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_a_stopped_run_leaves_whole_files_only(tmp_path, stop, code):
    words = ["simulate", "-o", tmp_path / "sim", "--frames", "6000", "--size", "96", "--particles", "2"]
    none = ["--merges", "", "--dissolutions", "0", "--crossings", "0", "--touches", "0"]
    child = subprocess.Popen([sys.executable, "-c", MAIN, *words, *none], stderr=subprocess.PIPE)
    while child.poll() is None and not list(tmp_path.glob("sim/.writing-*")):
        time.sleep(0.005)
    child.send_signal(stop)
    _, stderr = child.communicate()
    assert (child.returncode, b"Traceback" in stderr) == (code, False)
    assert not (tmp_path / "sim" / "movie.tif").exists()
