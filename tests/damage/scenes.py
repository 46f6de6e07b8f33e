"""Small inputs for every command, and the commands that are killed and go on."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
from cases import CASES
from damage.commands import CHECKPOINT_OFTEN, TINY_TRAINING

CASE = next(c for c in CASES if c.name == "two fuse")


def write_inputs(folder: Path) -> None:
    """Write a film, its segmented frames, single images, and labelled images to train on."""
    rng = np.random.default_rng(0)
    frames = (np.where(CASE.truth > 0, 60, 200) + rng.integers(0, 20, CASE.truth.shape)).astype(np.uint8)
    tifffile.imwrite(folder / "film.tif", frames, photometric="minisblack", compression="zlib")
    for name in ("segmented", "images", "data/images", "data/masks"):
        (folder / name).mkdir(parents=True)
    for t, (image, labels) in enumerate(zip(frames, CASE.truth, strict=True)):
        tifffile.imwrite(folder / "segmented" / f"mask{t:04d}.tif", labels.astype(np.uint16))
        tifffile.imwrite(folder / "images" / f"image{t}.tif", image, photometric="minisblack")
    for t in range(2):
        tifffile.imwrite(folder / "data" / "images" / f"{t}.tif", np.tile(frames[t], (2, 2)))
        tifffile.imwrite(
            folder / "data" / "masks" / f"{t}.tif", np.tile(CASE.truth[t], (2, 2)).astype(np.uint8)
        )


@dataclass(frozen=True)
class Work:
    """A command that writes into ``out`` beside its inputs in ``../inputs``, and how it goes on."""

    words: tuple[str, ...]
    go_on: tuple[str, ...]
    before: str = ""


WORKS = {
    "track": Work(
        ("track", "../inputs/film.tif", "-o", "out", "--masks", "../inputs/segmented",
         "--tracker", "overlap"),
        ("--resume",),
        CHECKPOINT_OFTEN,
    ),
    "track --model": Work(
        ("track", "../inputs/film.tif", "-o", "out", "--model", "otsu", "--tracker", "trackpy"),
        ("--resume",),
        CHECKPOINT_OFTEN,
    ),
    "track --tracker deaot-t": Work(
        ("track", "../inputs/film.tif", "-o", "out", "--model", "otsu", "--tracker", "deaot-t",
         "--frames", ":6", "--device", "cpu"),
        ("--resume",),
        CHECKPOINT_OFTEN,
    ),
    "segment": Work(("segment", "../inputs/images", "-o", "out", "--model", "otsu"), ("--resume",)),
    "train": Work(
        ("train", "../inputs/data", "--model", "vmamba", "--steps", "3", "--crop", "32", "--batch", "1",
         "-o", "out", "--device", "cpu"),
        ("--resume",),
        TINY_TRAINING,
    ),
}  # fmt: skip
