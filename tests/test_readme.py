"""The README is true: its commands run as written, every command is named, its tables are the code's."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from temtrack.cli.app import app
from temtrack.tables import ALL_TABLES

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
NOT_RUN = "<!-- not run -->"
BLOCK = re.compile(rf"(?P<not_run>{NOT_RUN}\s*\n)?```(?P<kind>console|python)\n(?P<text>.*?)```", re.DOTALL)
COMMANDS = get_command(app).commands


def commands(text):
    """Return the commands of a console block: lines after ``$``, continued where one ends in a backslash."""
    lines = text.replace("\\\n", " ").splitlines()
    return [line.removeprefix("$ ") for line in lines if line.startswith("$ temtrack")]


def blocks(kind, *, run_only=False):
    found = [match for match in BLOCK.finditer(README) if match["kind"] == kind]
    return [match["text"] for match in found if not (run_only and match["not_run"])]


ALL_COMMANDS = [command for block in blocks("console") for command in commands(block)]


@pytest.mark.parametrize("command", ALL_COMMANDS)
def test_every_command_shown_is_understood(command):
    _, name, *words = shlex.split(command.split("|")[0].split(">")[0])
    COMMANDS[name].make_context(name, words).close()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_named(name):
    assert re.search(rf"\btemtrack {name}\b", README), f"README.md never shows `temtrack {name}`"


def test_the_tables_are_those_of_the_code():
    start, end = "<!-- tables -->\n", "\n<!-- /tables -->"
    shown = README.partition(start)[2].partition(end)[0]
    assert shown == "\n\n".join(
        f"### `{t.name}.parquet`\n\n{t.meaning}\n\n{t.describe()}" for t in ALL_TABLES
    )


def test_the_files_that_it_links_are_there():
    links = re.findall(r"\]\((?!https?:|#)([^)]+)\)", README)
    assert [link for link in links if not (Path(__file__).parent.parent / link).exists()] == []


@pytest.mark.slow
def test_all_of_it_runs_as_written(tmp_path):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"}
    scripts = [["bash", "-c", line] for block in blocks("console", run_only=True) for line in commands(block)]
    scripts += [[sys.executable, "-c", block] for block in blocks("python", run_only=True)]
    for script in scripts:
        done = subprocess.run(script, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{script[-1]}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
