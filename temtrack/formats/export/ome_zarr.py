"""Masks as one OME-Zarr label image of ids, with pixel size and frame time, a chunk for each frame."""

from __future__ import annotations

from pathlib import Path

from temtrack.formats.export import Exporter
from temtrack.formats.export.content import ExportContent, describe_lost_merges
from temtrack.formats.store.atomic import whole_folder
from temtrack.formats.store.zarr_masks import ZarrMasks


def _write(path: Path, content: ExportContent) -> None:
    """Write the image, one mask at a time."""
    with whole_folder(path) as part:
        write = ZarrMasks(part, content.masks, content.tables.calibration)
        for t, labels in enumerate(content.progress(content.masks, "writing")):
            write(t, labels)


EXPORTER = Exporter(_write, (".ome.zarr", ".zarr"), r"0|zarr\.json", describe_lost_merges)
