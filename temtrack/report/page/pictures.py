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

#: Frames, evenly spread, that tell what a style costs.
_N_SAMPLE_FRAMES = 5


@dataclass(frozen=True)
class PictureStyle:
    """Longer side of a picture at most, in px, and its WebP quality."""

    max_side: int
    quality: int

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Return width and height of the picture of a frame; it is never enlarged."""
        shrink = min(1.0, self.max_side / max(height, width))
        return max(1, round(width * shrink)), max(1, round(height * shrink))

    def encode(self, grey: NDArray[np.uint8]) -> bytes:
        """Return a frame of grey levels (Y, X) as WebP."""
        picture, size = Image.fromarray(grey), self.size(*grey.shape)
        if picture.size != size:
            picture = picture.resize(size, Image.Resampling.BOX)
        content = BytesIO()
        picture.convert("RGB").save(content, "WEBP", quality=self.quality, method=4)
        return content.getvalue()


#: The best first. Averaging pixels costs a noisy picture less than a low quality does.
_LADDER = (
    PictureStyle(1024, 75),
    PictureStyle(1024, 55),
    PictureStyle(768, 60),
    PictureStyle(768, 40),
    PictureStyle(640, 40),
    PictureStyle(512, 40),
    PictureStyle(512, 20),
    PictureStyle(384, 20),
    PictureStyle(320, 5),
)

CLOSEUP_STYLE = PictureStyle(160, 75)


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

    def fits(style: PictureStyle) -> bool:
        return bool(np.mean([len(style.encode(grey)) for grey in samples]) * n_frames <= max_bytes)

    return next((style for style in _LADDER if fits(style)), _LADDER[-1])
