"""Small files whose headers tell of pictures that would fill the memory, and files that name others."""

import json
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
import tifffile
from damage.corpus import FRAMES
from microscope_files import write_dm, write_ser
from needs import need_module

from temtrack.errors import InputError, ModelError, TemtrackError
from temtrack.formats.readers import read_movie
from temtrack.formats.store.lineage import read_lineage
from temtrack.formats.store.masks import read_masks
from temtrack.formats.store.state import read_state
from temtrack.models.checkpoints import read_checkpoint
from temtrack.models.registry import find_model, read_imported

SIDE = 100_000
MIB = 2**20


def png(path, side=SIDE, rows=b""):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def jpg(path):
    import imagecodecs

    content = bytearray(imagecodecs.jpeg_encode(np.zeros((16, 16), np.uint8)))
    at = content.index(b"\xff\xc0") + 5
    content[at : at + 4] = struct.pack(">HH", 65_500, 65_500)
    path.write_bytes(content)


def bmp(path):
    import imagecodecs

    content = bytearray(imagecodecs.bmp_encode(np.zeros((16, 16), np.uint8)))
    content[18:26] = struct.pack("<ii", SIDE, SIDE)
    path.write_bytes(content)


def tif(path, compression="zlib"):
    tifffile.imwrite(path, np.zeros((16, 16), np.uint8), compression=compression)
    with tifffile.TiffFile(path, mode="r+") as file:
        for tag in ("ImageWidth", "ImageLength", "RowsPerStrip"):
            file.pages[0].tags[tag].overwrite(SIDE)


def mrc(path):
    import mrcfile

    with mrcfile.new(path) as file:
        file.set_data(FRAMES)
        file.header.nx = file.header.ny = SIDE


def long_extended_header(path):
    """An extended header of 2 GB in a file of a few pages."""
    import mrcfile

    with mrcfile.new(path) as file:
        file.set_data(FRAMES)
    content = bytearray(path.read_bytes())
    content[92:96] = struct.pack("<i", 2**31 - 1)
    path.write_bytes(content)


def many_sections(path):
    import mrcfile

    with mrcfile.new(path) as file:
        file.set_data(FRAMES)
        file.header.nx = file.header.ny = 1
        file.header.nz = 2**31 - 1


def dm(path):
    write_dm(path, FRAMES[0])
    content = path.read_bytes()
    shape, huge = (struct.pack("<I", n) for n in (32, SIDE))
    path.write_bytes(content.replace(shape, huge).replace(struct.pack("<I", 24), huge))


def ser(path):
    write_ser(path, FRAMES)
    content = path.read_bytes()
    path.write_bytes(content.replace(struct.pack("<II", 32, 24), struct.pack("<II", SIDE, SIDE)))


def many_tags(path):
    """A ser that plans four thousand million frames."""
    content = bytearray(write_ser(path, FRAMES).read_bytes())
    content[14:18] = b"\xff" * 4
    path.write_bytes(content)


def emd(path):
    h5py = need_module("h5py")
    with h5py.File(path, "w") as file:
        shape, chunks = (SIDE, SIDE, 1), (64, 64, 1)
        file.create_dataset("Data/Image/a/Data", shape, np.uint16, chunks=chunks, compression="gzip")


BOMBS = {
    "a.png": png, "a.jpg": jpg, "a.bmp": bmp, "a.tif": tif, "raw.tif": lambda path: tif(path, None),
    "a.mrc": mrc, "sections.mrc": many_sections, "extended.mrc": long_extended_header,
    "a.dm4": dm, "a.ser": ser,
    "tags.ser": many_tags, "a.emd": emd,
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_a_header_that_would_fill_the_memory_is_refused_before_it_does(tmp_path, name):
    path = tmp_path / name
    BOMBS[name](path)
    assert path.stat().st_size < 16_000
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=name):
            read_movie(path)
        assert tracemalloc.get_traced_memory()[1] < 20 * MIB  # NumPy tells tracemalloc of its arrays
    finally:
        tracemalloc.stop()


def test_a_video_whose_frames_would_fill_the_memory_is_refused(tmp_path):
    """Frames of 65,535 px, as the container says."""
    from damage.corpus import _videos

    path = next(path for path in _videos(tmp_path) if path.suffix == ".mkv")
    content = path.read_bytes()
    wide = content.replace(b"\xb0\x81\x20\xba\x81\x18", b"\xb0\x82\xff\xff\xba\x82\xff\xff")
    assert wide != content
    path.write_bytes(wide)
    with pytest.raises(InputError):
        read_movie(path)


