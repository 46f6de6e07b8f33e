"""Options that several commands share, each stated once with its help and its check."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from temtrack.errors import UsageError

DEFAULT_MODEL = "effsam-tiny"
DEFAULT_PROPAGATOR = "deaot-t"

_QUANTITY = re.compile(r"\s*([-+]?[\d.]+(?:e[-+]?\d+)?)\s*(\D*?)\s*", re.IGNORECASE)


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
Device = Annotated[DeviceName, typer.Option("--device", help="Where the model runs.")]
Model = Annotated[
    str,
    typer.Option("--model", help="A model that `temtrack models` lists, or the folder of a training run."),
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of everything random.")]
Json = Annotated[bool, typer.Option("--json", help="Print the results as JSON.")]
