"""`temtrack info`: what temtrack understands of a movie, and where each number comes from."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import typer

from temtrack.cli import output
from temtrack.cli.inputs import Job, gather
from temtrack.cli.options import command
from temtrack.cli.output import Row
from temtrack.cli.runner import RunOptions, Task, run_each, show_lines

if TYPE_CHECKING:
    from temtrack.calibration import FrameTimes
    from temtrack.movie import Movie


@command(
    movies=typer.Argument(
        metavar="MOVIE...", help="Files, folders or quoted glob patterns; - for a list on stdin."
    )
)
def info(
    movies: list[str],
    pixel_size_nm: float | None = None,
    scale_bar_nm: float | None = None,
    frame_time_s: float | None = None,
    shard: slice | None = None,
    keep_going: bool = True,
    as_json: bool = False,
) -> None:
    """Show what is understood of movies: frames, type, scale, frame times, and where each comes from.

    Only the first frame is read, and of a folder of images the size of each.
    """
    from temtrack.formats.readers import read_format, read_movie
    from temtrack.pipeline.unfit import tell_other_sizes, why_unfit

    chosen = gather(movies, shard)

    def look(job: Job) -> Row:
        movie = read_movie(job.source, pixel_size_nm, frame_time_s, scale_bar_nm)
        for reason in filter(None, (why_unfit(movie), tell_other_sizes(movie))):
            output.tell(f"{movie.path}: {reason}")
        if job.alone and movie.pixel_size is None:
            output.tell("pixel size unknown: the file states none; give --pixel-size 0.21nm, say")
        if job.alone and movie.frame_times is None and movie.n_frames > 1:
            output.tell("frame times unknown: the file states none; give --frame-time 0.5s, say")
        return _describe(movie, read_format(job.source))

    task = Task(None, load=lambda: look, show=show_lines if chosen.many else _show)
    run_each("info", chosen, task, RunOptions(keep_going=keep_going, as_json=as_json))


def _describe(movie: Movie, format_name: str) -> Row:
    """Return the facts by name, ``None`` where the file states none; units stand in the names."""
    scale, times, dose = movie.pixel_size, movie.frame_times, movie.calibration.dose_rate
    return {
        "format": format_name,
        "n_frames": movie.n_frames,
        "height_px": movie.height,
        "width_px": movie.width,
        "dtype": str(movie.dtype),
        "pixel_size_nm": scale.nm if scale else None,
        "pixel_size_source": scale.source if scale else None,
        "field_width_nm": movie.width * scale.nm if scale else None,
        **_describe_times(times if movie.n_frames > 1 else None),
        "dose_rate_e_px_s": dose.per_px_s if dose else None,
        "dose_rate_source": dose.source if dose else None,
    }


def _describe_times(times: FrameTimes | None) -> Row:
    """Return interval and span; the interval is the median where frames are not evenly spaced."""
    from statistics import median

    seconds = [] if times is None else times.seconds.tolist()
    steps = [after - before for before, after in pairwise(seconds)]
    return {
        "frame_time_s": median(steps) if steps else None,
        "shortest_frame_time_s": min(steps, default=None),
        "longest_frame_time_s": max(steps, default=None),
        "span_s": seconds[-1] - seconds[0] if steps else None,
        "frame_time_source": times.source if times else None,
    }


def _show(rows: Sequence[Row], together: Row) -> None:
    """Lay the facts of the only movie out for a person: what, value with unit, where it comes from."""
    (facts,) = rows
    scale_nm, width_nm = facts["pixel_size_nm"], facts["field_width_nm"]
    shown = [
        ("format", facts["format"], "content"),
        ("frames", str(facts["n_frames"]), "content"),
        ("size", f"{facts['height_px']} x {facts['width_px']} px, {facts['dtype']}", "content"),
        ("pixel size", scale_nm and f"{scale_nm:.5g} nm", facts["pixel_size_source"]),
    ]
    if width_nm is not None:
        shown.append(("field width", f"{width_nm:.4g} nm", "size and pixel size"))
    if facts["n_frames"] > 1:
        shown.append(("frame time", _span(facts), facts["frame_time_source"]))
    if facts["dose_rate_e_px_s"] is not None:
        shown.append(("dose rate", f"{facts['dose_rate_e_px_s']:.5g} e/px/s", facts["dose_rate_source"]))
    lines = [dict(zip(("what", "value", "from"), line, strict=True)) for line in shown]
    output.show_rows(lines, as_json=False, title=facts["input"])


def _span(facts: Row) -> str | None:
    """Write the interval, with its range where frames are not evenly spaced, and the whole span."""
    if facts["frame_time_s"] is None:
        return None
    text = {name: f"{facts[name]:.5g} s" for name in facts if name.endswith(("frame_time_s", "span_s"))}
    shortest, longest = text["shortest_frame_time_s"], text["longest_frame_time_s"]
    varying = "" if shortest == longest else f" ({shortest} to {longest})"
    return f"{text['frame_time_s']}{varying}, {text['span_s']} in all"
