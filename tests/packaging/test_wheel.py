"""The wheel holds all of temtrack: built from the checkout, it runs where there is no checkout."""

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import numpy
import pytest

ROOT = Path(__file__).parents[2]
DEPENDENCIES = Path(numpy.__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("temtrack-*.whl")
    return wheel


@pytest.fixture(scope="module")
def run(wheel, tmp_path_factory):
    """Run a program where temtrack is from the wheel alone; its dependencies are those of here."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder / "venv", symlinks=True)
    python = folder / "venv" / "bin" / "python"
    install = ["install", "--quiet", "--no-deps", "--no-index", "--disable-pip-version-check", wheel]
    subprocess.run([sys.executable, "-m", "pip", "--python", python, *install], check=True)
    (site,) = (folder / "venv").glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(f"{DEPENDENCIES}\n")  # an editable install's own .pth is not read
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def run(program, *words):
        return subprocess.run(
            [folder / "venv" / "bin" / program, *words],
            cwd=folder,
            env={**environment, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    return run


def test_every_file_of_the_package_is_in_it(wheel):
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
    tracked = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "temtrack"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    wanted = {name for name in tracked if (ROOT / name).exists()} | {"temtrack/models.toml"}
    assert {Path(name).suffix for name in wanted} > {".py", ".safetensors", ".html", ".mp4", ".toml"}
    assert wanted - inside == set()
    assert {name for name in inside if name.startswith("temtrack/")} - wanted == set()


@pytest.mark.slow
def test_it_runs_without_a_checkout(run):
    assert "site-packages/temtrack/__init__.py" in run(
        "python", "-c", "import temtrack; print(temtrack.__file__)"
    )
    assert "effsam-tiny" in run("temtrack", "models", "verify")
    assert "--output" in run("temtrack", "demo", "--help")
    assert "found in" in run("temtrack", "doctor")


@pytest.mark.slow
def test_a_page_is_written_without_a_checkout(run):
    size = ("--frames", "30", "--size", "192", "--particles", "8", "--radius", "10")
    none = ("--dissolutions", "0", "--crossings", "0", "--touches", "0")
    run("temtrack", "simulate", "-o", "sim", *size, "--merges", "2:1", *none)
    run("temtrack", "analyze", "sim/truth")
    run("temtrack", "report", "sim/truth", "-o", "page.html")
