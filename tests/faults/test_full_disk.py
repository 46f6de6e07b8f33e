"""A disk that is full at any point of any command: one line, nothing half written, on when there is room."""

import shutil

import pytest
from damage.commands import contents
from damage.scenes import WORKS

ROOM = 60_000

#: Of a batch some may be done.
FAILED = (1, 3)

COMMANDS = {
    "simulate": ["simulate", "-o", "out", "--frames", 4, "--size", 48, "--particles", 2, "--radius", 6,
                 "--merges", "", "--dissolutions", 0, "--crossings", 0, "--touches", 0],
    "slice": ["slice", "../inputs/data/images", "../inputs/data/masks", "-o", "out", "--size", 32],
    "analyze": ["analyze", "../inputs/segmented", "--merges", "-o", "out"],
    "kinetics": ["kinetics", "../inputs/segmented", "-o", "out", "--pixel-size", "1nm", "--frame-time", "1s"],
    "models add": ["models", "add", "vmamba", "../inputs/net.pth", "--name", "mine"],
    **{name: list(work.words) for name, work in WORKS.items()},
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def checkpoint(inputs):
    import torch

    from temtrack.loading import build_network

    torch.save(build_network("vmamba").state_dict(), inputs / "net.pth")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_ends_in_one_line_and_goes_on_with_room(nursery, small_disk, name):
    words, work = COMMANDS[name], WORKS.get(name)
    out = small_disk.folder / ("models" if name == "models add" else "out")
    before, go_on = (work.before, work.go_on) if work else ("", ["--force"])

    def run(*more):
        return nursery.run([*words, *more], small_disk.folder, before, TEMTRACK_CACHE=str(small_disk.folder))

    small_disk.resize(ROOM)
    assert run().exit_code == 0
    whole = contents(out)
    n_pages = sum(-(-path.stat().st_size // 4096) for path in out.rglob("*") if path.is_file())
    for share in (0.0, 0.6):
        for path in small_disk.folder.iterdir():
            shutil.rmtree(path)
        small_disk.resize(max(1, round(share * n_pages)))
        full = run()
        assert full.exit_code in FAILED, full.stderr
        assert "Traceback" not in full.stderr
        assert "cannot be written: " in full.stderr
        assert "No space left on device" in full.stderr
        assert not list(out.rglob(".writing-*"))
        small_disk.resize(ROOM)
        resumed = run(*go_on * out.exists())
        assert resumed.exit_code == 0, resumed.stderr
        assert contents(out) == whole
