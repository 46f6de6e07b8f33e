"""`temtrack simulate`: make a sintering movie whose truth is known."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar, cast, get_args

import typer

from temtrack.cli import options, output
from temtrack.cli.output import Row
from temtrack.errors import UsageError

if TYPE_CHECKING:
    from temtrack.lineage import Lineage
    from temtrack.simulation.config import Fault

T = TypeVar("T")

#: A smaller field holds no particle, and a field of one pixel makes no ImageJ stack.
_MIN_SIDE_PX = 16


def simulate(
    output_folder: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="DIR", help="Folder for movie and truth.", show_default=False),
    ],
    seed: options.Seed = 0,
    n_frames: Annotated[int, typer.Option("--frames", min=1, help="Number of frames.")] = 60,
    size: Annotated[
        str, typer.Option("--size", metavar="PX", help="Side of the square field, or HEIGHTxWIDTH.")
    ] = "384",
    n_particles: Annotated[
        int, typer.Option("--particles", min=0, help="Particles in the first frame.")
    ] = 30,
    radius_px: Annotated[
        float, typer.Option("--radius", min=2, metavar="PX", help="Their mean radius.")
    ] = 12.0,
    merges: Annotated[
        str, typer.Option("--merges", metavar="K:N,...", help="Merges as PARENTS:EVENTS; none is ''.")
    ] = "2:2,3:1",
    n_cascades: Annotated[
        int, typer.Option("--cascades", min=0, help="Threes that become one in two merges.")
    ] = 0,
    n_dissolutions: Annotated[
        int, typer.Option("--dissolutions", min=0, help="Particles that dissolve.")
    ] = 1,
    n_crossings: Annotated[
        int, typer.Option("--crossings", min=0, help="Pairs that overlap and part again.")
    ] = 1,
    n_touches: Annotated[int, typer.Option("--touches", min=0, help="Pairs that touch and part again.")] = 1,
    n_nucleations: Annotated[int, typer.Option("--nucleations", min=0, help="Particles that nucleate.")] = 0,
    n_entering: Annotated[int, typer.Option("--entering", min=0, help="Particles that enter the field.")] = 0,
    n_leaving: Annotated[int, typer.Option("--leaving", min=0, help="Particles that leave the field.")] = 0,
    drift: Annotated[
        str, typer.Option("--drift", metavar="DY,DX", help="Drift of the specimen in px per frame.")
    ] = "0,0",
    motion_px: Annotated[
        float,
        typer.Option("--motion", min=0, metavar="PX", help="How far particles move about their places."),
    ] = 2.0,
    stride: Annotated[
        int, typer.Option("--stride", min=1, help="Film only every so many-th moment: a slow frame rate.")
    ] = 1,
    flat: Annotated[bool, typer.Option("--flat", help="Flat particles: areas add up at a merge.")] = False,
    lattice: Annotated[
        bool, typer.Option("--lattice", help="A dense film: particles stand on a disordered lattice.")
    ] = False,
    outline_jitter: Annotated[
        float,
        typer.Option("--outline-jitter", min=0, max=0.5, help="Relative change of areas in each frame."),
    ] = 0.0,
    settling: Annotated[
        str,
        typer.Option("--settling", metavar="DY,DX", help="Way in px that the stage creeps, ever slower."),
    ] = "0,0",
    jumps: Annotated[
        list[str] | None,
        typer.Option("--jump", metavar="FRAME:DY,DX", help="The specimen jumps for good; repeatable."),
    ] = None,
    magnification_per_frame: Annotated[
        float, typer.Option("--zoom", help="Relative growth of the picture in each frame.")
    ] = 0.0,
    magnification_steps: Annotated[
        list[str] | None,
        typer.Option("--zoom-step", metavar="FRAME:FACTOR", help="Another magnification; repeatable."),
    ] = None,
    faults: Annotated[
        list[str] | None,
        typer.Option(
            "--fault",
            metavar="FRAME:KIND",
            help="A bad frame: blank, blurred, jolted, double, torn, half-read or dim; repeatable.",
        ),
    ] = None,
    beam_flicker: Annotated[
        float, typer.Option("--beam-flicker", min=0, help="Relative change of the beam in each frame.")
    ] = 0.0,
    edge_columns: Annotated[
        int, typer.Option("--edge-columns", help="White columns at the right edge; negative: black ones.")
    ] = 0,
    dose_e_px: Annotated[
        float, typer.Option("--dose", min=0.01, help="Electrons per pixel and frame.")
    ] = 50.0,
    contrast: Annotated[
        float, typer.Option("--contrast", min=0.001, help="Optical depth in the middle of a mean particle.")
    ] = 0.6,
    dark_field: Annotated[
        bool, typer.Option("--dark-field", help="Bright particles on dark ground.")
    ] = False,
    pixel_size_nm: options.PixelSize = None,
    frame_time_s: options.FrameTime = None,
    force: options.Force = False,
    as_json: options.Json = False,
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
        n_frames=n_frames,
        height=height,
        width=width,
        n_particles=n_particles,
        radius_px=radius_px,
        merges=_parse_merges(merges),
        n_cascades=n_cascades,
        n_dissolutions=n_dissolutions,
        n_crossings=n_crossings,
        n_touches=n_touches,
        n_nucleations=n_nucleations,
        n_entering=n_entering,
        n_leaving=n_leaving,
        motion_px=motion_px,
        stride=stride,
        flat=flat,
        lattice=lattice,
        outline_jitter=outline_jitter,
        drift_px_per_frame=_parse_way("--drift", drift),
        settling_px=_parse_way("--settling", settling),
        jumps=dict(_parse_at("--jump", text, _parse_way) for text in jumps or ()),
        magnification_per_frame=magnification_per_frame,
        magnification_steps=dict(
            _parse_at("--zoom-step", text, _parse_factor) for text in magnification_steps or ()
        ),
        faults=dict(_parse_at("--fault", text, _parse_fault) for text in faults or ()),
        beam_flicker=beam_flicker,
        edge_columns=edge_columns,
        contrast=contrast,
        optics=Optics(dark_field=dark_field),
        detector=Detector(dose_e_px=dose_e_px),
    )
    check_output_folder(output_folder, force)
    movie = simulate_into(
        output_folder,
        seed,
        config,
        output.command_line(),
        pixel_size_nm=pixel_size_nm,
        frame_time_s=frame_time_s,
        progress=output.with_progress,
    )
    rows = _merge_rows(movie.lineage, frame_time_s)
    output.show_rows(rows, as_json=as_json, title="true merges")
    output.tell(
        f"{output_folder}: {len(movie.lineage.tracks)} particles, {len(rows)} merges in {n_frames} frames"
    )


def _merge_rows(lineage: Lineage, frame_time_s: float | None) -> list[Row]:
    rows: list[Row] = []
    for number, merge in enumerate(lineage.merges, start=1):
        time_s = None if frame_time_s is None else merge.frame * frame_time_s
        rows.append({"event_id": number, "time_s": time_s, **merge.as_row()})
    return rows


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
