"""Size of the page of a long run, and how soon it answers in Chromium.

Run ``python benchmarks/report.py``: it simulates 500 frames of 200 particles (minutes), writes their page and
opens it in Chromium, several times. ``--keep DIR`` keeps movie and masks, and takes them again the next time.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright
from results import BenchmarkResult, ResultTable, add_json_option, publish

MAIN = "from temtrack.cli.app import main; main()"
N_OPENED = 5


def run(*words: object) -> float:
    """Run a command of temtrack; return seconds."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", MAIN, *map(str, words)], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def make_page(folder: Path, n_frames: int, n_particles: int, side: int) -> tuple[Path, float]:
    """Simulate a movie with every kind of event; write its page and return it with the seconds that took."""
    movie, masks, page = folder / "sim" / "movie.tif", folder / "sim" / "truth", folder / "report.html"
    if not movie.exists():
        events = ("--merges", "2:25,3:6", "--cascades", 2, "--dissolutions", 8, "--nucleations", 4)
        edges = ("--crossings", 3, "--touches", 3, "--entering", 3, "--leaving", 3, "--drift", "0.02,0.05")
        size = ("--frames", n_frames, "--particles", n_particles, "--size", side)
        known = ("--pixel-size", "0.2nm", "--frame-time", "0.5s")
        run("simulate", "-o", folder / "sim", *size, *events, *edges, *known)
    if not (masks / "merges.parquet").exists():
        run("analyze", masks, "--merges", "--movie", movie)
    return page, run("report", masks, "--movie", movie, "-o", page, "--force")


def open_page(browser: Browser, page: Path) -> tuple[float, float, list[str]]:
    """Open the page; return ms until it shows a frame and answers, ms to another frame, and complaints."""
    tab = browser.new_page(viewport={"width": 1360, "height": 900}, offline=True)
    complaints: list[str] = []
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.goto(page.as_uri(), wait_until="commit")
    tab.wait_for_selector("html[data-ready]")
    ready = float(tab.evaluate("performance.getEntriesByName('ready')[0].startTime"))
    start = time.perf_counter()
    tab.locator("#slider").fill("1")
    tab.wait_for_selector("#stage .frame[data-frame='1']")
    moved = 1000 * (time.perf_counter() - start)
    tab.close()
    return ready, moved, complaints


def main() -> None:
    """Make the page, open it, print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=500)
    parser.add_argument("--particles", type=int, default=200)
    parser.add_argument("--side", type=int, default=768)
    parser.add_argument("--keep", type=Path)
    add_json_option(parser)
    options = parser.parse_args()
    rows, complaints = [], []
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        page, seconds = make_page(folder, options.frames, options.particles, options.side)
        size_mb = page.stat().st_size / 1e6
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            for _ in range(N_OPENED):
                ready, moved, some = open_page(browser, page)
                rows.append({"interactive after (ms)": ready, "another frame after (ms)": moved})
                complaints += some
            browser.close()
    note = f"The page has {size_mb:.1f} MB and was written in {seconds:.0f} s. Complaints: {len(complaints)}."
    result = BenchmarkResult(
        title="The page of a long run",
        data=f"a simulated movie of {options.frames} frames with {options.particles} particles",
        split="-",
        seed="0",
        tables=[ResultTable(f"Opened in Chromium {N_OPENED} times", rows, note)],
    )
    print(*complaints, sep="\n")
    publish(result, options.json)


if __name__ == "__main__":
    main()
