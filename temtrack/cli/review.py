"""`temtrack review`: look at a run, doubt it and mend it, on a page of this machine."""

from __future__ import annotations

from pathlib import Path

import typer

from temtrack.cli import output
from temtrack.cli.options import Device, command
from temtrack.pipeline.options import SegmentOptions


@command(
    masks=typer.Argument(metavar="MASKS", help="Masks folder of a run, of this program or another."),
    port=typer.Option("--port", min=0, max=65535, help="Port of the page; 0 takes a free one."),
)
def review(
    masks: Path,
    movie: str | None = None,
    model: str = SegmentOptions.model,
    device: Device = "auto",
    port: int = 0,
) -> None:
    """Look at a run, doubt it and mend it, on a page of this machine.

    The address that is shown opens the page in any browser; nothing leaves
    the machine, and through ssh -L it opens elsewhere. First comes what is most
    doubtful and changes most. Each correction is in corrections.jsonl beside
    the masks at once; `temtrack correct` makes the corrected run of it. The
    model outlines what a person points at or draws a box around.
    """
    from temtrack.pipeline.review import serve_review

    with serve_review(masks, movie, port, output.with_progress, model, device) as (address, serve):
        output.show_text(address)
        output.tell("the page is open until Ctrl-C; corrections are saved as they are made")
        serve()
