"""Videos through FFmpeg (PyAV): frames found by their timestamps, never by counting a nominal rate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from temtrack.calibration import Calibration, FrameTimes
from temtrack.errors import InputError
from temtrack.formats.decoding import check_frame_size, refused_as
from temtrack.formats.readers.frames import open_movie
from temtrack.movie import Movie

if TYPE_CHECKING:
    import av

NAME = "video"
SUFFIXES = (".mp4", ".m4v", ".avi", ".mov", ".mkv", ".webm")

#: A frame this near ahead is reached by decoding on; farther ones by a seek to the keyframe before them.
_DECODE_AHEAD = 32


def can_read(path: Path) -> bool:
    """Tell by its suffix whether the path is a video file that holds anything."""
    return path.suffix.lower() in SUFFIXES and path.is_file() and path.stat().st_size > 0


def read_movie(path: Path) -> Movie:
    """Open a video as a movie; its packets are counted without decoding, its first frame is decoded.

    Frame times are the presentation timestamps in seconds. Samples of more than 8 bits are kept as 16.

    Raises
    ------
    InputError
        If the file is no video or truncated. Later, when its frame is asked for: if a frame is damaged or
        changes its size.
    """
    import av  # here and below: other formats start without it

    with refused_as(f"{path}: cannot be read as video; it may be truncated"), av.open(str(path)) as container:
        if not container.streams.video:
            raise InputError(
                f"{path}: holds no video stream; it may be truncated: copy it again from its source"
            )
        stream = container.streams.video[0]
        check_frame_size((stream.height, stream.width), path)
        stamps, seconds, by_stamp = _index(container, stream, path)
    known = Calibration(frame_times=FrameTimes(seconds, "timestamps of the video"))
    return open_movie(path, len(stamps), _Decoder(path, stamps, by_stamp), known)


def _index(
    container: av.container.InputContainer, stream: av.VideoStream, path: Path
) -> tuple[NDArray[np.int64], NDArray[np.float64], bool]:
    """Return the frames' presentation stamps in the stream's time base, in order; the same in s; if true.

    Where a container stores no true ones (AVI with B-frames), frames are reached by counting from the start.
    """
    # Plain numbers are kept, not packets: those would hold the whole file in memory.
    packets = [
        (p.pts, p.dts, p.size > 0 and not p.is_discard)
        for p in container.demux(stream)
        if p.pts is not None or p.dts is not None
    ]
    shown = [(pts, dts) for pts, dts, is_shown in packets if is_shown]
    if not shown:
        raise InputError(f"{path}: holds no frame; it may be truncated: copy it again from its source")
    avi_reordered = container.format.name == "avi" and stream.codec_context.has_b_frames
    by_stamp = not avi_reordered and all(pts is not None for pts, _ in shown)
    stamps = np.sort(np.array([pts if by_stamp else dts for pts, dts in shown], dtype=np.int64))
    seconds = stamps.astype(np.float64) * float(stream.time_base)
    _refuse_truncated(path, stream, len(packets), seconds)
    return stamps, seconds, by_stamp


def _refuse_truncated(
    path: Path, stream: av.VideoStream, n_packets: int, seconds: NDArray[np.float64]
) -> None:
    """Hold the frames found against the header's count (mp4, mov, avi) or duration (mkv, webm)."""
    if n_packets < stream.frames:
        raise InputError(
            f"{path}: video is truncated: its header names {stream.frames} frames, {n_packets} are there; "
            "copy it again from its source"
        )
    stated = _matroska_duration_s(stream)
    longest_step = float(np.diff(seconds).max(initial=0.0))
    if stated is not None and len(seconds) > 1 and seconds[-1] + 2.5 * longest_step < stated:
        raise InputError(
            f"{path}: video is truncated: its header names {stated:.2f} s, the last frame stands at "
            f"{seconds[-1]:.2f} s; copy it again from its source"
        )


def _matroska_duration_s(stream: av.VideoStream) -> float | None:
    """Return the duration that FFmpeg's and mkvmerge's stream tag states (HH:MM:SS.fraction)."""
    parts = stream.metadata.get("DURATION", "").split(":")
    if len(parts) != 3:
        return None
    hours, minutes, seconds = map(float, parts)
    return 3600 * hours + 60 * minutes + seconds


@dataclass
class _Decoder:
    """Decodes frame ``t``: in order without seeking, else from the keyframe before it."""

    path: Path
    stamps: NDArray[np.int64]
    by_stamp: bool
    _shape: tuple[int, ...] | None = None
    _decoded: Iterator[av.VideoFrame] | None = field(default=None, repr=False)
    _container: av.container.InputContainer | None = field(default=None, repr=False)
    _next: int = 0

    def __call__(self, t: int) -> NDArray[Any]:
        """Return the frame as grey, of 16 bits where its samples have more than 8."""
        try:
            frame = self._find(t)
            is_deep = any(component.bits > 8 for component in frame.format.components)
            pixels = np.asarray(frame.to_ndarray(format="gray16le" if is_deep else "gray"))
        except Exception:
            self._decoded = None  # the decoder's state is unknown now: the next frame starts with a seek
            raise
        self._next = t + 1
        self._shape = self._shape or pixels.shape
        if pixels.shape != self._shape:
            raise self._refusal(
                t, f": is {pixels.shape}, the first frame {self._shape}; sizes must not change"
            )
        return pixels

    def _refusal(self, t: int, why: str) -> InputError:
        return InputError(f"{self.path}: frame {t} of {len(self.stamps)}{why}")

    def _find(self, t: int) -> av.VideoFrame:
        if self._decoded is None or not self._next <= t < self._next + _DECODE_AHEAD:
            self._rewind_before(t)
        assert self._decoded is not None
        for frame in self._decoded:
            if self._is_wanted(frame, t):
                if frame.is_corrupt:
                    raise self._refusal(t, " is damaged")
                return frame
            if self.by_stamp and frame.pts is not None and frame.pts > self.stamps[t]:
                break
        raise self._refusal(t, " is missing; video is damaged")

    def _is_wanted(self, frame: av.VideoFrame, t: int) -> bool:
        if self.by_stamp:
            return bool(frame.pts == self.stamps[t])
        self._next += 1
        return self._next == t + 1

    def _rewind_before(self, t: int) -> None:
        """Put the decoder on the last keyframe at or before frame `t`, or on the start where stamps fail."""
        if self._container is None:
            import av

            self._container = av.open(str(self.path))
            self._container.streams.video[0].thread_type = "AUTO"
        stream = self._container.streams.video[0]
        target = int(self.stamps[t if self.by_stamp else 0])
        self._container.seek(target, stream=stream, backward=True)
        self._decoded = self._container.decode(stream)
        self._next = t if self.by_stamp else 0
