"""Scale and frame interval that a TIFF file states, in the words of ImageJ, OME and DigitalMicrograph.

The resolution tags alone are no scale: printers and screens put 72, 96 or 300 dpi there.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from temtrack.calibration import FrameTimes, PixelSize
from temtrack.formats.clock import read_clock
from temtrack.formats.readers.calibration import even_times, pixel_size_along_x
from temtrack.formats.units import length_nm

if TYPE_CHECKING:
    import tifffile

# DigitalMicrograph's export: units (ASCII) and steps (float) of the axes x, y and z.
_DM_UNIT_X, _DM_UNIT_Z = 65003, 65005
_DM_STEP_X, _DM_STEP_Y, _DM_STEP_Z = 65009, 65010, 65011


def read_pixel_size(tif: tifffile.TiffFile) -> PixelSize | None:
    """Return the pixel size along x, ``None`` where the file states none in a unit of length."""
    tags = tif.pages[0].tags
    if tif.is_imagej:
        unit, source = (tif.imagej_metadata or {}).get("unit", ""), "ImageJ XResolution and unit"
        steps = [_step(tif, name) for name in ("XResolution", "YResolution")]
    elif tif.is_ome:
        pixels, source = _ome_pixels(tif), "OME PhysicalSizeX"
        unit = pixels.get("PhysicalSizeXUnit", "µm")
        steps = [float(pixels.get(f"PhysicalSize{axis}", "nan")) for axis in "XY"]
    else:
        unit, source = tags.valueof(_DM_UNIT_X, ""), "DigitalMicrograph tags"
        steps = [float(tags.valueof(tag, 0)) for tag in (_DM_STEP_X, _DM_STEP_Y)]
    return pixel_size_along_x((length_nm(step, str(unit)) for step in steps), source)


def read_times(tif: tifffile.TiffFile, n_frames: int) -> FrameTimes | None:
    """Return the times of the frames, ``None`` where the file states no interval in a unit of time."""
    if tif.is_imagej:
        facts = tif.imagej_metadata or {}
        step, unit, source = facts.get("finterval", 0), facts.get("tunit", "s"), "ImageJ finterval"
    elif tif.is_ome:
        pixels = _ome_pixels(tif)
        step, unit = pixels.get("TimeIncrement", "nan"), pixels.get("TimeIncrementUnit", "s")
        source = "OME TimeIncrement"
    else:
        tags = tif.pages[0].tags
        step, unit, source = (
            tags.valueof(_DM_STEP_Z, 0),
            tags.valueof(_DM_UNIT_Z, ""),
            "DigitalMicrograph tags",
        )
    return even_times(n_frames, float(step), str(unit), source)


def read_start(tif: tifffile.TiffFile) -> datetime | None:
    """Return the clock at the start of acquisition, ``None`` where the file does not tell it."""
    if not tif.is_ome:
        return None
    root = ElementTree.fromstring(tif.ome_metadata)
    told = next((e.text for e in root.iter() if e.tag.rpartition("}")[2] == "AcquisitionDate"), None)
    return read_clock(told or "")


def _step(tif: tifffile.TiffFile, tag: str) -> float:
    """Return the length of a pixel by a resolution tag, a fraction of pixels per length; 0 if missing."""
    pixels, units = tif.pages[0].tags.valueof(tag, (0, 0))
    return units / pixels if pixels else 0.0


def _ome_pixels(tif: tifffile.TiffFile) -> dict[str, str]:
    """Return the attributes of the first ``Pixels`` element."""
    root = ElementTree.fromstring(tif.ome_metadata)
    return next((e.attrib for e in root.iter() if e.tag.rpartition("}")[2] == "Pixels"), {})
