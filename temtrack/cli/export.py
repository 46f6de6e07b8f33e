"""`temtrack export`: tracked particles for other programs."""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from temtrack.cli import options, output
from temtrack.errors import UsageError

if TYPE_CHECKING:
    from temtrack.analysis.folder import MasksFolder
    from temtrack.analysis.masks import Watch
    from temtrack.formats.export.content import ExportContent


class ExportFormat(StrEnum):
    """What particles, tracks and merges are written as."""

    geff = "geff"
    napari = "napari"
    trackmate = "trackmate"
    ome_tiff = "ome-tiff"
    ctc = "ctc"
    coco = "coco"
    csv = "csv"


def export(
    masks: Annotated[
        Path,
        typer.Argument(metavar="MASKS", help="A masks folder, of this program or another, or a TIFF stack."),
    ],
    to: Annotated[ExportFormat, typer.Option("--to", help="The format.")],
    out: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="A file for trackmate (.xml), ome-tiff (.ome.tif) and coco (.json), else a folder.",
        ),
    ],
    pixel_size: options.PixelSize = None,
    frame_time: options.FrameTime = None,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Write masks, tracks and merges for other programs.

    All parents of a merge are kept where the format can hold them: geff,
    napari, trackmate, csv. Tables beside the masks are used, and measured
    anew where they are missing.
    """
    from temtrack.analysis.folder import open_masks_folder
    from temtrack.formats.export import find_exporter

    exporter = find_exporter(to.value)
    _check_place(masks, out)
    exporter.TARGET.check(out, force)
    folder = open_masks_folder(masks)
    watch = partial(output.with_progress, description="measuring", total=len(folder.masks))
    content = _gather(folder, pixel_size, frame_time, watch)
    watch = partial(output.with_progress, description="writing", total=len(folder.masks), unit="frames")
    exporter.write_export(out, content, watch)
    _show(to, out, content, as_json)
    for loss in exporter.describe_losses(content):
        output.warn(loss)
    _warn_of_gaps(content)


def _check_place(masks: Path, out: Path) -> None:
    """Refuse a place among the masks, where an image would be taken for a mask; make the folder around it."""
    from temtrack.formats.atomic import check_output_folder

    if masks.resolve() in (out.resolve(), *out.resolve().parents):
        raise UsageError(
            f"-o {out}: lies in {masks}, where it could be taken for masks; choose another place"
        )
    check_output_folder(out.parent, force=True)


def _gather(
    folder: MasksFolder, pixel_size_nm: float | None, frame_time_s: float | None, watch: Watch
) -> ExportContent:
    """Read or measure all that is exported."""
    from temtrack.analysis.kinetics.reading import read_run_tables
    from temtrack.analysis.masks import find_family
    from temtrack.formats.export.content import ExportContent

    tables = read_run_tables(folder, pixel_size_nm, frame_time_s, watch=watch)
    return ExportContent(
        particles=tables.particles.sort_values(["frame", "particle_id"], ignore_index=True),
        tracks=tables.tracks,
        frames=tables.frames,
        merges=tables.merges,
        masks=find_family(folder.masks)[0] if tables.has_own_ids else folder.masks,
        field_px=(folder.masks.height, folder.masks.width),
        calibration=tables.calibration,
        source=Path(folder.facts.get("movie", folder.path)),
        facts=folder.metadata(tables.calibration, output.command_line()),
    )


def _show(to: ExportFormat, out: Path, content: ExportContent, as_json: bool) -> None:
    row = {
        "format": to.value,
        "path": str(out),
        "frames": content.n_frames,
        "masks": len(content.particles),
        "tracks": len(content.tracks),
        "merges": len(content.merges),
    }
    if as_json:
        output.show_json(row)
    else:
        output.show_rows([row], as_json=False)


def _warn_of_gaps(content: ExportContent) -> None:
    """Say what an importer would miss, and how it is given."""
    if len(content.particles) == 0:
        output.warn("the masks hold no particle in any frame; the export is empty")
    if content.graph.n_unseen:
        output.warn(f"{content.graph.n_unseen} parents of lineage.json are in no mask before their child")
    if content.pixel_size_nm is None:
        output.tell("pixel size unknown: lengths are in pixels; give --pixel-size 0.21nm, say")
    if content.seconds is None:
        output.tell("frame times unknown: times are in frames; give --frame-time 0.5s, say")
