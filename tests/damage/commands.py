"""Commands in processes of their own, which can be killed, interrupted or starved of disk at any moment."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

#: Imports once what commands need and forks a process for each: a command then begins in milliseconds, and
#: every moment of its life is one of work.
NURSERY = """
import json, os, signal, sys
import matplotlib.figure, pandas, pyarrow.parquet, scipy.ndimage, skimage.measure, skimage.segmentation, torch
import temtrack.cli.app, temtrack.pipeline.track, temtrack.segmentation.otsu, temtrack.tracking.overlap
import temtrack.simulation.movie, temtrack.training.run, temtrack.metrics.evaluation

for line in sys.stdin:
    job = json.loads(line)
    if "wait" in job:
        print(os.waitstatus_to_exitcode(os.waitpid(job["wait"], 0)[1]), flush=True)
        continue
    pid = os.fork()
    if pid:
        print(pid, flush=True)
        continue
    os.chdir(job["folder"])
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    for number, name in ((0, os.devnull), (1, job["stdout"]), (2, job["stderr"])):
        os.dup2(os.open(name, os.O_RDWR | os.O_CREAT, 0o600), number)
    sys.argv = ["temtrack", *job["words"]]
    os.environ.update(job["environment"])
    exec(job["before"])
    try:
        temtrack.cli.app.main()
    except SystemExit as end:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(end.code or 0)  # taking all of the imports down takes longer than the command
"""

#: A checkpoint after every frame, not every five seconds.
CHECKPOINT_OFTEN = """
from temtrack.tracking import checkpoint
checkpoint.INTERVAL_S, checkpoint.MAX_TIME_FRACTION = 0, float("inf")
"""

#: A small network, epochs of one step, tests of one crop.
TINY_TRAINING = """
from dataclasses import replace
from temtrack.nets import vm_unet
from temtrack.training import config
vm_unet.vm_unet = lambda: vm_unet.VmUNet(8, (1, 1), (1, 1))
config.PRESETS["vm_unet"] = replace(config.PRESETS["vm_unet"], steps_per_epoch=1, n_test_crops=1)
"""


@dataclass(frozen=True)
class Result:
    """How a command ended; a negative exit code is the signal that ended it."""

    exit_code: int
    stdout: str
    stderr: str


class Nursery:
    """Starts commands; use it in a ``with`` block."""

    def __enter__(self):
        self._process = subprocess.Popen(
            [sys.executable, "-c", NURSERY],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"},
        )
        return self

    def __exit__(self, *_):
        self._process.communicate()

    def start(self, words: Iterable[object], folder: Path, before: str = "", **environment: str) -> "Running":
        """Start a command in a folder, after Python code that runs ``before`` it."""
        told = [folder.parent / f"{folder.name}-{time.monotonic_ns()}.{end}" for end in ("out", "err")]
        for path in told:
            path.touch()  # it may be killed before it opens them
        job = {"words": list(map(str, words)), "folder": str(folder), "before": before}
        job |= {"stdout": str(told[0]), "stderr": str(told[1]), "environment": environment}
        return Running(self, self.ask(job), *told)

    def run(self, words: Iterable[object], folder: Path, before: str = "", **environment: str) -> Result:
        return self.start(words, folder, before, **environment).wait()

    def ask(self, job: dict[str, object]) -> int:
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@dataclass
class Running:
    """A command that has been started."""

    nursery: Nursery
    pid: int
    stdout: Path
    stderr: Path

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)  # a zombie until it is waited for: the number is nobody else's yet

    def wait(self) -> Result:
        return Result(self.nursery.ask({"wait": self.pid}), *map(Path.read_text, (self.stdout, self.stderr)))


def contents(folder: Path) -> dict[str, bytes]:
    """Return a folder's files by name: all that a run leaves but how long it took and how it was told to."""
    files = {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
    for name in (".lock", "batch.jsonl"):  # whose lock it was, and when each input was tried
        files.pop(name, None)
    if "log.csv" in files:
        files["log.csv"] = b"\n".join(line.rpartition(b",")[0] for line in files["log.csv"].splitlines())
    for name in [name for name in files if name.endswith(("run.json", ".html"))]:
        files[name] = files[name].replace(b" --force", b"")
    if "state.pt" in files:
        files["state.pt"] = _plain(files["state.pt"])
    for name in [name for name in files if name.endswith(".parquet")]:
        files[name] = _rows(files[name])
    return files


def _rows(table: bytes) -> bytes:
    """Return what a table holds, without the command in its metadata."""
    import pyarrow.parquet as pq

    return repr(pq.read_table(io.BytesIO(table)).to_pylist()).encode()


def _plain(state: bytes) -> bytes:
    """Return what a state holds: its pickle also tells which of its texts were the same object."""
    import torch

    def spread(value):
        if isinstance(value, dict):
            return {key: spread(entry) for key, entry in value.items()}
        if isinstance(value, list):
            return [spread(entry) for entry in value]
        return value.numpy().tobytes() if isinstance(value, torch.Tensor) else value

    return repr(spread(torch.load(io.BytesIO(state), weights_only=True))).encode()
