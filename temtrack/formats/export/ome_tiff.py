"""Masks as one OME-TIFF stack of ids, with pixel size and frame times."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import numpy as np
import tifffile

from temtrack.formats.export import Exporter
from temtrack.formats.export.content import ExportContent, describe_lost_merges
from temtrack.formats.store.atomic import whole_file

#: A classic TIFF has 32-bit offsets; some room is left for tags and the OME text.
_MAX_CLASSIC_BYTES = 2**32 - 2**25


def _write(path: Path, content: ExportContent) -> None:
    """Write a stack (T, Y, X) of uint16, or uint32 where an id is above 65,535, one mask at a time."""
    highest = content.particles["particle_id"].max() if len(content.particles) else 0
    dtype = np.dtype(np.uint16 if highest <= np.iinfo(np.uint16).max else np.uint32)
    shape = (content.n_frames, *content.tables.field_px)
    is_big = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize > _MAX_CLASSIC_BYTES
    with whole_file(path) as part, tifffile.TiffWriter(part, ome=True, bigtiff=is_big) as writer:
        writer.write(
            (labels.astype(dtype) for labels in content.progress(content.masks, "writing")),
            shape=shape,
            dtype=dtype,
            compression="zlib",
            photometric="minisblack",
            metadata=_metadata(content),
        )


def _metadata(content: ExportContent) -> dict[str, Any]:
    """Return what OME tells of the stack; a time of each plane, and one interval where frames are even."""
    told = json.dumps([content.source.name, *sorted(content.facts.items())])
    # not one of the moment: the same masks give the same bytes
    identity = f"urn:uuid:{uuid5(NAMESPACE_OID, told)}"
    metadata: dict[str, Any] = {"axes": "TYX", "Name": content.source.name, "UUID": identity}
    if content.pixel_size_nm is not None:
        for axis in "XY":
            metadata[f"PhysicalSize{axis}"] = content.pixel_size_nm
            metadata[f"PhysicalSize{axis}Unit"] = "nm"
    if content.interval_s is not None:
        metadata |= {"TimeIncrement": content.interval_s, "TimeIncrementUnit": "s"}
    if content.seconds is not None:
        times = content.seconds.tolist()
        metadata["Plane"] = {"DeltaT": times, "DeltaTUnit": ["s"] * len(times)}
    return metadata


EXPORTER = Exporter(_write, (".ome.tif", ".ome.tiff"), describe_losses=describe_lost_merges)
