"""Scale and frame interval that a TIFF file states, in the words of ImageJ, OME and DigitalMicrograph.

The resolution tags alone are no scale: printers and screens put 72, 96 or 300 dpi there.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from temtrack.calibration import PixelSize
from temtrack.formats.clock import read_clock
from temtrack.formats.readers.calibration import FrameInterval, frame_interval, pixel_size_along_x
from temtrack.formats.units import length_nm

if TYPE_CHECKING:
    import tifffile

# DigitalMicrograph's export: units (ASCII) and steps (float) of the axes x, y and z.
_DM_UNIT_X, _DM_UNIT_Z = 65003, 65005
_DM_STEP_X, _DM_STEP_Y, _DM_STEP_Z = 65009, 65010, 65011


def read_pixel_size(tif: tifffile.TiffFile) -> PixelSize | None:
    """Return the pixel size along x, ``None`` where the file states none in a unit of length."""
    if tif.is_imagej:
        return _imagej_pixel_size(tif)
    if tif.is_ome:
        pixels = _ome_pixels(tif)
        step = float(pixels.get("PhysicalSizeX", "nan"))
        step_y = float(pixels.get("PhysicalSizeY", step))
        return _pixel_size(step, step_y, pixels.get("PhysicalSizeXUnit", "µm"), "OME PhysicalSizeX")
    tags = tif.pages[0].tags
    if _DM_STEP_X in tags and _DM_UNIT_X in tags:
        step_x, step_y = float(tags.valueof(_DM_STEP_X)), float(tags.valueof(_DM_STEP_Y))
        return _pixel_size(step_x, step_y, str(tags.valueof(_DM_UNIT_X)), "DigitalMicrograph tags")
    return None


def read_frame_interval(tif: tifffile.TiffFile) -> FrameInterval | None:
    """Return the time between frames, ``None`` where the file states none in a unit of time."""
    if tif.is_imagej:
        facts = tif.imagej_metadata or {}
        return frame_interval(facts.get("finterval", 0), str(facts.get("tunit", "s")), "ImageJ finterval")
    if tif.is_ome:
        pixels = _ome_pixels(tif)
        step = float(pixels.get("TimeIncrement", "nan"))
        return frame_interval(step, pixels.get("TimeIncrementUnit", "s"), "OME TimeIncrement")
    tags = tif.pages[0].tags
    if _DM_STEP_Z in tags and _DM_UNIT_Z in tags:
        return frame_interval(
            float(tags.valueof(_DM_STEP_Z)), str(tags.valueof(_DM_UNIT_Z)), "DigitalMicrograph tags"
        )
    return None


def read_start(tif: tifffile.TiffFile) -> datetime | None:
    """Return the clock at the start of acquisition, ``None`` where the file does not tell it."""
    if not tif.is_ome:
        return None
    root = ElementTree.fromstring(tif.ome_metadata)
    told = next((e.text for e in root.iter() if e.tag.rpartition("}")[2] == "AcquisitionDate"), None)
    clock = read_clock(told or "")
    return None if clock is None else clock.moment


def _imagej_pixel_size(tif: tifffile.TiffFile) -> PixelSize | None:
    unit = (tif.imagej_metadata or {}).get("unit")
    steps = [_step(tif, name) for name in ("XResolution", "YResolution")]
    if unit is None or steps[0] is None:
        return None
    return _pixel_size(steps[0], steps[1] or steps[0], str(unit), "ImageJ XResolution and unit")


def _step(tif: tifffile.TiffFile, tag: str) -> float | None:
    """Return the unit lengths per pixel of a resolution tag, a fraction of pixels per unit length."""
    pixels, units = tif.pages[0].tags.valueof(tag, (0, 0))
    return units / pixels if pixels else None


def _ome_pixels(tif: tifffile.TiffFile) -> dict[str, str]:
    """Return the attributes of the first ``Pixels`` element."""
    root = ElementTree.fromstring(tif.ome_metadata)
    return next((e.attrib for e in root.iter() if e.tag.rpartition("}")[2] == "Pixels"), {})


def _pixel_size(step_x: float, step_y: float, unit: str, source: str) -> PixelSize | None:
    return pixel_size_along_x((length_nm(step_x, unit), length_nm(step_y, unit)), source)
