"""Make the three pictures of the README from a run of the demo: ``make demo`` first, then ``make pictures``.

The report's picture needs Chromium, and the extra ``dev`` for playwright.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

import av
from PIL import Image
from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
FRAME = 33  # two particles have merged, three are about to
WIDTHS_PX = {"overlay": 480, "merges": 760, "report": 760}
MAX_BYTES = 300_000
MAIN = "import sys; from temtrack.cli.app import main; sys.argv[0] = 'temtrack'; main()"


def draw_overlay(demo: Path) -> Image.Image:
    """Return one frame of the film with outlines and ids."""
    with av.open(str(demo / "overlay.mp4")) as film:
        frames = film.decode(video=0)
        return next(frame.to_image() for t, frame in enumerate(frames) if t == FRAME)


def draw_merges(demo: Path) -> Image.Image:
    """Return the key frames of the merges."""
    return Image.open(demo / "merges.png").convert("RGB")


def draw_report(demo: Path) -> Image.Image:
    """Write the page of the run, open it and return what its top shows."""
    page, picture = demo / "report.html", demo / "report.png"
    words = ["report", demo / "masks", "-o", page, "--force"]
    subprocess.run([sys.executable, "-c", MAIN, *map(str, words)], check=True, stdout=subprocess.DEVNULL)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1280, "height": 1060}, offline=True)
        tab.goto(page.resolve().as_uri())
        tab.wait_for_selector("html[data-ready]")
        tab.locator("#slider").fill(str(FRAME))
        tab.wait_for_selector(f"#stage .frame[data-frame='{FRAME}']")
        tab.evaluate("document.activeElement.blur(); scrollTo(0, 0)")  # to move the slider scrolls the page
        tab.screenshot(path=picture)
        browser.close()
    return Image.open(picture).convert("RGB")


def write(name: str, picture: Image.Image) -> None:
    """Write a picture, reduced to the width of a page and to few colours."""
    width = WIDTHS_PX[name]
    height = round(picture.height * width / picture.width)
    reduced = picture.resize((width, height), Image.Resampling.LANCZOS)
    path = HERE / "pictures" / f"{name}.png"
    reduced.quantize(64, dither=Image.Dither.NONE).save(path, optimize=True)
    size = path.stat().st_size
    print(f"{path}: {size / 1000:.0f} kB")
    if size > MAX_BYTES:
        raise SystemExit(f"{path} is too large: {size} bytes, allowed are {MAX_BYTES}")


def main() -> None:
    """Make all three."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("demo", type=Path, nargs="?", default=Path("demo"), help="folder of temtrack demo")
    demo = parser.parse_args().demo
    (HERE / "pictures").mkdir(exist_ok=True)
    for name, draw in (("overlay", draw_overlay), ("merges", draw_merges), ("report", draw_report)):
        write(name, draw(demo))


if __name__ == "__main__":
    main()
