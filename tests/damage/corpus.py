"""One valid sample of everything that temtrack reads, and how it reads it."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import mrcfile
import numpy as np
import tifffile
from microscope_files import write_dm, write_emi, write_ser, write_velox
from PIL import Image
from real_data import REAL_DATA

REAL_FILES = REAL_DATA / "formats"

FRAMES = (np.arange(4 * 24 * 32, dtype=np.uint16) * 37 % 4096).reshape(4, 24, 32)


@dataclass(frozen=True)
class Sample:
    """Files by name, which of them is damaged, which is opened, and by whom (a name of ``READERS``)."""

    reader: str
    files: dict[str, bytes]
    damaged: str
    opened: str

    @property
    def name(self) -> str:
        return f"{self.reader}:{self.damaged}"


def write_corpus(folder: Path, with_real: bool = False) -> list[Sample]:
    """Write valid files into an empty folder and return them as samples."""
    return [
        *_movies(folder),
        *_masks(folder),
        *_documents(folder),
        *_weights(folder),
        *(_real() if with_real and REAL_FILES.is_dir() else ()),
    ]


def _alone(reader, path):
    return Sample(reader, {path.name: path.read_bytes()}, path.name, path.name)


def _together(reader, folder, opened="."):
    """One sample for each file of a folder."""
    files = {p.name: p.read_bytes() for p in sorted(folder.iterdir()) if p.is_file()}
    return [Sample(reader, files, name, opened) for name in files]


def _movies(folder):
    yield from (_alone("movie", path) for path in [*_tiffs(folder), *_pictures(folder), *_videos(folder)])
    steps = ((0.2, "nm"), (0.2, "nm"), (0.5, "s"))
    yield _alone("movie", write_dm(folder / "stack.dm4", FRAMES, steps))
    yield _alone("movie", write_dm(folder / "image.dm3", FRAMES[0], steps[:2], version=3, byte_order=">"))
    with mrcfile.new(folder / "stack.mrc") as mrc:
        mrc.set_data(FRAMES)
        mrc.voxel_size = 2.5
    yield _alone("movie", folder / "stack.mrc")
    with_info = folder / "direct_electron"
    with_info.mkdir()
    (with_info / "a_movie.mrc").write_bytes((folder / "stack.mrc").read_bytes())
    (with_info / "a_info.txt").write_text(
        "Frames Per Second = 20\nSpecimen Pixel Size X (nanometers) = 0.2\n"
    )
    yield from _together("movie", with_info, "a_movie.mrc")
    tia = folder / "tia"
    tia.mkdir()
    write_ser(tia / "scan_1.ser", FRAMES)
    write_emi(tia / "scan.emi", 0.5)
    yield from _together("movie", tia, "scan.emi")
    yield _alone("movie", write_ser(folder / "wide.ser", FRAMES, version=0x220))
    yield _alone("movie", write_velox(folder / "velox.emd", FRAMES))
    gms = folder / "gms"
    gms.mkdir()
    for t in range(2):
        write_dm(gms / f"a_{t}.dm4", FRAMES[t], steps[:2])
    yield from _together("movie", gms)


def _tiffs(folder):
    kinds = {
        "plain": {"compression": "zlib", "metadata": None},
        "shaped": {},
        "lzw": {"compression": "lzw", "predictor": True},
        "tiled": {"compression": "zlib", "tile": (16, 16)},
        "imagej": {"imagej": True, "metadata": {"axes": "TYX", "finterval": 0.5, "unit": "nm"}},
        "ome": {"ome": True, "metadata": {"axes": "TYX", "PhysicalSizeX": 0.2, "TimeIncrement": 0.5}},
        "big": {"bigtiff": True, "byteorder": ">"},
    }
    for name, options in kinds.items():
        path = folder / f"{name}.tif"
        tifffile.imwrite(path, FRAMES, photometric="minisblack", **options)
        yield path
    tifffile.imwrite(
        folder / "rgb.tif", FRAMES[0, :, :24].astype(np.uint8).reshape(8, 24, 3), photometric="rgb"
    )
    yield folder / "rgb.tif"


def _pictures(folder):
    grey, shades = Image.fromarray(FRAMES[0]), Image.fromarray((FRAMES[0] % 256).astype(np.uint8))
    for image, name in ((grey, "deep.png"), (shades, "grey.png"), (shades.convert("RGBA"), "rgba.png")):
        image.save(folder / name)
        yield folder / name
    for name in ("grey.jpg", "grey.bmp"):
        shades.save(folder / name)
        yield folder / name
    shades.convert("RGB").save(folder / "progressive.jpg", progressive=True)
    yield folder / "progressive.jpg"


def _videos(folder):
    kinds = {"h264.mp4": "libx264", "mpeg4.avi": "mpeg4", "h264.mkv": "libx264", "motion.mov": "mjpeg"}
    for name, codec in kinds.items():
        with av.open(str(folder / name), "w") as container:
            stream = container.add_stream(codec, rate=Fraction(10))
            stream.height, stream.width = FRAMES.shape[1:]
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            for frame in (FRAMES % 256).astype(np.uint8):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "gray")))
            container.mux(stream.encode())
        yield folder / name


def _masks(folder):
    from temtrack.calibration import Calibration, FrameTimes, PixelSize
    from temtrack.formats.store.lineage import write_ctc_table, write_lineage
    from temtrack.formats.store.masks import write_mask
    from temtrack.formats.store.run import write_run
    from temtrack.lineage import Lineage, Merge, Track
    from temtrack.provenance import Provenance, Source

    masks = folder / "masks"
    masks.mkdir()
    labels = np.zeros((24, 32), np.int32)
    labels[2:8, 2:8], labels[2:8, 8:14] = 1, 2
    for t in range(3):
        write_mask(masks / f"mask{t:04d}.tif", labels if t < 2 else (labels > 0) * 3)
    tracks = (Track(1, 0, 1, "present", "merged"), Track(2, 0, 1, "present", "merged"))
    lineage = Lineage(
        3, (*tracks, Track(3, 2, 2, "merge", "present", (1, 2))), (Merge(2, 3, (1, 2), 0, 4.5, 7.5),)
    )
    write_lineage(masks / "lineage.json", lineage)
    write_ctc_table(masks / "res_track.txt", lineage)
    times = FrameTimes(np.arange(3.0), "y")
    made_by = Provenance("track", "temtrack track", {"movie": Source("film.tif", "ab")})
    frames = {"quality": ["good", "blank", "good"], "gap_filled": {"1": [2]}}
    write_run(masks, made_by, Calibration(PixelSize(0.2, "x"), times), frames)
    yield from _together("tables of masks", masks)
    yield _alone("lineage", masks / "lineage.json")
    yield _alone("ctc table", masks / "res_track.txt")
    ctc = folder / "ctc"
    ctc.mkdir()
    for name in ("mask0000.tif", "mask0001.tif", "mask0002.tif"):
        (ctc / name).write_bytes((masks / name).read_bytes())
    (ctc / "man_track.txt").write_text("1 0 1 0\n2 0 1 0\n3 2 2 1\n")
    yield from _together("tracked masks", ctc)


def _documents(folder):
    import pyarrow as pa

    from temtrack.formats.store.tables import write_table

    column = pa.field("a_px", pa.int64(), metadata={"unit": "px"})
    table = pa.table([pa.array(range(50))], schema=pa.schema([column]))
    write_table(folder / "table.parquet", table, {"command": "temtrack analyze", "input": "x"})
    yield _alone("parquet", folder / "table.parquet")
    texts = {
        "points": "x,y\n3,4\n5.5,6\n",
        "boxes": "x0,y0,x1,y1\n1,2,5,6\n2,3,9,9\n",
        "excluded": "# validation\nemps/a\nemps/b\n",
        "log": "epoch,train_loss,test_loss,train_iou,test_iou,train_dice,test_dice,seconds\n"
        "0,1.5,1.4,0.2,0.3,0.4,0.5,12.5\n1,1.2,nan,0.2,0.3,0.4,0.5,12.5\n",
        "groups": "name,doi\na,10.1\nb,10.2\n",
        "model": 'architecture = "vmamba"\nfile = "best.safetensors"\ncommand = "temtrack train"\n',
    }
    texts["heater"] = (
        "16/04/'15 23:59\tDigiheater 3.1\nR0 = 282.7\ta = 0.0\nTsample = 330 [ms]\n"
        "sample\ttime\tTset[C]\tTmeas[C]\n1\t23:59:59.50\t23.0\t15.0\n2\t00:00:00.50\t23.0\t17.0\n"
    )
    texts["record"] = json.dumps(_record().to_json())
    texts["batch"] = (
        '{"command": "track", "output": "a", "state": "running", "input": "a.tif", "result": {}}\n'
        '{"command": "track", "output": "a", "state": "done", "input": "a.tif", "key": "0", "seconds": 1.5}\n'
    )
    names = {"log": "log.csv", "model": "model.toml", "record": "run.json", "batch": "batch.jsonl"}
    for reader, text in texts.items():
        name = names.get(reader, f"{reader}.csv")
        opened = "." if reader in names else name
        yield Sample(reader, {name: text.encode()}, name, opened)


def _weights(folder):
    import torch
    from safetensors.torch import save

    from temtrack.tracking.checkpoint import CheckpointFile
    from temtrack.tracking.overlap import OverlapTracker

    net = torch.nn.Linear(3, 2)
    buffer = io.BytesIO()
    torch.save({"state_dict": net.state_dict()}, buffer)
    yield Sample("checkpoint", {"net.pth": buffer.getvalue()}, "net.pth", "net.pth")
    whole = save(net.state_dict())
    yield Sample("checkpoint", {"net.safetensors": whole}, "net.safetensors", "net.safetensors")
    run = folder / "run"
    run.mkdir()
    optimizer = torch.optim.AdamW(net.parameters())
    net(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    from temtrack.training.checkpoints import Progress, save_state

    save_state(run, Progress(1, 1), net, net, optimizer)
    yield from _together("training state", run)
    half = folder / "half"
    half.mkdir()
    CheckpointFile(half, OverlapTracker()).save(_half_done())
    yield from _together("resume", half)


def _record():
    from temtrack.provenance import Provenance, Source

    return Provenance("track", "temtrack track x", {"movie": Source("x", "ab")})


def _half_done():
    """A run of tracking between two frames."""
    from temtrack.linking.config import LinkingConfig
    from temtrack.tracking.checkpoint import Checkpoint
    from temtrack.tracking.engine import TrackingEngine
    from temtrack.tracking.overlap import OverlapTracker

    labels = np.zeros((24, 32), np.int32)
    labels[4:10, 4:10] = 1
    run = Checkpoint(_record())
    engine = TrackingEngine(lambda image: labels, OverlapTracker(), LinkingConfig(), run.tracking)
    for frame in FRAMES[:3]:
        for done in engine.push(frame):
            run.report.add(done)
    return run


def _real():
    emi = [REAL_FILES / "03_Scanning Preview.emi", REAL_FILES / "03_Scanning Preview_1.ser"]
    mrc = [REAL_FILES / "Custom_movie.mrc", REAL_FILES / "Custom_info.txt"]
    for group in (emi, mrc):
        files = {p.name: p.read_bytes() for p in group}
        yield from (Sample("movie", files, name, group[0].name) for name in files)
    taken = {p.name for p in (*emi, *mrc)}
    suffixes = {".dm3", ".dm4", ".emd", ".tif"}
    for path in sorted(REAL_FILES.iterdir()):
        if path.suffix in suffixes and path.name not in taken:
            yield _alone("movie", path)


def read_movie(path):
    from temtrack.formats.readers import read_movie

    movie = read_movie(path)
    movie.read_frame(0)
    movie.read_frame(movie.n_frames - 1)


def read_tracked_masks(path):
    from temtrack.formats.store.run import open_run

    for _ in open_run(path).masks:
        pass


def read_tables_of_masks(path):
    """Read masks with their run and lineage as `temtrack analyze` does, and measure them."""
    from temtrack.analysis.measure import analyze_run
    from temtrack.formats.store.run import open_run, sources_of

    run = open_run(path)
    analyze_run(run, None, run.calibration)
    sources_of(run)


def read_parquet(path):
    from temtrack.formats.store.tables import read_metadata, read_table

    for read in (read_table, read_metadata):
        read(path)


def read_groups(path):
    from temtrack.datasets.grouping import grouping
    from temtrack.datasets.sources import Source

    grouping(f"{path}:doi")(Source("a", Path("a.tif"), Path("a_mask.tif")), 0)


def read_batch(path):
    from temtrack.formats.store.ledger import Ledger

    Ledger(path).last("track", "a")


def read_training_state(path):
    import torch

    from temtrack.training.checkpoints import load_state

    net = torch.nn.Linear(3, 2)
    load_state(path, net, torch.nn.Linear(3, 2), torch.optim.AdamW(net.parameters()))


def read_resume(path):
    from temtrack.tracking.checkpoint import CheckpointFile
    from temtrack.tracking.overlap import OverlapTracker

    CheckpointFile(path, OverlapTracker()).read(_record())


def _function(module: str, name: str) -> Callable[[Path], object]:
    def read(path):
        from importlib import import_module

        return getattr(import_module(module), name)(path)

    return read


READERS: dict[str, Callable[[Path], object]] = {
    "movie": read_movie,
    "tables of masks": read_tables_of_masks,
    "tracked masks": read_tracked_masks,
    "lineage": _function("temtrack.formats.store.lineage", "read_lineage"),
    "ctc table": _function("temtrack.formats.store.lineage", "read_ctc_table"),
    "parquet": read_parquet,
    "points": _function("temtrack.formats.prompts", "read_points"),
    "boxes": _function("temtrack.formats.prompts", "read_boxes"),
    "excluded": _function("temtrack.datasets.labelled", "read_excluded"),
    "log": _function("temtrack.training.history", "read_rows"),
    "groups": read_groups,
    "heater": _function("temtrack.formats.heater", "read_heater_log"),
    "record": _function("temtrack.formats.store.tables", "read_provenance"),
    "batch": read_batch,
    "model": lambda path: _function("temtrack.models.registry", "find_model")(str(path)),
    "checkpoint": _function("temtrack.models.checkpoints", "read_checkpoint"),
    "training state": read_training_state,
    "resume": read_resume,
}
