"""`.ci/run` with stubs for the programs around it: what cannot be installed fails the run in CI."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / ".ci" / "run"
TOOLS = ("bash", "dirname", "grep", "tail", "sleep", "cat")


@pytest.fixture
def place(tmp_path):
    """A checkout that holds the script alone, and a PATH of stubs that write what they are called with."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(SCRIPT, tmp_path / ".ci" / "run")
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool))
    write_stub(tmp_path, "id", "echo 0")
    write_stub(tmp_path, "ldconfig", "echo libGL.so.1")
    write_stub(tmp_path, "make", '[ "$1" = test ] && echo "make $*" >> calls; exit 0')
    return tmp_path


def write_stub(place, name, text):
    path = place / "bin" / name
    path.write_text(f"#!{shutil.which('bash')}\n{text}\n")
    path.chmod(0o755)


def run(place, ci):
    environment = {"PATH": str(place / "bin"), "RETRY_SECONDS": "0", "HOME": os.environ.get("HOME", "/")}
    done = subprocess.run(
        [place / ".ci" / "run"], env=environment | ({"CI": ci} if ci else {}), capture_output=True, text=True
    )
    calls = place / "calls"
    return done, calls.read_text().splitlines() if calls.exists() else []


def test_what_cannot_be_installed_fails_in_ci_after_three_tries(place):
    write_stub(place, "apt-get", 'echo "apt-get $1" >> calls; echo "no network" >&2; exit 100')
    done, calls = run(place, "true")
    assert done.returncode == 1
    assert calls == ["apt-get update"] * 3
    assert done.stderr.count("could not install chromium slurm-wlm munge: no network") == 3


@pytest.mark.parametrize("ci", ["", "false"])
def test_elsewhere_the_tests_run_without_it(place, ci):
    write_stub(place, "apt-get", "exit 100")
    done, calls = run(place, ci)
    assert (done.returncode, calls) == (0, ["make test"])
    assert "skipped" in done.stderr


def test_a_later_try_that_succeeds_is_enough(place):
    write_stub(place, "apt-get", 'echo "apt-get $1" >> calls; [ -e ready ] || { ready= > ready; exit 100; }')
    done, calls = run(place, "true")
    assert done.returncode == 0, done.stderr
    assert calls == ["apt-get update", "apt-get update", "apt-get install", "make test"]


def test_nothing_is_installed_that_is_there(place):
    for name in ("chromium", "slurmctld"):
        write_stub(place, name, "exit 0")
    write_stub(place, "apt-get", "exit 100")
    done, calls = run(place, "true")
    assert (done.returncode, calls, done.stderr) == (0, ["make test"], "")
