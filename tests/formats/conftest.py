from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

VideoWriter = Callable[..., Path]


@pytest.fixture
def frames() -> NDArray[np.uint8]:
    """Twelve frames of 32 x 48 whose mean tells their number: 10, 30, 50, ..."""
    ramp = np.arange(48, dtype=np.uint8) % 7
    return np.stack([np.full((32, 48), 7 + 20 * t, np.uint8) + ramp for t in range(12)])


@pytest.fixture
def write_video(tmp_path: Path) -> VideoWriter:
    """Encode grey frames at the given milliseconds (100 apart by default)."""

    def write(
        name: str, frames: NDArray, codec: str, pix_fmt: str = "yuv420p", stamps_ms=None, **options
    ) -> Path:
        path = tmp_path / name
        stamps_ms = range(0, 100 * len(frames), 100) if stamps_ms is None else stamps_ms
        # AVI has one duration for all frames, so its clock ticks once a frame.
        tick = Fraction(1, 10) if name.endswith("avi") else Fraction(1, 1000)
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=10, options=options)
            stream.height, stream.width, stream.pix_fmt = frames.shape[1], frames.shape[2], pix_fmt
            stream.codec_context.time_base = tick
            for image, ms in zip(frames, stamps_ms, strict=True):
                frame = av.VideoFrame.from_ndarray(image, "gray16le" if image.dtype == np.uint16 else "gray")
                frame = frame.reformat(format=pix_fmt)
                frame.pts, frame.time_base = int(Fraction(int(ms), 1000) / tick), tick
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path

    return write
