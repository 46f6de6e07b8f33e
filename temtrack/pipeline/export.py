"""From a masks folder to a file or folder of another program's format."""

from __future__ import annotations

from pathlib import Path

from temtrack.analysis.folder import MasksFolder
from temtrack.analysis.masks import Watch, find_family
from temtrack.errors import UsageError
from temtrack.formats.export import Exporter
from temtrack.formats.export.content import ExportContent
from temtrack.formats.store.atomic import check_output_folder
from temtrack.kinetics.reading import read_run_tables


def check_export(exporter: Exporter, masks: Path, out: Path, force: bool) -> None:
    """Refuse, before any work, a place that cannot take the export; make the folder around it.

    Raises
    ------
    UsageError
        Where it lies among the masks, where an image would be taken for a mask, or has a wrong name.
    OutputError
        Where it cannot be written to, or something is there that may not be overwritten.
    """
    if masks.resolve() in (out.resolve(), *out.resolve().parents):
        raise UsageError(
            f"-o {out}: lies in {masks}, where it could be taken for masks; choose another place"
        )
    check_output_folder(out.parent, force=True)
    exporter.TARGET.check(out, force)


def read_export(
    folder: MasksFolder,
    pixel_size_nm: float | None,
    frame_time_s: float | None,
    command: str,
    watch: Watch = iter,
) -> ExportContent:
    """Read all that is exported; measure what no table beside the masks tells.

    Raises
    ------
    InputError
        Where masks or tables cannot be read.
    """
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
        facts=folder.metadata(tables.calibration, command),
    )
