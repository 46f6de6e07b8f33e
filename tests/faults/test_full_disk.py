"""A disk that is full at any point of any command: one line, nothing half written, on when there is room.

`info`, `evaluate` and `doctor` are not here: they write nothing that stays.
"""

import shutil
from hashlib import sha256

import pytest
from damage.commands import contents
from damage.scenes import WORKS, Work

from temtrack.formats.export import FORMATS

ROOM = 60_000

#: How much of what a command writes fits onto the disk; of the longest one, which calls many others, but one.
FILLED = (0.0, 0.6, 1.0)
FILLED_BY_DEMO = (0.6,)

#: Of a batch some may be done.
FAILED = (1, 3)

CHECKPOINT = "../inputs/net.pth"
URL = "https://nowhere.invalid/net.pth"
AGAIN = ("--force",)

#: What `demo` does with its networks and its movie, done without networks on a smaller one.
PLAIN_DEMO = """
from functools import partial
from pathlib import Path
import temtrack.cli.demo, temtrack.demo
temtrack.cli.demo.TrackOptions = partial(temtrack.cli.demo.TrackOptions, tracker="overlap")
tracked = Path("../inputs/tracked")
temtrack.demo.MOVIE = Path("../inputs/film.tif")
temtrack.demo.LINEAGE, temtrack.demo.FIRST_MASK = tracked / "lineage.json", tracked / "mask0000.tif"
"""

COMMANDS = {
    "simulate": Work(("simulate", "-o", "out", "--frames", "4", "--size", "48", "--particles", "2",
                      "--radius", "6", "--merges", "", "--dissolutions", "0", "--crossings", "0",
                      "--touches", "0"), AGAIN),
    "slice": Work(("slice", "../inputs/data/images", "../inputs/data/masks", "-o", "out", "--size", "32"),
                  AGAIN),
    "segment movie": Work(("segment", "../inputs/film.tif", "-o", "out", "--model", "otsu"), AGAIN),
    "analyze": Work(("analyze", "../inputs/segmented", "--merges", "-o", "out"), AGAIN),
    "kinetics": Work(("kinetics", "../inputs/segmented", "-o", "out", "--pixel-size", "1nm",
                      "--frame-time", "1s"), AGAIN),
    "track --overlay": Work(("track", "../inputs/film.tif", "-o", "out/masks", "--model", "otsu",
                             "--tracker", "overlap", "--overlay", "out/film.mp4"), AGAIN),
    "report": Work(("report", "../inputs/segmented", "-o", "out", "--shard", "1/1"), ("--resume",)),
    **{f"export --to {to}": Work(("export", "../inputs/segmented", "--to", to, "-o", "out",
                                  "--shard", "1/1"), ("--resume",)) for to in FORMATS},
    "demo": Work(("demo", "-o", "out", "--model", "otsu"), AGAIN, PLAIN_DEMO),
    "models import": Work(("models", "import", "vmamba", CHECKPOINT, "--name", "mine"), AGAIN),
    "models download": Work(("models", "download", "mine", "--network", "vmamba", "--url", URL,
                             "--from-dir", "../inputs", "--sha256"), AGAIN),
    "reproduce": Work(("reproduce", "../inputs/tracked", "-o", "out"), ()),
    **WORKS,
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def checksum(inputs, nursery):
    """Write a checkpoint and a tracked film too; return the checkpoint's checksum."""
    import torch

    from temtrack.models.catalog import find_architecture

    torch.save(find_architecture("vmamba").build().state_dict(), inputs / "net.pth")
    # --force, since tests that are handed from one process to another set this up once more
    words = ["track", "film.tif", "-o", "tracked", "--model", "otsu", "--tracker", "overlap", "--force"]
    assert nursery.run(words, inputs).exit_code == 0
    return sha256((inputs / "net.pth").read_bytes()).hexdigest()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_ends_in_one_line_and_goes_on_with_room(nursery, small_disk, checksum, name):
    work = COMMANDS[name]
    words = [*work.words, *[checksum] * (name == "models download")]
    out = small_disk.folder / ("models" if name.startswith("models") else "out")

    def run(*more):
        cache = str(small_disk.folder)
        return nursery.run([*words, *more], small_disk.folder, work.before, TEMTRACK_CACHE=cache)

    small_disk.resize(ROOM)
    assert run().exit_code == 0
    whole = contents(out)
    n_pages = sum(-(-path.stat().st_size // 4096) for path in out.rglob("*") if path.is_file())
    for filled in FILLED_BY_DEMO if name == "demo" else FILLED:
        n_free = min(max(1, round(filled * n_pages)), n_pages - 1)
        for path in small_disk.folder.iterdir():
            shutil.rmtree(path)
        small_disk.resize(n_free)
        full = run()
        assert full.exit_code in FAILED, full.stderr
        assert "Traceback" not in full.stderr
        assert "cannot be written: " in full.stderr
        assert "No space left on device" in full.stderr
        assert not list(out.rglob(".writing-*"))
        small_disk.resize(ROOM)
        if name == "reproduce" and out.exists():  # it only writes into a new folder
            shutil.rmtree(out)
        resumed = run(*work.go_on * out.exists())
        assert resumed.exit_code == 0, resumed.stderr
        assert contents(out) == whole
