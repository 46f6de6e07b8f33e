"""Options that several commands share, each stated once with its help and its check."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from temtrack.cli import output
from temtrack.cli.inputs import Shard, parse_shard
from temtrack.errors import UsageError
from temtrack.models.registry import DEFAULT_MODEL as DEFAULT_MODEL

_QUANTITY = re.compile(r"\s*([-+]?[\d.]+(?:e[-+]?\d+)?)\s*(\D*?)\s*", re.IGNORECASE)


_WHOLE = re.compile(r"[-+]?\d{1,18}")


class DeviceName(StrEnum):
    """Where a model runs."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"
    mps = "mps"


def parse_pixel_size(text: str) -> float:
    """Return nanometres from a length such as ``0.21nm``, ``2.1 Å``, ``210pm`` or ``0.00021um``.

    Raises
    ------
    UsageError
        If the text is no positive length with a unit.
    """
    from temtrack.formats.units import length_nm

    return _parse_quantity(text, length_nm, "--pixel-size", "pm, A, nm, um, mm or m, as in 0.21nm")


def parse_scale_bar(text: str) -> float:
    """Return nanometres from the length of a scale bar such as ``50nm`` or ``0.2um``.

    Raises
    ------
    UsageError
        If the text is no positive length with a unit.
    """
    from temtrack.formats.units import length_nm

    return _parse_quantity(text, length_nm, "--scale-bar", "pm, A, nm, um, mm or m, as in 50nm")


def parse_frames(text: str) -> slice:
    """Return the frames that ``0:20``, ``100:``, ``-50:`` or ``::5`` stand for, as in Python.

    Raises
    ------
    UsageError
        If the text is no such slice, or would not go forward in time.
    """
    parts = [part.strip() for part in text.split(":")]
    is_slice = 2 <= len(parts) <= 3 and all(_WHOLE.fullmatch(part) for part in parts if part)
    numbers = [int(part) if part else None for part in parts] if is_slice else [None, None, 0]
    if len(numbers) == 3 and numbers[2] is not None and numbers[2] < 1:
        raise UsageError(
            f"--frames {text!r}: not understood; give FIRST:BEFORE or FIRST:BEFORE:STEP, each a whole number "
            "or left out, STEP above 0: 0:20, 100:, ::5"
        )
    return slice(*numbers)


def parse_frame_time(text: str) -> float:
    """Return seconds from a duration such as ``0.5s``, ``40ms`` or ``2min``.

    Raises
    ------
    UsageError
        If the text is no positive duration with a unit.
    """
    from temtrack.formats.units import duration_s

    return _parse_quantity(text, duration_s, "--frame-time", "us, ms, s, min or h, as in 0.5s")


def _parse_quantity(
    text: str, convert: Callable[[float, str], float | None], option: str, allowed: str
) -> float:
    match = _QUANTITY.fullmatch(text)
    # "1.2.3" has the look of a number and is none
    is_number = match is not None and match[1].count(".") <= 1 and match[1].strip("+-.") != ""
    converted = convert(float(match[1]), match[2]) if match is not None and is_number else None
    if converted is None:
        raise UsageError(f"{option} {text!r}: not understood; give a number above 0 with its unit: {allowed}")
    return converted


def complete_model(typed: str) -> list[str]:
    """Return the names of models that segment and begin as typed, for the shell's completion."""
    from temtrack.models.catalog import SEGMENTING
    from temtrack.models.registry import names_for

    return [name for name in names_for(*SEGMENTING) if name.startswith(typed)]


def complete_tracker(typed: str) -> list[str]:
    """Return the names of what carries ids and begins as typed, for the shell's completion."""
    from temtrack.models.catalog import Kind
    from temtrack.models.registry import names_for

    return [name for name in names_for(Kind.tracker) if name.startswith(typed)]


