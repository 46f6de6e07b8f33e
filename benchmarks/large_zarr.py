"""How long an OME-Zarr movie of 10 GB takes to open, and how much memory a piece of it takes to track.

Run ``python benchmarks/large_zarr.py``, further options of ``track`` after ``--``. The movie is declared
with all its frames, of which those of the piece are written, uncompressed and a chunk for each; the rest are
the fill value, as Zarr allows, so the disk holds only the piece. It is read from a folder, and from a bucket
of a server on this machine (moto). Each command runs in a process of its own.
"""

from __future__ import annotations

import argparse
import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import requests
import zarr
from memory import peak_mib
from numpy.typing import NDArray
from results import BenchmarkResult, ResultTable, Row, add_json_option, publish

from temtrack.simulation.config import MovieConfig
from temtrack.simulation.movie import simulate_movie

SEED = 3
SIDE_PX = 512
N_FRAMES, N_PIECE = 20_000, 50


def simulated() -> NDArray[np.uint16]:
    """Simulate the piece that is written."""
    config = MovieConfig(height=SIDE_PX, width=SIDE_PX, n_particles=50, radius_px=12.0, n_frames=N_PIECE)
    movie = simulate_movie(SEED, config)
    return np.stack([movie.frame(t).astype(np.uint16) for t in range(N_PIECE)])


def write_sparse(store: Any, frames: NDArray[np.uint16]) -> None:
    """Write a movie of which all frames but the first ones are the fill value."""
    axes = [{"name": "t", "type": "time"}, *({"name": name, "type": "space"} for name in "yx")]
    scale = [{"type": "scale", "scale": [1, 1, 1]}]
    level = {"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": scale}]}
    group = zarr.create_group(store, attributes={"ome": {"version": "0.5", "multiscales": [level]}})
    shape = (N_FRAMES, SIDE_PX, SIDE_PX)
    pixels = group.create_array(
        "0", shape=shape, dtype=np.uint16, chunks=(1, SIDE_PX, SIDE_PX), compressors=None
    )
    pixels[:N_PIECE] = frames


@contextmanager
def bucket_of(store: Path) -> Iterator[str]:
    """Give the address of a movie in a bucket that holds the files of a folder, until the end."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    known = {"ENDPOINT_URL": address, "DEFAULT_REGION": "us-east-1"}
    known |= {"ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test"}
    os.environ |= {f"AWS_{name}": value for name, value in known.items()}
    try:
        requests.put(f"{address}/lab", timeout=60).raise_for_status()
        for path in (one for one in store.rglob("*") if one.is_file()):
            name = path.relative_to(store.parent).as_posix()
            requests.put(f"{address}/lab/{name}", path.read_bytes(), timeout=60).raise_for_status()
        yield f"s3://lab/{store.name}"
    finally:
        server.stop()


def measure(kind: str, movie: str, out: Path, words: list[str]) -> Iterator[Row]:
    """Yield time and peak memory of a look at a movie, and of tracking the piece."""
    piece = ["--frames", f"0:{N_PIECE}", *words]
    commands = (["info", movie, "--json"], ["track", movie, "-o", out, "--json", *piece])
    for command, shown in zip(commands, ("info", " ".join(["track", *piece])), strict=True):
        peak, seconds = peak_mib(*command)
        yield {"movie": kind, "command": shown, "seconds": seconds, "peak MiB": peak}


def main() -> None:
    """Write, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("words", nargs="*", help="further options of temtrack track, after --")
    add_json_option(parser)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        store = Path(name) / "movie.zarr"
        write_sparse(store, simulated())
        rows = list(measure("folder", str(store), Path(name) / "local", arguments.words))
        with bucket_of(store) as address:
            rows += measure("bucket", address, Path(name) / "s3", arguments.words)
    gigabytes = N_FRAMES * SIDE_PX**2 * 2 / 1e9
    result = BenchmarkResult(
        title="A large OME-Zarr movie",
        data=f"{N_FRAMES} frames of {SIDE_PX} px, {gigabytes:.1f} GB, of which {N_PIECE} are no fill value",
        split="-",
        seed=str(SEED),
        tables=[ResultTable("To open it, and to track a piece", rows, "Seconds hold the start of Python.")],
    )
    publish(result, arguments.json)


if __name__ == "__main__":
    main()
