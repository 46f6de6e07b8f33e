"""`temtrack simulate`: make a sintering movie whose truth is known."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast, get_args

import typer

from temtrack.cli import output
from temtrack.cli.command_line import request
from temtrack.cli.options import OPTIONS, command
from temtrack.errors import UsageError

if TYPE_CHECKING:
    from temtrack.simulation.config import Fault

T = TypeVar("T")

#: A smaller field holds no particle, and a field of one pixel makes no ImageJ stack.
_MIN_SIDE_PX = 16


@dataclass(frozen=True)
class MovieNumbers:
    """The numbers of a `MovieConfig` that stand alone, with a few events of each common kind."""

    n_frames: int = 60
    n_particles: int = 30
    radius_px: float = 12.0
    n_cascades: int = 0
    n_dissolutions: int = 1
    n_crossings: int = 1
    n_touches: int = 1
    n_nucleations: int = 0
    n_entering: int = 0
    n_leaving: int = 0
    motion_px: float = 2.0
    stride: int = 1
    flat: bool = False
    lattice: bool = False
    outline_jitter: float = 0.0
    magnification_per_frame: float = 0.0
    beam_flicker: float = 0.0
    edge_columns: int = 0
    contrast: float = 0.6


@command(
    out=typer.Option("--output", "-o", metavar="DIR", help="Folder for movie and truth."),
    seed=OPTIONS["seed"],
    n_frames=typer.Option("--frames", min=1, help="Number of frames."),
    size=typer.Option("--size", metavar="PX", help="Side of the square field, or HEIGHTxWIDTH."),
    n_particles=typer.Option("--particles", min=0, help="Particles in the first frame."),
    radius_px=typer.Option("--radius", min=2, metavar="PX", help="Their mean radius."),
    merges=typer.Option("--merges", metavar="K:N,...", help="Merges as PARENTS:EVENTS; none is ''."),
    n_cascades=typer.Option("--cascades", min=0, help="Threes that become one in two merges."),
    n_dissolutions=typer.Option("--dissolutions", min=0, help="Particles that dissolve."),
    n_crossings=typer.Option("--crossings", min=0, help="Pairs that overlap and part again."),
    n_touches=typer.Option("--touches", min=0, help="Pairs that touch and part again."),
    n_nucleations=typer.Option("--nucleations", min=0, help="Particles that nucleate."),
    n_entering=typer.Option("--entering", min=0, help="Particles that enter the field."),
    n_leaving=typer.Option("--leaving", min=0, help="Particles that leave the field."),
    drift=typer.Option("--drift", metavar="DY,DX", help="Drift of the specimen in px per frame."),
    motion_px=typer.Option(
        "--motion", min=0, metavar="PX", help="How far particles move about their places."
    ),
    stride=typer.Option("--stride", min=1, help="Film only every so many-th moment: a slow frame rate."),
    flat=typer.Option("--flat", help="Flat particles: areas add up at a merge."),
    lattice=typer.Option("--lattice", help="A dense film: particles stand on a disordered lattice."),
    outline_jitter=typer.Option(
        "--outline-jitter", min=0, max=0.5, help="Relative change of areas in each frame."
    ),
    settling=typer.Option(
        "--settling", metavar="DY,DX", help="Way in px that the stage creeps, ever slower."
    ),
    jumps=typer.Option("--jump", metavar="FRAME:DY,DX", help="The specimen jumps for good; repeatable."),
    magnification_per_frame=typer.Option("--zoom", help="Relative growth of the picture in each frame."),
    magnification_steps=typer.Option(
        "--zoom-step", metavar="FRAME:FACTOR", help="Another magnification; repeatable."
    ),
    faults=typer.Option(
        "--fault",
        metavar="FRAME:KIND",
        help="A bad frame: blank, blurred, jolted, double, torn, half-read or dim; repeatable.",
    ),
    beam_flicker=typer.Option("--beam-flicker", min=0, help="Relative change of the beam in each frame."),
    edge_columns=typer.Option(
        "--edge-columns", help="White columns at the right edge; negative: black ones."
    ),
    dose_e_px=typer.Option("--dose", min=0.01, help="Electrons per pixel and frame."),
    contrast=typer.Option("--contrast", min=0.001, help="Optical depth in the middle of a mean particle."),
    dark_field=typer.Option("--dark-field", help="Bright particles on dark ground."),
)
def simulate(
    out: Path,
    numbers: MovieNumbers,
    seed: int = 0,
    size: str = "384",
    merges: str = "2:2,3:1",
    drift: str = "0,0",
    settling: str = "0,0",
    jumps: list[str] | None = None,
    magnification_steps: list[str] | None = None,
    faults: list[str] | None = None,
    dose_e_px: float = 50.0,
    dark_field: bool = False,
    pixel_size_nm: float | None = None,
    frame_time_s: float | None = None,
    force: bool = False,
    rows_as_json: bool = False,
) -> None:
    """Make a sintering movie whose truth is known.

    Writes movie.tif, run.json, and into truth/ the masks, res_track.txt and
    lineage.json; prints the true merges.
    """
    from temtrack.formats.store.atomic import check_output_folder
    from temtrack.pipeline.simulate import simulate_into
    from temtrack.simulation.config import MovieConfig
    from temtrack.simulation.imaging import Detector, Optics

    height, width = _parse_size(size)
    config = MovieConfig(
        **asdict(numbers),
        height=height,
        width=width,
        merges=_parse_merges(merges),
        drift_px_per_frame=_parse_way("--drift", drift),
        settling_px=_parse_way("--settling", settling),
        jumps=dict(_parse_at("--jump", text, _parse_way) for text in jumps or ()),
        magnification_steps=dict(
            _parse_at("--zoom-step", text, _parse_factor) for text in magnification_steps or ()
        ),
        faults=dict(_parse_at("--fault", text, _parse_fault) for text in faults or ()),
        optics=Optics(dark_field=dark_field),
        detector=Detector(dose_e_px=dose_e_px),
    )
    check_output_folder(out, force)
    movie = simulate_into(out, seed, config, request(), pixel_size_nm, frame_time_s)
    rows = [
        {"event_id": number, "time_s": frame_time_s and merge.frame * frame_time_s, **merge.as_row()}
        for number, merge in enumerate(movie.lineage.merges, start=1)
    ]
    output.show_rows(rows, as_json=rows_as_json, title="true merges")
    output.tell(
        f"{out}: {len(movie.lineage.tracks)} particles, {len(rows)} merges in {numbers.n_frames} frames"
    )


def _parse_size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,5})(?:x(\d{1,5}))?", text.strip())
    height, width = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if min(height, width) < _MIN_SIDE_PX:
        allowed = f"px from {_MIN_SIDE_PX} on, as 384, or HEIGHTxWIDTH as 384x512"
        raise UsageError(f"--size {text!r}: not understood or too small; give {allowed}")
    return height, width


def _parse_merges(text: str) -> dict[int, int]:
    if not text.strip():
        return {}
    if not re.fullmatch(r"\d{1,3}:\d{1,4}(,\d{1,3}:\d{1,4})*", text.strip()):
        raise UsageError(f"--merges {text!r}: not understood; give PARENTS:EVENTS as in 2:2,3:1")
    merges: dict[int, int] = {}
    for part in text.strip().split(","):
        parents, events = (int(number) for number in part.split(":"))
        merges[parents] = merges.get(parents, 0) + events
    return merges


def _parse_way(option: str, text: str) -> tuple[float, float]:
    try:
        dy, dx = (float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(
            f"{option} {text!r}: not understood; give two numbers of px as in 0.2,-0.1"
        ) from None
    return dy, dx


def _parse_factor(option: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"{option} {text!r}: not understood; give a number as in 0.9") from None


def _parse_fault(option: str, text: str) -> Fault:
    from temtrack.simulation.config import Fault

    if text in get_args(Fault):
        return cast("Fault", text)
    raise UsageError(f"{option} {text!r}: no such fault; it can be {', '.join(get_args(Fault))}")


def _parse_at(option: str, text: str, parse: Callable[[str, str], T]) -> tuple[int, T]:
    """Parse FRAME:VALUE."""
    frame, colon, value = text.partition(":")
    if not (colon and frame.strip().isdecimal()):
        raise UsageError(f"{option} {text!r}: not understood; give FRAME:VALUE, frames from 0 on")
    return int(frame), parse(option, value.strip())
