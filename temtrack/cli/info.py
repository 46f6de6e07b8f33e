"""`temtrack info`: what temtrack understands of a movie, and where each number comes from."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Annotated

import typer

from temtrack.cli import options, output
from temtrack.cli.batch import Batch, Manner
from temtrack.cli.inputs import Job, gather

if TYPE_CHECKING:
    from temtrack.calibration import FrameTimes
from temtrack.movie import Movie


def info(
    ctx: typer.Context,
    movies: Annotated[
        list[str],
        typer.Argument(
            metavar="MOVIE...", help="Files, folders or quoted glob patterns; - for a list on stdin."
        ),
    ],
    pixel_size: options.PixelSize = None,
    scale_bar: options.ScaleBar = None,
    frame_time: options.FrameTime = None,
    shard: options.ShardOf = None,
    keep_going: options.KeepGoing = True,
    as_json: options.Json = False,
) -> None:
    """Show what is understood of movies: frames, type, scale, frame times, and where each comes from.

    Only the first frame is read.
    """
    from temtrack.formats.readers import format_name, read_movie

    chosen = gather(movies, shard)

    def look(job: Job) -> output.Row:
        movie = read_movie(job.source, pixel_size, frame_time, scale_bar)
        return {"path": str(job.source), **_describe(movie, format_name(job.source))}

    if chosen.many:
        manner = Manner(keep_going=keep_going, as_json=as_json)
        batch = Batch(ctx, chosen, chosen.jobs_without_result(), lambda job: None, manner)
        batch.run(lambda: look)
        batch.show()
        batch.finish()
        return
    path = chosen.only()
    movie = read_movie(path, pixel_size, frame_time, scale_bar)
    facts = _describe(movie, format_name(path))
    if as_json:
        output.show_json({"path": str(path), **facts})
    else:
        output.show_rows(_rows(movie, facts), as_json=False, title=str(path))
    if movie.pixel_size is None:
        output.tell("pixel size unknown: the file states none; give --pixel-size 0.21nm, say")
    if movie.frame_times is None and movie.n_frames > 1:
        output.tell("frame times unknown: the file states none; give --frame-time 0.5s, say")


def _describe(movie: Movie, format_name: str) -> dict[str, object]:
    """Return the facts by name, ``None`` where the file states none; units stand in the names."""
    scale, times = movie.pixel_size, movie.frame_times
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
    }


def _describe_times(times: FrameTimes | None) -> dict[str, object]:
    """Return interval and span; the interval is the median where frames are not evenly spaced."""
    import numpy as np

    if times is None:
        names = (
            "frame_time_s",
            "shortest_frame_time_s",
            "longest_frame_time_s",
            "span_s",
            "frame_time_source",
        )
        return dict.fromkeys(names)
    steps = np.diff(times.seconds)  # numpy's own median would import all of numpy.ma
    return {
        "frame_time_s": median(steps.tolist()),
        "shortest_frame_time_s": float(steps.min()),
        "longest_frame_time_s": float(steps.max()),
        "span_s": float(times.seconds[-1] - times.seconds[0]),
        "frame_time_source": times.source,
    }


def _rows(movie: Movie, facts: dict[str, object]) -> list[output.Row]:
    """Lay the facts out for a person: what, value with unit, where it comes from."""
    scale = movie.pixel_size
    rows: list[output.Row] = [
        {"what": "format", "value": facts["format"], "from": "content"},
        {"what": "frames", "value": str(movie.n_frames), "from": "content"},
        {"what": "size", "value": f"{movie.height} x {movie.width} px, {movie.dtype}", "from": "content"},
        {"what": "pixel size", "value": scale and f"{scale.nm:.5g} nm", "from": facts["pixel_size_source"]},
    ]
    if scale is not None:
        width = f"{movie.width * scale.nm:.4g} nm"
        rows.append({"what": "field width", "value": width, "from": "size and pixel size"})
    if movie.n_frames > 1:
        rows.append({"what": "frame time", "value": _span(facts), "from": facts["frame_time_source"]})
    return rows


def _span(facts: dict[str, object]) -> str | None:
    """Write the interval, with its range where frames are not evenly spaced, and the whole span."""
    if facts["frame_time_s"] is None:
        return None
    text = {name: f"{value:.5g} s" for name, value in facts.items() if name.endswith("_s")}
    shortest, longest = text["shortest_frame_time_s"], text["longest_frame_time_s"]
    varying = "" if shortest == longest else f" ({shortest} to {longest})"
    return f"{text['frame_time_s']}{varying}, {text['span_s']} in all"
