"""The options of commands: each that several share stands here once, with its help and its check.

A command names dataclasses of options in its signature, and `command` makes options of their fields::

    @command(overlay=typer.Option("--overlay", metavar="FILE.mp4", help="Draw the masks into this film."))
    def track(movies: list[str], how: TrackOptions, overlay: Path | None = None) -> None: ...
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

import typer

from temtrack.cli import output
from temtrack.cli.inputs import parse_shard
from temtrack.cli.quantities import (
    parse_frame_time,
    parse_frames,
    parse_heater_offset,
    parse_idle,
    parse_pixel_size,
    parse_scale_bar,
)

#: Where a model runs.
Device = Literal["auto", "cpu", "cuda", "mps"]


def _read_points(text: str) -> object:
    from temtrack.formats.prompts import read_points  # to parse a command line takes no arrays

    return read_points(Path(text))


def _read_boxes(text: str) -> object:
    from temtrack.formats.prompts import read_boxes

    return read_boxes(Path(text))


def _read_prompts(text: str) -> object:
    from temtrack.formats.prompts import read_prompts

    return read_prompts(Path(text))


def complete_model(typed: str) -> list[str]:
    """Return the names of models that segment and begin as typed, for the shell's completion."""
    from temtrack.models.catalog import SEGMENTING

    return _complete(typed, *SEGMENTING)


def complete_tracker(typed: str) -> list[str]:
    """Return the names of what carries ids and begins as typed, for the shell's completion."""
    from temtrack.models.catalog import Kind

    return _complete(typed, Kind.tracker)


def _complete(typed: str, *kinds: Any) -> list[str]:
    from temtrack.models.registry import names_for

    return [name for name in names_for(*kinds) if name.startswith(typed)]


def _be_verbose(wanted: bool) -> None:
    if wanted:  # else it stays as it was said before the command's name
        output.set_verbose(True)


#: What the commands take that look at masks.
MASKS = typer.Argument(
    metavar="MASKS...",
    help="Masks folders, of this program or another, OME-Zarr or TIFF stacks; - for a list on stdin.",
)

