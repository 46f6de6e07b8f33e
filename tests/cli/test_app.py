import subprocess
import sys

import numpy as np
import pytest
import tifffile
from typer.main import get_command

from temtrack import __version__
from temtrack.cli.app import COMMANDS, app

PIPELINE = [
    "simulate",
    "info",
    "slice",
    "train",
    "compare",
    "segment",
    "track",
    "analyze",
    "kinetics",
    "report",
    "export",
    "evaluate",
    "models",
    "reproduce",
    "doctor",
    "demo",
]


def test_help_shows_the_commands_in_the_order_of_the_pipeline(run):
    result = run("--help")
    assert result.exit_code == 0
    listed = [line.strip("│ ").split(" ")[0] for line in result.stdout.splitlines() if line.startswith("│")]
    assert [word for word in listed if word in PIPELINE] == PIPELINE


def test_nothing_asked_shows_the_help(run):
    assert run().stdout == run("--help").stdout


@pytest.mark.parametrize("name", PIPELINE)
def test_every_command_has_a_help(run, name):
    result = run(name, "--help")
    assert result.exit_code == 0
    usage, summary = [line.strip() for line in result.stdout.splitlines() if line.strip()][:2]
    assert usage.startswith(f"Usage: temtrack {name} ")
    assert summary


def test_version(run):
    assert run("--version").stdout == f"temtrack {__version__}\n"


@pytest.mark.parametrize("before", [True, False])
def test_verbose_tells_how_long_each_stage_takes_wherever_it_stands(run, tmp_path, before):
    tifffile.imwrite(tmp_path / "one.tif", np.zeros((8, 8), np.uint8))
    words = ["info", tmp_path / "one.tif", tmp_path / "one.tif", "--shard", "1/1"]
    result = run("-v", *words) if before else run(*words, "-v")
    assert "info 1/1 in " in result.stderr
    assert run(*words).stderr == ""


def test_verbose_tells_model_device_and_scale(run, tmp_path):
    rng = np.random.default_rng(0)
    image = rng.normal(150, 5, (96, 96))
    image[((np.indices((96, 96)) - 48) ** 2).sum(axis=0) < 300] = 60
    tifffile.imwrite(tmp_path / "one.tif", image.astype(np.uint8))
    result = run("segment", tmp_path / "one.tif", "-v", "-o", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    for what in ("model: effsam-tiny, weights of sha256 ", "device: ", "scale: "):
        assert result.stderr.count(what) == 1, what


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--bogus"], "No such option"),
        (["segmnt"], "No such command 'segmnt'"),
        (["segment"], "Missing argument"),
        (["segment", "x.tif", "--device", "gpu"], "'gpu' is not one of"),
        (["segment", "x.tif", "--pixel-size", "banana"], "--pixel-size 'banana'"),
    ],
)
def test_wrong_use_ends_in_one_line_and_2(run, words, reason):
    result = run(*words)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("temtrack: error: ")
    assert reason in result.stderr


def test_ctrl_c_ends_in_130_and_a_bug_keeps_its_traceback(run, segmenter, monkeypatch, tmp_path):
    from temtrack.cli import segment

    def interrupt(*args):
        raise KeyboardInterrupt

    def stumble(*args):
        raise ZeroDivisionError

    monkeypatch.setattr(segment, "_expand", interrupt)
    assert run("segment", tmp_path).exit_code == 130
    monkeypatch.setattr(segment, "_expand", stumble)
    assert isinstance(run("segment", tmp_path).exception, ZeroDivisionError)


HEAVY = {"torch", "numpy", "pandas", "pyarrow", "scipy", "skimage", "av", "matplotlib", "temtrack.nets"}


def modules_after(*words):
    """Return the modules that a process has loaded once the command of these words has ended."""
    code = (
        f"import sys; sys.argv = ['temtrack', *{words!r}]\n"
        "from temtrack.cli.app import main\n"
        "try: main()\n"
        "finally: print(*sys.modules, file=sys.stderr)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr
    return set(told.split())


def test_the_help_of_all_commands_loads_neither_one_of_them_nor_the_heavy_libraries():
    loaded = modules_after("--help")
    assert "temtrack.cli.app" in loaded
    assert not {f"temtrack.cli.{name}" for name in PIPELINE} & loaded
    assert not HEAVY & loaded


@pytest.mark.parametrize("name", PIPELINE)
def test_the_list_tells_of_a_command_what_its_own_help_begins_with(name):
    assert " ".join(get_command(app).commands[name].help.split("\n\n")[0].split()) == COMMANDS[name]


def test_the_commands_themselves_load_none_of_the_heavy_libraries():
    code = (
        "import sys\nfrom typer.main import get_command\nfrom temtrack.cli.app import app\n"
        "for command in get_command(app).commands.values(): assert command.help\nprint(*sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "temtrack.cli.track" in told.split()
    assert not HEAVY & set(told.split())


def test_a_command_loads_neither_the_others_nor_what_it_can_do_without(tmp_path):
    tifffile.imwrite(tmp_path / "one.tif", np.zeros((8, 8), np.uint8))
    loaded = modules_after("info", str(tmp_path / "one.tif"))
    assert {"temtrack.cli.info", "numpy", "tifffile"} <= loaded
    assert not {"temtrack.cli.track", "natsort"} & loaded
    assert not (HEAVY - {"numpy"}) & loaded


def test_it_runs_as_a_module_too():
    words = [sys.executable, "-m", "temtrack", "--version"]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout.startswith("temtrack ")


def test_a_reader_that_has_gone_is_no_error():
    code = "import sys; sys.argv = ['temtrack', '--version']; from temtrack.cli.app import main; main()"
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    child.stdout.close()
    stderr = child.stderr.read()
    child.stderr.close()
    child.wait()
    assert stderr == b""


def test_a_wrong_option_names_the_help_of_its_command(run):
    assert "see temtrack track --help" in run("track", "movie.tif").stderr
    assert "see temtrack models export --help" in run("models", "export", "--foo").stderr
    assert "see temtrack --help" in run("trak").stderr


def test_a_name_that_is_not_utf8_is_one_line(run):
    result = run("info", "f\udcfcr.tif")
    assert result.exit_code == 2
    assert "is not in UTF-8" in result.stderr
