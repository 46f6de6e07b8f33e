"""OME-Zarr images as other programs write them."""

import zarr

TYPES = {"t": "time", "c": "channel"}
UNITS = {"time": "millisecond", "space": "angstrom"}


def describe(axes, scale, **more):
    """Return what OME tells of an image with these axes, of one level; units where there is a scale."""
    told = [{"name": axis, "type": TYPES.get(axis, "space")} for axis in axes]
    for axis in told if scale else ():
        axis |= {"unit": UNITS[axis["type"]]} if axis["type"] in UNITS else {}
    level = {
        "path": "full",
        "coordinateTransformations": [{"type": "scale", "scale": scale or [1] * len(axes)}],
    }
    return {"axes": told, "datasets": [level], **more}


def write_ome_zarr(place, frames, version="0.5", axes="tyx", scale=None, chunks=None, **how):
    """Write pixels with one chunk for each frame, unless said otherwise, to a folder or store."""
    known = describe(axes, scale, **({} if version == "0.5" else {"version": version}))
    told = {"multiscales": [known]}
    attributes = {"ome": {"version": version, **told}} if version == "0.5" else told
    zarr_format = 3 if version == "0.5" else 2
    group = zarr.create_group(place, zarr_format=zarr_format, overwrite=True, attributes=attributes)
    chunks = chunks or (*(1 for _ in axes[:-2]), *frames.shape[-2:])
    group.create_array("full", shape=frames.shape, dtype=frames.dtype, chunks=chunks, **how)[...] = frames
    return place
