"""Writers of the small microscope files that no library writes: dm3, dm4, ser, emi and Velox's emd."""

import json
import struct

import numpy as np

DM_TYPES = {"int16": 1, "float32": 2, "uint8": 6, "int32": 7, "uint16": 10, "uint32": 11, "complex64": 3}
DM_ELEMENTS = {"int16": 2, "float32": 6, "uint8": 10, "int32": 3, "uint16": 4, "uint32": 5}
SER_TYPES = {"uint8": 1, "uint16": 2, "int16": 5, "float32": 7}


def write_dm(path, pixels, steps=(), *, version=4, byte_order="<", data_type=None, clock=()):
    """Write a thumbnail and then pixels (Y, X) or (T, Y, X); steps are (scale, unit) of x, y and t.

    ``clock`` is date and time of acquisition.
    """
    writer = _DmWriter(version, byte_order)
    thumbnail = writer.image(np.zeros((4, 4), np.uint32), (), data_type=23)
    image = writer.image(pixels, steps, data_type)
    if clock:
        names = ("Acquisition Date", "Acquisition Time")
        image["ImageTags"] = {"DataBar": dict(zip(names, clock, strict=True))}
    tags = {
        "ImageList": {"": [thumbnail, image]},
        "ImageSourceList": {"": [{"ImageRef": 1}]},
        "Notes": {"Text": "written for a test", "Struct": (1, 2)},
    }
    size = writer.number(0)
    path.write_bytes(
        struct.pack(">I", version) + size + struct.pack(">I", byte_order == "<") + writer.group(tags)
    )
    return path


class _DmWriter:
    """Tags as bytes: groups are dicts, with a list under ``""`` for nameless ones."""

    def __init__(self, version, byte_order):
        self.version, self.byte_order = version, byte_order

    def number(self, value):
        return struct.pack(">i" if self.version == 3 else ">q", value)

    def image(self, pixels, steps, data_type=None):
        name = pixels.dtype.name
        axes = [{"Origin": 0.0, "Scale": float(scale), "Units": unit} for scale, unit in steps]
        return {
            "ImageData": {
                "Calibrations": {"Dimension": {"": axes}},
                "Data": pixels,
                "DataType": data_type or DM_TYPES[name],
                "Dimensions": {"": list(pixels.shape[::-1])},
            },
            "ImageTags": {},
        }

    def group(self, tags):
        entries = [(name, v) for name, v in tags.items() if name] + [("", v) for v in tags.get("", ())]
        return b"\0\0" + self.number(len(entries)) + b"".join(self.entry(*entry) for entry in entries)

    def entry(self, name, value):
        is_group = isinstance(value, dict)
        content = self.group(value) if is_group else b"%%%%" + self.data(value)
        size = struct.pack(">q", len(content)) if self.version == 4 else b""
        return struct.pack(">BH", 20 if is_group else 21, len(name)) + name.encode() + size + content

    def data(self, value):
        if isinstance(value, np.ndarray):
            value = value.view(np.float32) if np.iscomplexobj(value) else value
            layout = [20, DM_ELEMENTS[value.dtype.name], value.size]
            content = value.astype(value.dtype.newbyteorder(self.byte_order)).tobytes()
        elif isinstance(value, str):
            layout = [20, 4, len(value)]
            content = value.encode("utf-16-le" if self.byte_order == "<" else "utf-16-be")
        elif isinstance(value, tuple):
            layout = [15, 0, len(value)] + [0, 3] * len(value)
            content = struct.pack(f"{self.byte_order}{len(value)}i", *value)
        else:
            layout = [6 if isinstance(value, float) else 5]
            content = struct.pack(self.byte_order + ("f" if isinstance(value, float) else "I"), value)
        return b"".join(self.number(n) for n in (len(layout), *layout)) + content


def write_ser(path, frames, step_m=2e-10, clock_s=None, *, version=0x210, n_planned=None, kind=0x4122):
    """Write frames (T, Y, X), from the bottom row up as TIA does, each with its second."""
    clock_s = range(len(frames)) if clock_s is None else clock_s
    wide = version >= 0x220
    n_planned = len(frames) if n_planned is None else n_planned
    dimension = struct.pack("<IddII", n_planned, 0, 1, 0, 6) + b"Number" + struct.pack("<I", 0)
    table_at = (34 if wide else 30) + len(dimension)
    offset = table_at + 2 * n_planned * (8 if wide else 4)
    body, starts, tags = b"", [], []
    for frame, second in zip(frames, clock_s, strict=True):
        height, width = frame.shape
        head = struct.pack("<ddIddI", 0, step_m, 0, 0, step_m, 0)
        head += struct.pack("<HII", SER_TYPES[frame.dtype.name], width, height)
        starts.append(offset + len(body))
        body += head + frame[::-1].tobytes()
        tags.append(offset + len(body))
        body += struct.pack("<HHI", 0x4152, 0, second)
    places = np.zeros(2 * n_planned, "<u8" if wide else "<u4")
    places[: len(starts)], places[n_planned : n_planned + len(tags)] = starts, tags
    head = struct.pack("<HHHIIII", 0x4949, 0x0197, version, kind, 0x4152, n_planned, len(frames))
    head += struct.pack("<Q" if wide else "<I", table_at) + struct.pack("<I", 1)
    path.write_bytes(head + dimension + places.tobytes() + body)
    return path


def write_emi(path, frame_time_s=None):
    """Write an emi with the description of one ser."""
    time = f"<FrameTime>{frame_time_s}</FrameTime>" if frame_time_s else ""
    info = f"<ObjectInfo><AcquireInfo><Magnification>1 X</Magnification>{time}</AcquireInfo></ObjectInfo>"
    path.write_bytes(b"JK\0\x02" + bytes(40) + info.encode() + bytes(12))
    return path


def write_velox(path, *movies, step="2.5e-10", unit="m", frame_time="0.4"):
    """Write movies (T, Y, X), which Velox stores as (Y, X, T), one chunk a frame."""
    import h5py

    metadata = {
        "Core": {},
        "Scan": {"FrameTime": frame_time} if frame_time else {},
        "BinaryResult": {
            "PixelSize": {"width": step, "height": step}, "PixelUnitX": unit, "PixelUnitY": unit,
            "Offset": {"x": "0", "y": "0"}, "DetectorIndex": "0", "Detector": "BM-Ceta",
        },
        "Detectors": {"Detector-0": {"DetectorName": "BM-Ceta", "ExposureTime": "0.1"}},
    }  # fmt: skip
    text = np.frombuffer(json.dumps(metadata).encode().ljust(4096, b"\0"), np.uint8)
    with h5py.File(path, "w") as file:
        file["Version"] = np.array([json.dumps({"format": "Velox", "version": "1.11"})], h5py.string_dtype())
        file.create_group("Data/Image")
        for n, movie in enumerate(movies):
            group = file.create_group(f"Data/Image/{n:032x}")
            stored = np.moveaxis(movie, 0, 2)
            chunks = (*stored.shape[:2], 1) if movie.size else None
            group.create_dataset("Data", data=stored, chunks=chunks)
            group["Metadata"] = np.repeat(text[:, None], max(len(movie), 1), axis=1)
    return path
