"""Give damaged files to the readers in a process of their own, with a limit on time and memory."""

import multiprocessing
import os
import re
import resource
import tempfile
import traceback
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from damage.corpus import READERS, Sample
from damage.mutations import mutate

MAX_SECONDS = 10.0
MAX_BYTES = 2 * 1024**3


@dataclass(frozen=True)
class Outcome:
    """What came of one damaged file.

    ``verdict`` is ``read``, ``refused`` (by a `TemtrackError`), ``traceback``, ``memory``, ``hang`` or
    ``crash``; ``seed`` and ``sample`` say which file it was.
    """

    sample: str
    seed: int
    verdict: str
    told: str = ""

    @property
    def is_fault(self) -> bool:
        return self.verdict not in ("read", "refused")


def damaged_files(sample: Sample, seed: int) -> dict[str, bytes]:
    """Return the sample's files, one of them damaged as the seed says."""
    rng = np.random.default_rng([seed, zlib.crc32(sample.name.encode())])
    return {**sample.files, sample.damaged: mutate(sample.files[sample.damaged], rng)}


def try_files(samples: Sequence[Sample], seeds: Iterable[int]) -> Iterator[Outcome]:
    """Read one damaged file for each seed, the samples in turn; a worker that dies is started anew."""
    worker = None
    for seed in seeds:
        worker = worker or _Worker(samples)
        outcome = worker.ask(seed)
        if outcome.verdict in ("hang", "crash", "memory"):
            worker.stop()
            worker = None
        yield outcome
    if worker:
        worker.stop()


class _Worker:
    """A process that reads damaged files."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self.samples = samples
        context = multiprocessing.get_context("fork")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(samples, theirs), daemon=True)
        self.process.start()
        theirs.close()

    def ask(self, seed: int) -> Outcome:
        name = self.samples[seed % len(self.samples)].name
        try:
            self.connection.send(seed)
            # the first file of a reader waits for its imports
            if not self.connection.poll(MAX_SECONDS * 3):
                return Outcome(name, seed, "hang")
            verdict, told, seconds = self.connection.recv()
        except (EOFError, OSError):
            self.process.join()
            return Outcome(name, seed, "crash", f"exit code {self.process.exitcode}")
        return Outcome(name, seed, "hang" if seconds > MAX_SECONDS else verdict, told)

    def stop(self) -> None:
        self.process.kill()
        self.process.join()


def _work(samples: Sequence[Sample], connection) -> None:
    import time
    import warnings

    warnings.simplefilter("ignore")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libraries of images and films tell of oddities there
    _warm_up(samples)
    resource.setrlimit(resource.RLIMIT_DATA, (_kilobytes("VmData") * 1024 + MAX_BYTES,) * 2)
    while True:
        seed = connection.recv()
        sample = samples[seed % len(samples)]
        begun = time.process_time()
        with tempfile.TemporaryDirectory() as folder:
            verdict, told = _read(sample, Path(folder), seed)
        connection.send((verdict, told, time.process_time() - begun))


def _warm_up(samples: Sequence[Sample]) -> None:
    """Read every sample as it is: imports are done then, and each must be valid."""
    for sample in samples:
        with tempfile.TemporaryDirectory() as folder:
            _write(Path(folder), sample.files)
            READERS[sample.reader](Path(folder) / sample.opened)


def _write(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (folder / name).write_bytes(content)


def _read(sample: Sample, folder: Path, seed: int) -> tuple[str, str]:
    from temtrack.errors import TemtrackError

    _write(folder, damaged_files(sample, seed))
    Path("/proc/self/clear_refs").write_text("5")  # begins a new peak
    before = _kilobytes("VmRSS")
    verdict, told = "read", ""
    try:
        READERS[sample.reader](folder / sample.opened)
    except TemtrackError as error:
        verdict, told = "refused", str(error).replace(str(folder), "")
        if "\n" in told or not told:
            verdict = "traceback"
        if isinstance(error.__cause__, MemoryError):
            verdict = "memory"
    except BaseException:
        verdict, told = "traceback", traceback.format_exc(limit=-6)
    if (_kilobytes("VmHWM") - before) * 1024 > MAX_BYTES:
        verdict = "memory"
    return verdict, told


def _kilobytes(what: str) -> int:
    return int(re.search(rf"{what}:\s+(\d+) kB", Path("/proc/self/status").read_text())[1])