def test_a_real_picture_of_an_empty_field_is_no_bomb(tmp_path):
    """8192 x 8192 zeros shrink a thousandfold, and are what an empty mask of a large camera is."""
    path = tmp_path / "mask0000.tif"
    tifffile.imwrite(path, np.zeros((8192, 8192), np.uint16), compression="zlib", rowsperstrip=8192)
    assert path.stat().st_size < 200_000
    assert read_masks(path).height == 8192


DEEP_OBJECTS, LONG_NUMBER = '{"a":' * 50_000, '{"n_frames": ' + "9" * 5000 + "}"


@pytest.mark.parametrize("text", ["[" * 100_000, DEEP_OBJECTS, LONG_NUMBER, "NaN"])
def test_json_that_is_no_lineage_is_refused(tmp_path, text):
    (tmp_path / "lineage.json").write_text(text)
    with pytest.raises(InputError, match=r"lineage\.json: "):
        read_lineage(tmp_path / "lineage.json")


LINEAGE = {
    "format": "temtrack-lineage", "version": 1, "n_frames": 3,
    "tracks": [
        {"id": i, "start": 0, "end": 2, "origin": "present", "fate": "present", "parents": []}
        for i in (1, 2, 3)
    ],
    "merges": [{"frame": 2, "child": 3, "parents": [1, 2], "contact_frame": 1, "y_px": 1.0, "x_px": 1.0}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"frame": 10**30}, "at no place or time"),
        ({"contact_frame": -1}, "at no place or time"),
        ({"y_px": float("nan")}, "at no place or time"),
        ({"x_px": 1e999}, "at no place or time"),
        ({"parents": [1, 9]}, "names tracks that it does not hold"),
        ({"frame": float("inf")}, "is damaged"),
        ({"parents": 3}, "is damaged"),
    ],
)
def test_a_merge_that_cannot_be_is_refused(tmp_path, change, reason):
    path = tmp_path / "lineage.json"
    path.write_text(json.dumps(LINEAGE))
    assert len(read_lineage(path).merges) == 1
    path.write_text(json.dumps({**LINEAGE, "merges": [{**LINEAGE["merges"][0], **change}]}))
    with pytest.raises(InputError, match=reason):
        read_lineage(path)


def test_a_state_that_tells_of_more_than_memory_holds_is_refused(tmp_path):
    import io
    import zipfile

    path, head = tmp_path / ".resume", io.BytesIO()
    np.lib.format.write_array_header_1_0(
        head, {"descr": "<f8", "fortran_order": False, "shape": (2**40, 2**10)}
    )
    tree = {"format": "temtrack-state", "version": 1, "parts": {"a": {"type": "array", "of": 0}}}
    for document in (tree, {**tree, "parts": {"a": {"type": "os.system", "of": ["true"]}}}):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("state.json", json.dumps(document))
            archive.writestr("array000000.npy", head.getvalue())
        with pytest.raises(InputError, match="is damaged"):
            read_state(path, ["a"], ())


def test_a_safetensors_file_that_tells_of_more_than_it_holds_is_refused(tmp_path):
    path = tmp_path / "net.safetensors"
    head = json.dumps({"a": {"dtype": "F32", "shape": [2**30, 2**8], "data_offsets": [0, 2**40]}}).encode()
    for length in (len(head), 2**62):
        path.write_bytes(struct.pack("<Q", length) + head)
        with pytest.raises(ModelError, match="no whole safetensors file"):
            read_checkpoint(path)


@pytest.mark.parametrize("name", ["../best.safetensors", "/etc/passwd", "a/b.safetensors", "..", "", 3])
def test_a_model_whose_weights_lie_elsewhere_is_refused(tmp_path, name):
    (tmp_path / "run").mkdir()
    (tmp_path / "best.safetensors").write_bytes(b"another's")
    told = json.dumps(name)
    (tmp_path / "run" / "model.toml").write_text(f'architecture = "vmamba"\nfile = {told}\n')
    with pytest.raises(ModelError, match="a name beside it"):
        find_model(str(tmp_path / "run"))


def test_toml_that_is_none_is_refused_with_its_path(tmp_path, monkeypatch):
    monkeypatch.setenv("TEMTRACK_CACHE", str(tmp_path))
    folder = tmp_path / "models" / "bad"
    folder.mkdir(parents=True)
    for text in ("a = " + "[" * 20_000, "architecture = 3\nfile = 4\n", "\0", 'file = "a"\n'):
        (folder / "model.toml").write_text(text)
        with pytest.raises(TemtrackError, match=r"models/bad/model\.toml"):
            read_imported()
