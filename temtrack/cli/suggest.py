"""`temtrack suggest`: which frames of a movie to label."""

from __future__ import annotations

from pathlib import Path

import typer

from temtrack.cli import output
from temtrack.cli.options import Device, command
from temtrack.pipeline.options import SegmentOptions


@command(
    movie=typer.Argument(metavar="MOVIE", help="A stack, video, folder or quoted pattern."),
    n=typer.Option("--n", min=1, metavar="N", help="How many frames."),
)
def suggest(
    movie: Path,
    n: int = 10,
    model: str = SegmentOptions.model,
    polarity: str = SegmentOptions.polarity,
    diameter: str | None = None,
    device: Device = "auto",
    rows_as_json: bool = False,
) -> None:
    """Name the frames of a movie whose labels would teach a model most.

    A frame counts by how much the model doubts its particles, times how far it
    is from the frames named before it, in time and in what it shows. Label
    these, in napari or with temtrack review, and train on them.
    """
    from temtrack.formats.readers import read_movie
    from temtrack.pipeline.suggest import suggest_frames

    options = SegmentOptions(model=model, polarity=polarity, diameter=diameter, tta=False)  # type: ignore[arg-type]
    rows = suggest_frames(read_movie(movie), n, options, device, output.with_progress)
    told = [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]
    output.show_rows(told, as_json=rows_as_json, title="Frames to label")
