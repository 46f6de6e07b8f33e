"""How fast the review page of a long run is: its start, its first picture, a step, and the server's memory.

Run ``python benchmarks/review.py``: it draws 2,000 and 10,000 frames of 1,000 particles that shiver and
merge in pairs, lets ``temtrack analyze`` measure them (half an hour, 6 GB of disk), and opens ``temtrack
review`` in Chromium. ``--keep DIR`` keeps movies, masks and tables, and takes them again the next time.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import tifffile
from numpy.typing import NDArray
from playwright.sync_api import Page, sync_playwright
from results import BenchmarkResult, ResultTable, Row, add_json_option, publish

from temtrack.formats.store.lineage import write_lineage
from temtrack.formats.store.masks import mask_name, write_mask
from temtrack.lineage import Lineage, Merge, Track

CELL_PX = 32
MERGE_EVERY = 20  # of so many particles, two are a pair that merges
N_STEPS = 20
THINK_MS = 1000  # before an answer
MAIN = "from temtrack.cli.app import main; main()"


class Field:
    """Discs, one a cell of a grid, that shiver about their places; pairs of neighbours become one."""

    def __init__(self, n_frames: int, n_particles: int) -> None:
        rng = np.random.default_rng(1)
        self.n_frames, n_columns = n_frames, int(np.ceil(np.sqrt(n_particles)))
        self.side = n_columns * CELL_PX
        cells = np.arange(n_particles)
        self.yx = np.column_stack([cells // n_columns, cells % n_columns]) * CELL_PX + CELL_PX / 2
        self.yx += rng.uniform(-3, 3, self.yx.shape)
        self.radii = rng.uniform(6, 10, n_particles)
        #: Of few levels, so that a long movie stays small; uint8 wraps around as sums of signed values do.
        self.noise = (rng.standard_normal((self.side, self.side)).round() * 14).astype(np.int8).view(np.uint8)
        firsts = np.arange(0, n_particles - 1, MERGE_EVERY)
        firsts = firsts[firsts % n_columns < n_columns - 1]
        self.merges = dict(
            zip(firsts.tolist(), rng.integers(9, n_frames - 9, len(firsts)).tolist(), strict=True)
        )

    def lineage(self) -> Lineage:
        """Return the true family tree: the child of particle i and i + 1 is n + i + 1."""
        n, last = len(self.radii), self.n_frames - 1
        gone = {one: t for first, t in self.merges.items() for one in (first, first + 1)}
        tracks = [
            Track(i + 1, 0, gone.get(i, last + 1) - 1, "present", "merged" if i in gone else "present")
            for i in range(n)
        ]
        merges = []
        for i, t in sorted(self.merges.items(), key=lambda one: (one[1], one[0])):
            parents = tuple(sorted((i + 1, i + 2), key=lambda one: -self.radii[one - 1]))
            tracks.append(Track(n + i + 1, t, last, "merge", "present", parents))
            merges.append(Merge(t, n + i + 1, parents, None, *self.yx[i : i + 2].mean(0).tolist()))
        return Lineage(self.n_frames, tuple(sorted(tracks, key=lambda one: one.id)), tuple(merges))

    def labels(self, t: int) -> NDArray[np.int32]:
        """Return the ids (Y, X) of a frame."""
        yx = self.yx + np.random.default_rng((2, t)).normal(0, 0.3, self.yx.shape)
        radii, ids = self.radii.copy(), np.arange(1, len(self.radii) + 1)
        for i, start in self.merges.items():
            if t >= start:
                yx[i], radii[i] = self.yx[i : i + 2].mean(0), np.hypot(*radii[i : i + 2])
                radii[i + 1], ids[i] = 0.0, len(radii) + i + 1
        around = np.arange(-CELL_PX // 2, CELL_PX // 2)
        rows = yx[:, 0].astype(int)[:, None, None] + around[:, None]
        columns = yx[:, 1].astype(int)[:, None, None] + around
        far = (rows - yx[:, :1, None]) ** 2 + (columns - yx[:, 1:, None]) ** 2
        which, y, x = np.nonzero(far <= radii[:, None, None] ** 2)
        labels = np.zeros((self.side, self.side), np.int32)
        labels[rows[which, y, 0], columns[which, 0, x]] = ids[which]
        return labels

    def frame(self, t: int, labels: NDArray[np.int32]) -> NDArray[np.uint8]:
        """Return the grey values (Y, X) of a frame."""
        shift = np.random.default_rng((3, t)).integers(0, self.side, 2).tolist()
        return np.where(labels > 0, np.uint8(90), np.uint8(160)) + np.roll(self.noise, shift, (0, 1))


def temtrack(*words: object) -> None:
    """Run a command of temtrack."""
    subprocess.run([sys.executable, "-c", MAIN, *map(str, words)], check=True, stdout=subprocess.DEVNULL)


def make_run(folder: Path, n_frames: int, n_particles: int) -> tuple[Path, Path]:
    """Return masks and movie of a run with its tables, made where they are missing."""
    field, movie, masks = Field(n_frames, n_particles), folder / "movie.tif", folder / "masks"
    masks.mkdir(parents=True, exist_ok=True)
    if not (masks / "lineage.json").is_file():

        def draw(t: int) -> NDArray[np.uint8]:
            labels = field.labels(t)
            write_mask(masks / mask_name(t), labels)
            return field.frame(t, labels)

        shape = (n_frames, field.side, field.side)
        tifffile.imwrite(  # ImageJ's stacks of more than 4 GiB may not be compressed
            movie,
            map(draw, range(n_frames)),
            shape=shape,
            dtype=np.uint8,
            compression="zlib",
            bigtiff=True,
            compressionargs={"level": 1},
            photometric="minisblack",
            metadata={"axes": "TYX"},
        )
        write_lineage(masks / "lineage.json", field.lineage())
    if not (masks / "merges.parquet").is_file():
        temtrack("analyze", masks)
    return masks, movie


@contextmanager
def review(masks: Path, movie: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Yield the process of a review page, and its address."""
    words = [sys.executable, "-c", MAIN, "review", str(masks), "--movie", str(movie)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


def most_memory_mb(process: subprocess.Popen[str]) -> float:
    """Return the most memory that a process ever held."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1e3


def processor_ms(process: subprocess.Popen[str], address: str, frames: list[int]) -> float:
    """Ask for pictures and contours of frames; return what one of them costs the server."""

    def spent() -> float:
        ticks = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
        return 1e3 * sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")

    before = spent()
    for t in frames:
        for what in ("frame", "contours"):
            with urlopen(f"{address}{what}/{t}") as answer:
                answer.read()
    return (spent() - before) / len(frames)


def steps_of(page: Page, frames: list[int]) -> list[float]:
    """Go to frames one after another; return ms until each stands."""
    script = """async (t) => {
        const began = performance.now();
        await goTo(t);
        await new Promise((resume) => requestAnimationFrame(() => setTimeout(resume)));
        return performance.now() - began;
    }"""
    found = []
    for t in frames:
        found.append(float(page.evaluate(script, t)))
        page.wait_for_timeout(300)
    return found


def correction_ms(page: Page) -> float:
    """Say yes to the question of the queue, after a moment; return ms until the next one stands."""
    script = """async () => {
        const began = performance.now();
        await answer(true);
        return performance.now() - began;
    }"""
    page.wait_for_timeout(THINK_MS)
    return float(page.evaluate(script))


def measure(page: Page, masks: Path, movie: Path, n_frames: int) -> tuple[Row, list[Row]]:
    """Open the review page of a run; return what it took once, and what each thing took again and again."""
    (masks / "corrections.jsonl").unlink(missing_ok=True)
    began = time.perf_counter()
    with review(masks, movie) as (process, address):
        started = time.perf_counter() - began
        page.goto(address, wait_until="commit")
        page.wait_for_selector("#stage[data-frame]")
        first = time.perf_counter() - began
        page.wait_for_selector("html[data-ready]")
        ready = time.perf_counter() - began
        page.reload()
        page.wait_for_selector("html[data-ready]")
        again = float(page.evaluate("performance.now()")) / 1e3
        page.wait_for_timeout(1500)
        rng, middle = np.random.default_rng(0), n_frames // 2
        page.evaluate("(t) => goTo(t)", middle)
        page.wait_for_timeout(1500)
        told = {
            "the next frame": steps_of(page, [middle + n for n in range(1, N_STEPS + 1)]),
            "any frame": steps_of(page, rng.integers(0, n_frames, N_STEPS).tolist()),
            "an answer": [correction_ms(page) for _ in range(N_STEPS)],
        }
        memory = most_memory_mb(process)
        frames = rng.choice(n_frames, min(n_frames, N_STEPS), replace=False).tolist()
        cost = processor_ms(process, address, frames)
    once: Row = {"frames": n_frames, "address s": started, "first picture s": first, "queue s": ready}
    once |= {"page loaded again s": again, "server MB": memory, "server's processor, ms a frame": cost}
    rows: list[Row] = []
    for name, ms in told.items():
        low, half, high = np.percentile(ms, [0, 50, 95]).round(1).tolist()
        row: Row = {"frames": n_frames, "what": name, "n": len(ms)}
        rows.append(row | {"least ms": low, "median ms": half, "95 % ms": high})
    return once, rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, nargs="+", default=[2000, 10_000])
    parser.add_argument("--particles", type=int, default=1000)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--png", type=Path, help="where the page as it looks at the end is written")
    add_json_option(parser)
    options = parser.parse_args()
    once: list[Row] = []
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for n_frames in options.frames:
            masks, movie = make_run(
                (options.keep or Path(scratch)) / str(n_frames), n_frames, options.particles
            )
            page = browser.new_page(viewport={"width": 1400, "height": 900})
            one, many = measure(page, masks, movie, n_frames)
            once.append(one)
            rows += many
            if options.png:
                page.screenshot(path=options.png)
            page.close()
        browser.close()
    load = f"Load of the machine's {os.cpu_count()} cores meanwhile: {os.getloadavg()[0]:.1f}."
    lengths = " and ".join(f"{n:,}" for n in options.frames)
    result = BenchmarkResult(
        title="The review page of a long run",
        data=f"{options.particles:,} drawn particles of {lengths} frames",
        split="-",
        seed="1",
        tables=[ResultTable("Once, from the command on", once, load), ResultTable("Again and again", rows)],
    )
    publish(result, options.json)


if __name__ == "__main__":
    main()