MasksFolders = Annotated[
    list[str],
    typer.Argument(
        metavar="MASKS...",
        help="Masks folders, of this program or another, or TIFF stacks; - for a list on stdin.",
    ),
]
MovieOfMasks = Annotated[
    str | None,
    typer.Option(
        "--movie",
        metavar="MOVIE",
        help="The movie of the masks, for its pictures, intensities and scale bar.",
        show_default=False,
    ),
]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="DIR", help="Folder for the results.", show_default=False),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite what is there.")]
PixelSize = Annotated[
    float | None,
    typer.Option(
        "--pixel-size",
        parser=parse_pixel_size,
        metavar="LENGTH",
        help="Side of a pixel, as 0.21nm; counts before the file's own.",
        show_default=False,
    ),
]
ScaleBar = Annotated[
    float | None,
    typer.Option(
        "--scale-bar",
        parser=parse_scale_bar,
        metavar="LENGTH",
        help="Length of the scale bar drawn in the image, as 50nm: it is found and measured.",
        show_default=False,
    ),
]
FrameTime = Annotated[
    float | None,
    typer.Option(
        "--frame-time",
        parser=parse_frame_time,
        metavar="DURATION",
        help="Time between two frames, as 0.5s; counts before the file's own.",
        show_default=False,
    ),
]
Frames = Annotated[
    slice | None,
    typer.Option(
        "--frames",
        parser=parse_frames,
        metavar="A:B[:STEP]",
        help="Only a piece of the movie, as 0:20, 100: or ::5; its first becomes frame 0, times stay true.",
        show_default=False,
    ),
]
ShardOf = Annotated[
    Shard | None,
    typer.Option(
        "--shard",
        parser=parse_shard,
        metavar="K/N",
        help="Of many inputs every N-th from the K-th on, as 3/16: the same ones on every machine.",
        show_default=False,
    ),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume", help="Go on where an earlier run of the same command stopped; skip what is done."
    ),
]
KeepGoing = Annotated[
    bool,
    typer.Option("--keep-going/--no-keep-going", help="Of many inputs do the rest where one fails."),
]
MinArea = Annotated[
    float | None,
    typer.Option(
        "--min-area",
        min=0,
        metavar="PX",
        help="Drop particles of fewer pixels. By default those below a twentieth of the typical one.",
        show_default=False,
    ),
]
Device = Annotated[DeviceName, typer.Option("--device", help="Where the model runs.")]
Model = Annotated[
    str,
    typer.Option(
        "--model",
        help="A model that `temtrack models` lists, or the folder of a training run.",
        autocompletion=complete_model,
    ),
]
Tta = Annotated[
    bool,
    typer.Option(
        "--tta/--no-tta",
        help="Test-time augmentation: see each image twice, once shifted; finer, in twice the time.",
    ),
]
Diameter = Annotated[
    str | None,
    typer.Option(
        "--diameter",
        metavar="8px|4nm",
        help="Width of a typical particle, from which follows the size at which the model sees it; found "
        "from the image otherwise.",
        show_default=False,
    ),
]
Rescale = Annotated[
    float | None,
    typer.Option(
        "--rescale",
        metavar="FACTOR",
        help="Factor by which images are resized for the model, in place of --diameter.",
        show_default=False,
    ),
]
KeepAnnotations = Annotated[
    bool,
    typer.Option(
        "--keep-annotations", help="Look for particles in burned-in annotation bars and scale bars too."
    ),
]
Tracker = Annotated[
    str,
    typer.Option(
        "--tracker",
        help="What follows ids from frame to frame: overlap, trackpy, a DeAOT that `temtrack models` lists, "
        "or the folder of its training run.",
        autocompletion=complete_tracker,
    ),
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of everything random.")]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run", help="Only show which inputs would be done, into which outputs, with which options."
    ),
]
Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose",
        "-v",
        callback=lambda wanted: wanted and output.set_verbose(True),
        help="Tell what is decided: model, device, scale; and how long each stage takes.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the results as JSON.")]
JsonOfInputs = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Print one JSON document, for one input as for many: inputs, each with input, output, state "
        "(done, failed, todo) and what was found; and how many failed.",
    ),
]
