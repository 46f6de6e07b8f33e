"""`temtrack doctor`: whether this installation can do its work."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from temtrack import __version__
from temtrack.cli import output
from temtrack.cli.options import command
from temtrack.errors import TemtrackError

#: Packages whose version decides on results or on what can be read.
_PACKAGES = ("torch", "numpy", "scipy", "scikit-image", "pyarrow", "av", "imagecodecs", "tifffile")

#: What each extra brings, by the module that is imported.
_EXTRAS = {
    "tem": "h5py",
    "yolo": "ultralytics",
    "sam": "segment_anything",
    "mamba": "mamba_ssm",
    "zarr": "zarr",
}

#: Codecs of the videos that microscopes and their users make, and of those that temtrack writes.
_CODECS = ("h264", "hevc", "mpeg4", "mjpeg", "vp9", "rawvideo")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; what is not ``ok`` keeps some command from its work."""

    what: str
    found: str
    ok: bool = True


@command()
def doctor(rows_as_json: bool = False) -> None:
    """Check the installation: versions, devices, weights, codecs, and a test on a tiny simulated movie."""
    findings: list[Finding] = []
    for look in _LOOKS:
        try:
            for finding in look():
                findings.append(finding)
        except Exception as error:  # what is broken here may break in any way: that is the finding
            name = look.__name__.strip("_").replace("_", " ")
            reason = " ".join(str(error).split())
            findings.append(Finding(name, f"{type(error).__name__}: {reason}", ok=False))
    output.show_rows([asdict(one) for one in findings], as_json=rows_as_json)
    bad = [one.what for one in findings if not one.ok]
    if bad:
        raise TemtrackError(f"not as it should be: {', '.join(bad)}; the table says why")


def _versions() -> Iterator[Finding]:
    import platform
    from importlib.metadata import PackageNotFoundError, version
    from importlib.util import find_spec

    yield Finding("temtrack", __version__)
    yield Finding("Python", f"{platform.python_version()}, {platform.system()} {platform.machine()}")
    for package in _PACKAGES:
        try:
            yield Finding(package, version(package))
        except PackageNotFoundError:
            yield Finding(package, "missing; install temtrack again", ok=False)
    for extra, module in _EXTRAS.items():
        there = find_spec(module) is not None
        yield Finding(f"extra {extra}", "installed" if there else f"no; pip install 'temtrack[{extra}]'")


def _devices() -> Iterator[Finding]:
    import torch

    from temtrack.nets.device import find_device

    chosen = find_device("auto").type
    yield Finding(
        "device", f"{chosen}, {torch.get_num_threads()} of {os.cpu_count()} cores (OMP_NUM_THREADS)"
    )
    for i in range(torch.cuda.device_count()):
        memory_gb = torch.cuda.get_device_properties(i).total_memory / 1e9
        yield Finding(f"cuda:{i}", f"{torch.cuda.get_device_name(i)}, {memory_gb:.0f} GB")


def _weights() -> Iterator[Finding]:
    from temtrack.models.registry import read_models, verify

    for name, spec in read_models().items():
        if spec.weights is None:
            continue
        try:
            yield Finding(f"weights of {name}", f"sha256 {verify(spec)[:12]}")
        except TemtrackError as error:
            yield Finding(f"weights of {name}", str(error), ok=False)


def _cache() -> Iterator[Finding]:
    import shutil
    import tempfile

    from temtrack.models.registry import imported_models_folder

    folder = imported_models_folder().parent
    there = next(path for path in (folder, *folder.parents) if path.exists())
    with tempfile.TemporaryFile(dir=there):
        yield Finding("cache", f"{folder}, {shutil.disk_usage(there).free / 1e9:.0f} GB free")


def _codecs() -> Iterator[Finding]:
    import av

    missing = [name for name in _CODECS if name not in av.codecs_available]
    if missing:
        yield Finding("video codecs", f"PyAV lacks {', '.join(missing)}", ok=False)
    else:
        yield Finding("video codecs", ", ".join(_CODECS))


def _self_test() -> Iterator[Finding]:
    """Segment and track a small simulated movie with one merge, and look for it."""
    from temtrack.pipeline.options import TrackOptions
    from temtrack.pipeline.tracking_plan import TrackStage
    from temtrack.pipeline.tracking_run import track_in_memory
    from temtrack.simulation.config import MovieConfig
    from temtrack.simulation.movie import simulate_movie

    begun_s = time.monotonic()
    config = MovieConfig(n_frames=30, height=96, width=96, n_particles=3, radius_px=9.0, merges={2: 1})
    simulated = simulate_movie(0, config)
    plan = TrackStage.load(TrackOptions()).plan(simulated.to_movie(), "temtrack doctor")
    lineage = track_in_memory(plan).lineage
    (true,) = (merge.frame for merge in simulated.lineage.merges)
    found = [merge.frame for merge in lineage.merges] if lineage else []
    ok = len(found) == 1 and abs(found[0] - true) <= 3  # whether it works, not how exact it is
    told = ", ".join(map(str, found)) or "none"
    took_s = time.monotonic() - begun_s
    yield Finding("self-test", f"merge in frame {true} of a movie, found in {told}; {took_s:.1f} s", ok)


_LOOKS = (_versions, _devices, _weights, _cache, _codecs, _self_test)
