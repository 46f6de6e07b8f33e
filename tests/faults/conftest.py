import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from damage.commands import Nursery
from damage.scenes import write_inputs


@pytest.fixture(scope="session")
def nursery():
    with Nursery() as running:
        yield running


@pytest.fixture(scope="session")
def inputs(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    write_inputs(folder)
    return folder


@pytest.fixture
def place(tmp_path, inputs) -> Path:
    """An empty folder to work in, with ``inputs`` beside it."""
    shutil.copytree(inputs, tmp_path / "inputs")
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


@dataclass
class SmallDisk:
    """A disk of its own, of a few pages of 4 KiB, that can be made larger."""

    folder: Path

    def resize(self, n_pages: int) -> None:
        size = f"size={4096 * n_pages}"
        subprocess.run(["mount", "-o", f"remount,{size}", "tmpfs", self.folder], check=True)


@pytest.fixture
def small_disk(place):
    words = ["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", str(place)]
    mounted = (
        subprocess.run(words, capture_output=True, text=True, check=False) if shutil.which("mount") else None
    )
    if mounted is None or mounted.returncode:
        pytest.skip("a disk that fills up needs the right to mount a tmpfs")
    try:
        yield SmallDisk(place)
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)
