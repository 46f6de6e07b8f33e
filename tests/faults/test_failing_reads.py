"""Inputs that cannot be read, or no longer: one line that names the file, and on once they can be."""

from pathlib import Path

import pytest
from damage.commands import contents
from damage.scenes import WORKS

#: A file like others, each of whose bytes ends in an input/output error.
BROKEN_DISK = Path("/proc/self/mem")

pytestmark = pytest.mark.skipif(
    not BROKEN_DISK.exists(), reason="needs a file whose reading fails, as Linux has"
)

READING = {
    "film.tif": ["info", "a.tif"],
    "film.mp4": ["info", "a.mp4"],
    "film.dm4": ["info", "a.dm4"],
    "film.mrc": ["info", "a.mrc"],
    "film.ser": ["info", "a.ser"],
    "film.emi": ["info", "a.emi"],
    "film.emd": ["info", "a.emd"],
    "image.png": ["segment", "a.png", "--model", "otsu"],
    "masks": ["analyze", "a.tif"],
    "points": ["segment", "../inputs/images/image0.tif", "--points", "a.csv"],
    "checkpoint": ["models", "import", "vmamba", "a.pth", "--name", "mine"],
    "excluded": ["train", "../inputs/data", "-o", "out", "--exclude", "a.txt"],
    "truth": ["evaluate", "../inputs/segmented", "a.tif"],
    "groups": ["slice", "../inputs/images", "../inputs/segmented", "-o", "out", "--group-by", "a.csv:doi"],
}  # fmt: skip


@pytest.mark.parametrize("what", READING)
def test_a_disk_that_fails_is_told_with_the_file(nursery, place, what):
    words = READING[what]
    name = next(word.split(":")[0] for word in words if word.startswith("a."))
    (place / name).symlink_to(BROKEN_DISK)
    result = nursery.run(words, place, TEMTRACK_CACHE=str(place))
    assert (result.exit_code, result.stdout) == (1, ""), result.stderr
    assert result.stderr.startswith("temtrack: error: ")
    assert name in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["mask0000.tif", "lineage.json", "run.json"])
def test_a_file_of_a_masks_folder_that_fails_is_named(nursery, place, name):
    assert nursery.run(WORKS["track"].words, place).exit_code == 0
    (place / "out" / name).unlink()
    (place / "out" / name).symlink_to(BROKEN_DISK)
    result = nursery.run(["analyze", "out", "--merges"], place)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"temtrack: error: out/{name}: ")
    assert result.stderr.count("\n") == 1


def test_a_film_cut_off_while_it_is_tracked_goes_on_once_it_is_whole(nursery, place):
    work, film = WORKS["track"], place.parent / "inputs" / "film.tif"
    content = film.read_bytes()
    cut = f"""
from temtrack.tracking.engine import TrackingEngine
push = TrackingEngine.push
def push_and_cut(self, frame):
    if self.state.next_frame == 8:
        with open({str(film)!r}, "r+b") as file:
            file.truncate({len(content) // 4})
    return push(self, frame)
TrackingEngine.push = push_and_cut
"""
    assert nursery.run(work.words, place, work.before).exit_code == 0
    whole = contents(place / "out")
    broken = nursery.run([*work.words, "--force"], place, work.before + cut)
    assert broken.exit_code == 1
    assert "Traceback" not in broken.stderr
    assert "film.tif: frame 9 of" in broken.stderr
    film.write_bytes(content)
    assert nursery.run([*work.words, "--resume"], place, work.before).exit_code == 0
    assert contents(place / "out") == whole
