"""Frames of a movie as small pictures, sharp as far as they fit into a page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from temtrack.movie import Movie
from temtrack.report.display import GreyWindow

#: A page shows so many frames at most; of a longer movie every second, third, ... and those around merges.
MAX_FRAMES = 600

#: All pictures together, in bytes; in the page they take a third more.
MAX_BYTES = 10_500_000

#: Longer side (px) and WebP quality, the best first. Averaging pixels costs a noisy picture less than a low
#: quality does.
_LADDER = ((1024, 75), (1024, 55), (768, 60), (768, 40), (640, 40), (512, 40), (512, 20), (384, 20), (320, 5))

#: Longer side at most (px) and quality of a close-up.
_CLOSEUP_SIDE, _CLOSEUP_QUALITY = 160, 75

#: Frames, evenly spread, that tell what a rung costs.
_N_SAMPLE_FRAMES = 5


@dataclass(frozen=True)
class PictureStyle:
    """Width and height of all pictures in pixels, and their WebP quality."""

    width: int
    height: int
    quality: int


def choose_frames(n_frames: int, always: Iterable[int], max_frames: int = MAX_FRAMES) -> NDArray[np.intp]:
    """Choose the frames that a page shows, in their order: all, or evenly thinned ones.

    Half of the places at most go to the frames in ``always``, the first of them first.
    """
    if n_frames <= max_frames:
        return np.arange(n_frames)
    kept = list(dict.fromkeys(always))[: max_frames // 2]
    stride = -(-n_frames // (max_frames - len(kept)))
    return np.unique([*range(0, n_frames, stride), *kept]).astype(np.intp)


def choose_style(movie: Movie, window: GreyWindow, n_frames: int, max_bytes: int = MAX_BYTES) -> PictureStyle:
    """Choose the best size and quality with which ``n_frames`` pictures fit into ``max_bytes``."""
    chosen = np.unique(np.linspace(0, movie.n_frames - 1, _N_SAMPLE_FRAMES).astype(int))
    samples = [window.show(movie.read_frame(int(t))) for t in chosen]
    longest = max(movie.height, movie.width)
    style = PictureStyle(movie.width, movie.height, _LADDER[0][1])
    for side, quality in _LADDER:
        shrink = min(1.0, side / longest)
        width, height = (max(1, round(size * shrink)) for size in (movie.width, movie.height))
        style = PictureStyle(width, height, quality)
        n_bytes = np.mean([len(encode_picture(grey, style)) for grey in samples])
        if n_bytes * n_frames <= max_bytes:
            break
    return style


def closeup_style(grey: NDArray[np.uint8]) -> PictureStyle:
    """Return the style of a close-up (Y, X): its own size, unless that is much."""
    height, width = grey.shape
    shrink = min(1.0, _CLOSEUP_SIDE / max(height, width))
    return PictureStyle(max(1, round(width * shrink)), max(1, round(height * shrink)), _CLOSEUP_QUALITY)


def encode_picture(grey: NDArray[np.uint8], style: PictureStyle) -> bytes:
    """Return a frame of grey levels (Y, X) as WebP."""
    picture = Image.fromarray(grey)
    if picture.size != (style.width, style.height):
        picture = picture.resize((style.width, style.height), Image.Resampling.BOX)
    content = BytesIO()
    picture.convert("RGB").save(content, "WEBP", quality=style.quality, method=4)
    return content.getvalue()
