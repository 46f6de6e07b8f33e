import subprocess
import sys

import pytest
from typer.testing import CliRunner

from temtrack import __version__
from temtrack.cli import app as app_module
from temtrack.cli.app import app

PIPELINE = [
    "simulate",
    "info",
    "slice",
    "train",
    "segment",
    "track",
    "analyze",
    "kinetics",
    "report",
    "export",
    "evaluate",
    "models",
    "rerun",
    "doctor",
    "demo",
]


def test_help_shows_the_commands_in_the_order_of_the_pipeline(run):
    result = run("--help")
    assert result.exit_code == 0
    shown = [command.__name__ for command in app_module._COMMANDS]
    assert shown == [name for name in PIPELINE if name in shown]
    listed = [line.strip("│ ").split(" ")[0] for line in result.stdout.splitlines() if line.startswith("│")]
    assert [word for word in listed if word in shown] == shown


def test_nothing_asked_shows_the_help(run):
    assert run().stdout == run("--help").stdout


@pytest.mark.parametrize("command", app_module._COMMANDS)
def test_every_command_and_option_has_a_help(command):
    info = next(c for c in app.registered_commands if c.callback is command)
    assert info.callback.__doc__
    assert CliRunner().invoke(app, [command.__name__, "--help"]).exit_code == 0


def test_version(run):
    assert run("--version").stdout == f"temtrack {__version__}\n"


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


def test_the_command_line_starts_without_the_heavy_libraries():
    heavy = "'torch', 'numpy', 'pandas', 'pyarrow', 'scipy', 'skimage', 'av', 'matplotlib', 'temtrack.nets'"
    code = f"import sys, temtrack.cli.app; print([m for m in [{heavy}] if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_a_reader_that_has_gone_is_no_error():
    code = "import sys; sys.argv = ['temtrack', '--version']; from temtrack.cli.app import main; main()"
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    child.stdout.close()
    stderr = child.stderr.read()
    child.stderr.close()
    child.wait()
    assert stderr == b""