#: The options that commands share and those of the stages, by parameter or field, in the order of every help.
OPTIONS = {
    "out": typer.Option("--output", "-o", metavar="DIR", help="Folder for the results."),
    "movie": typer.Option(
        "--movie",
        metavar="MOVIE",
        help="The movie of the masks, for its pictures, intensities, edges and scale bar.",
    ),
    "model": typer.Option(
        "--model",
        help="A model that `temtrack models` lists, or the folder of a training run.",
        autocompletion=complete_model,
    ),
    "tta": typer.Option(
        "--tta/--no-tta",
        help="Test-time augmentation: see each image twice, once shifted; finer, in twice the time. Without "
        "either, a movie is seen once where that shows the same.",
    ),
    "diameter": typer.Option(
        "--diameter",
        metavar="8px|4nm",
        help="Width of a typical particle, from which follows the size at which the model sees it; found "
        "from the image otherwise.",
    ),
    "rescale": typer.Option(
        "--rescale",
        metavar="FACTOR",
        help="Factor by which images are resized for the model, in place of --diameter.",
    ),
    "polarity": typer.Option(
        "--polarity", help="Whether particles are dark or bright; auto lets the image decide."
    ),
    "points": typer.Option(
        "--points",
        parser=_read_points,
        metavar="CSV",
        help="Only the particles at these points (columns x,y or y_px,x_px in px).",
    ),
    "boxes": typer.Option(
        "--boxes",
        parser=_read_boxes,
        metavar="CSV",
        help="Only those in these boxes (columns x0,y0,x1,y1 in px).",
    ),
    "prompts": typer.Option(
        "--prompts",
        parser=_read_prompts,
        metavar="CSV",
        help="Only the particles at these points (columns frame,y_px,x_px) or in these boxes "
        "(frame,y0,x0,y1,x1), with what they come from, become and merge with.",
    ),
    "first_mask": typer.Option(
        "--first-mask",
        metavar="TIFF|PNG",
        help="Only the particles that this mask outlines in the first frame, with their families.",
    ),
    "corrections": typer.Option(
        "--corrections",
        metavar="MASKS",
        help="A reviewed run of this movie: frames that were corrected, or said to be right, are taken from "
        "it in place of the model's.",
    ),
    "min_area_px": typer.Option(
        "--min-area",
        min=0,
        metavar="PX",
        help="Drop particles of fewer pixels. By default those below a twentieth of the typical one.",
    ),
    "min_score": typer.Option(
        "--min-score",
        min=0,
        max=1,
        help="Drop particles that the model is less sure of. Those without a score stay.",
    ),
    "tracker": typer.Option(
        "--tracker",
        help="What follows ids from frame to frame: overlap, trackpy, a DeAOT that `temtrack models` lists, "
        "or the folder of its training run.",
        autocompletion=complete_tracker,
    ),
    "n_neighbours": typer.Option(
        "--neighbours",
        min=0,
        max=4,
        help="Frames on either side whose means a network is shown with each, where they show the same.",
    ),
    "every_frame": typer.Option(
        "--every-frame",
        help="Let the model see the whole of every frame, also where a movie stands still.",
    ),
    "follow": typer.Option(
        "--follow",
        help="Take frames as they come, of a folder that an instrument fills or a TIFF or MRC file that "
        "grows, and tell of merges; until Ctrl-C, --idle, or a file called stop in DIR.",
    ),
    "idle_s": typer.Option(
        "--idle",
        parser=parse_idle,
        metavar="DURATION",
        help="With --follow: the movie has ended where no frame comes for so long, as 10min.",
    ),
    "max_gap_frames": typer.Option(
        "--max-gap", min=0, help="Frames through which a particle is followed unseen."
    ),
    "masks": typer.Option("--masks", metavar="DIR", help="Segmented frames to use in place of a model."),
    "overlay": typer.Option(
        "--overlay", metavar="FILE.mp4", help="Draw contours, ids and merges on the movie into this film."
    ),
    "pixel_size_nm": typer.Option(
        "--pixel-size",
        parser=parse_pixel_size,
        metavar="LENGTH",
        help="Side of a pixel, as 0.21nm; counts before the file's own.",
    ),
    "scale_bar_nm": typer.Option(
        "--scale-bar",
        parser=parse_scale_bar,
        metavar="LENGTH",
        help="Length of the scale bar drawn in the image, as 50nm: it is found and measured.",
    ),
    "frame_time_s": typer.Option(
        "--frame-time",
        parser=parse_frame_time,
        metavar="DURATION",
        help="Time between two frames, as 0.5s; counts before the file's own.",
    ),
    "frames": typer.Option(
        "--frames",
        parser=parse_frames,
        metavar="A:B[:STEP]",
        help="Only a piece of the movie, as 0:20, 100: or ::5; its first becomes frame 0, times stay true.",
    ),
    "min_confidence": typer.Option(
        "--min-confidence",
        metavar="0-1",
        help="Leave out merges of a lower confidence: parents then are lost, and the child appeared.",
    ),
    "exclude_frames": typer.Option(
        "--exclude-frames", metavar="A,B:C", help="Frames to leave out, as 0:5,17 for 0 to 4 and 17."
    ),
    "exclude_ids": typer.Option(
        "--exclude-ids", metavar="A,B:C", help="Particles to leave out, by their ids, as 3,17."
    ),
    "min_diameter": typer.Option(
        "--min-diameter", metavar="8px|4nm", help="Leave particles out while they are smaller."
    ),
    "material": typer.Option(
        "--material", metavar="Pt", help="Metal of the particles, for their atoms and surface."
    ),
    "log": typer.Option(
        "--log",
        metavar="FILE.csv",
        help="What else was logged, with a column 'time (s)' on the movie's clock: rates over each column.",
    ),
    "sensitivity": typer.Option(
        "--sensitivity",
        help="Tell how far quantities move without doubtful merges, small particles or first frames.",
    ),
    "heater_log": typer.Option(
        "--heater-log",
        metavar="FILE",
        help="Log of the heater (DENSsolutions, Protochips, others by --heater-columns); of several runs one "
        "for each, or one for all.",
    ),
    "heater_columns": typer.Option(
        "--heater-columns",
        metavar="TIME,TEMPERATURE",
        help="Columns of another program's log, as 'Elapsed [s],Temp [C]' or 'Date,Time,Temp [C]'.",
    ),
    "heater_offset_s": typer.Option(
        "--heater-offset",
        parser=parse_heater_offset,
        metavar="DURATION",
        help="Time of the log at the movie's 0 s, as 12.5s or -3s, beyond what their clocks tell.",
    ),
    "keep_annotations": typer.Option(
        "--keep-annotations",
        help="Look for particles in burned-in annotation bars, scale bars and letters too.",
    ),
    "device": typer.Option("--device", help="Where the model runs."),
    "seed": typer.Option("--seed", min=0, help="Seed of everything random."),
    "resume": typer.Option(
        "--resume", help="Go on where an earlier run of the same command stopped; skip what is done."
    ),
    "shard": typer.Option(
        "--shard",
        parser=parse_shard,
        metavar="K/N",
        help="Of many inputs every N-th from the K-th on, as 3/16: the same ones on every machine.",
    ),
    "keep_going": typer.Option(
        "--keep-going/--no-keep-going", help="Of many inputs do the rest where one fails."
    ),
    "force": typer.Option("--force", help="Overwrite what is there."),
    "dry_run": typer.Option(
        "--dry-run", help="Only show which inputs would be done, into which outputs, with which options."
    ),
    "as_json": typer.Option(
        "--json",
        help="Print one JSON document, for one input as for many: inputs, each with input, output, state "
        "(done, failed, todo) and what was found; and how many failed.",
    ),
    "rows_as_json": typer.Option("--json", help="Print the results as JSON."),
    "verbose": typer.Option(
        "--verbose",
        "-v",
        callback=_be_verbose,
        help="Tell what is decided: model, device, scale; and how long each stage takes.",
    ),
}


def command(**own: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that makes a function a command, with the fields of dataclasses among its options.

    Of a dataclass in the signature each field becomes an option that is described and that the function does
    not take itself; type and default are those of the field. Every command takes ``--verbose``.

    Parameters
    ----------
    own
        By parameter or field, what only this command takes, or tells otherwise than `OPTIONS`; it comes first
        in the help, in this order.
    """
    described, places = OPTIONS | own, list(own | OPTIONS)

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        taken, hints = signature(function).parameters, get_type_hints(function)
        groups: dict[str, list[str]] = {}
        found: list[tuple[str, Any, Any]] = []
        for name, parameter in taken.items():
            kind = hints[name]
            if not is_dataclass(kind):
                found.append((name, kind, parameter.default))
                continue
            types = get_type_hints(kind)
            held = [f for f in fields(kind) if f.name in described and f.name not in taken]
            groups[name] = [field.name for field in held]
            found += [(field.name, types[field.name], field.default) for field in held]

        found.append(("verbose", bool, False))

        @wraps(function)
        def run(**given: Any) -> None:
            given.pop("verbose", None)  # its own callback has handled it
            for name, held in groups.items():
                given[name] = hints[name](**{field: given.pop(field) for field in held})
            function(**given)

        found.sort(key=lambda one: places.index(one[0]))
        run.__signature__ = Signature(  # type: ignore[attr-defined]
            [
                Parameter(
                    name,
                    Parameter.KEYWORD_ONLY,
                    default=default,
                    annotation=Annotated[kind, described[name]],
                )
                for name, kind, default in found
            ]
        )
        return run

    return decorate
