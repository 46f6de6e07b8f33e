import http.server
import os
import re
import shutil
import subprocess
import sys
import threading

import fsspec
import numpy as np
import pytest
import requests
from needs import need_module

from temtrack.errors import InputError, TemtrackWarning
from temtrack.formats.locations import as_path
from temtrack.formats.readers import read_format, read_movie

zarr = need_module("zarr")
from ome_zarr_files import write_ome_zarr  # noqa: E402 - it needs zarr


@pytest.fixture
def store(tmp_path):
    return tmp_path / "movie.ome.zarr"


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("chunks", [(1, 32, 48), (5, 16, 16)])
def test_frames_scale_and_times(store, frames, version, chunks):
    movie = read_movie(write_ome_zarr(store, frames, version, scale=[40, 2.1, 2.1], chunks=chunks))
    assert (movie.n_frames, movie.height, movie.width, movie.dtype) == (12, 32, 48, np.uint8)
    for t in (0, 11, 4, 5, 4):  # one chunk holds several
        np.testing.assert_array_equal(movie.read_frame(t), frames[t])
    assert movie.pixel_size.nm == pytest.approx(0.21)
    assert movie.pixel_size.source == movie.frame_times.source == "OME-Zarr scale"
    np.testing.assert_allclose(movie.frame_times.seconds, 0.04 * np.arange(12))
    assert read_format(store) == "OME-Zarr"


def test_axes_of_one_place_do_not_count(store, frames):
    pixels = frames.astype(">u2")[:, None, None]
    movie = read_movie(write_ome_zarr(store, pixels, axes="tczyx", scale=[40, 1, 9, 2.1, 2.1]))
    np.testing.assert_array_equal(np.stack(list(movie)), frames)
    assert movie.dtype == np.uint16
    assert movie.pixel_size.nm == pytest.approx(0.21)


def test_an_image_is_a_movie_of_one_frame_and_a_scale_without_unit_none(store, frames):
    movie = read_movie(write_ome_zarr(store, frames[3], axes="yx"))
    np.testing.assert_array_equal(movie.read_frame(0), frames[3])
    assert (movie.n_frames, movie.pixel_size, movie.frame_times) == (1, None, None)


def test_the_only_series_of_bioformats2raw_is_the_image(store, frames):
    zarr.create_group(store, attributes={"ome": {"version": "0.5", "bioformats2raw.layout": 3}})
    write_ome_zarr(store / "0", frames)
    assert read_movie(store).n_frames == 12
    write_ome_zarr(store / "1", frames)
    with pytest.raises(InputError, match=r"holds several images; give one of them, as .*movie.ome.zarr/0"):
        read_movie(store)


def alter(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def cut(path):
    path.write_bytes(path.read_bytes()[:-20])


UNREADABLE = "cannot be read as OME-Zarr"
WRONG = {
    "another version": (lambda s: alter(s / "zarr.json", '"0.5"', '"0.6"'), "is OME-Zarr 0.6; allowed are"),
    "no version": (lambda s: alter(s / "zarr.json", '"version"', '"v"'), "of no stated version"),
    "truncated text": (lambda s: cut(s / "zarr.json"), UNREADABLE),
    "truncated text of the pixels": (lambda s: cut(s / "full/zarr.json"), UNREADABLE),
    "pixels gone": (lambda s: shutil.rmtree(s / "full"), f"{UNREADABLE}: .*full"),
    "no image": (lambda s: alter(s / "zarr.json", "multiscales", "else"), "tells of no image"),
    "a plate": (lambda s: alter(s / "zarr.json", "multiscales", "plate"), "is a plate"),
    "an array": (lambda s: zarr.create_array(s, shape=(3, 4), dtype="u1", overwrite=True), "array alone"),
    "damaged metadata": (lambda s: alter(s / "zarr.json", '"datasets"', '"data"'), UNREADABLE),
    "first chunk cut": (lambda s: cut(s / "full/c/0/0/0"), "frame 0 of 12 is damaged"),
    "nothing but text": (lambda s: shutil.rmtree(s / "full/c"), "the store breaks off"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_store_is_refused_in_one_line(store, frames, name):
    spoil, reason = WRONG[name]
    spoil(write_ome_zarr(store, frames))
    with pytest.raises(InputError, match=reason) as caught:
        read_movie(store)
    assert str(caught.value).startswith(str(store))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("axes", "shape"),
    [("tcyx", (4, 3, 8, 8)), ("tzyx", (4, 2, 8, 8)), ("zyx", (4, 8, 8)), ("tyt", (4, 8, 8))],
)
def test_further_axes_are_refused(store, axes, shape):
    write_ome_zarr(store, np.ones(shape, np.uint8), axes=axes)
    with pytest.raises(InputError, match=rf"has axes {', '.join(axes)} of .*; allowed are t, y, x"):
        read_movie(store)


def test_a_store_that_breaks_off_is_refused_where_it_does(store, frames):
    write_ome_zarr(store, frames)
    for t in range(7, 12):
        shutil.rmtree(store / f"full/c/{t}")
    movie = read_movie(store)
    np.testing.assert_array_equal(movie.read_frame(6), frames[6])
    with pytest.raises(InputError, match=r"frame 7 of 12 is missing.* breaks off; .* take --frames 0:7"):
        movie.read_frame(7)


def test_a_frame_of_one_value_that_was_left_out_is_that_and_told_once(store, frames):
    frames[4:6] = 0
    movie = read_movie(write_ome_zarr(store, frames))
    with pytest.warns(TemtrackWarning, match="frame 4 of 12: lacks a chunk") as told:
        np.testing.assert_array_equal(np.stack(list(movie)), frames)
    assert len(told) == 1


def test_a_frame_of_one_value_that_was_written_is_not_told(store, frames):
    frames[4] = 0
    movie = read_movie(write_ome_zarr(store, frames, config={"write_empty_chunks": True}))
    np.testing.assert_array_equal(movie.read_frame(4), frames[4])


def test_the_hash_tells_of_pixels_and_not_of_the_place(store, frames, tmp_path):
    first = read_movie(write_ome_zarr(store, frames)).digest()
    shutil.copytree(store, tmp_path / "b.zarr")
    assert read_movie(tmp_path / "b.zarr").digest() == first
    write_ome_zarr(store / "labels", frames)  # and what lies beside the pixels
    assert read_movie(store).digest() == first
    frames[7, 0, 0] += 1
    assert read_movie(write_ome_zarr(store, frames)).digest() != first


def test_without_zarr_the_extra_is_named(store, frames, monkeypatch):
    write_ome_zarr(store, frames)
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(InputError, match=r"needs zarr, .*temtrack\[zarr\]"):
        read_movie(store)


def test_a_url_stays_one():
    path = as_path("s3://bucket/a/movie.ome.zarr")
    assert (str(path), path.name, str(as_path(path / "0"))) == (
        "s3://bucket/a/movie.ome.zarr",
        "movie.ome.zarr",
        "s3://bucket/a/movie.ome.zarr/0",
    )
    assert str(as_path("C:/data")) == "C:/data"


@pytest.fixture
def in_memory(store, frames):
    """A store in the memory, by its URL."""
    memory = fsspec.filesystem("memory")
    memory.put(
        str(write_ome_zarr(store, frames, scale=[40, 2.1, 2.1])), "/lab/movie.ome.zarr", recursive=True
    )
    yield "memory://lab/movie.ome.zarr"
    memory.rm("/lab", recursive=True)


def test_a_store_behind_a_url(in_memory, frames):
    movie = read_movie(in_memory)
    np.testing.assert_array_equal(np.stack(list(movie)), frames)
    assert movie.pixel_size.nm == pytest.approx(0.21)
    assert str(movie.path) == in_memory
    first = movie.digest()
    assert read_movie(in_memory).digest() == first
    fsspec.filesystem("memory").pipe("/lab/movie.ome.zarr/full/c/3/0/0", b"another size")
    assert read_movie(in_memory).digest() != first


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("memory://lab/other.zarr", "cannot be read as OME-Zarr"),
        ("nosuch://lab/movie.zarr", "cannot be reached: Protocol not known: nosuch"),
    ],
)
def test_a_url_of_nothing_is_refused_in_one_line(in_memory, url, reason):
    with pytest.raises(InputError, match=reason) as caught:
        read_movie(url)
    assert str(caught.value).startswith(url)
    assert "\n" not in str(caught.value)


READ = """
import sys, numpy as np
from temtrack.formats.readers import read_movie
movie = read_movie(sys.argv[1])
np.save(sys.argv[2], np.stack(list(movie)))
print(movie.digest())
"""


def read_apart(url, address, file):
    """Read a movie in a process of its own, for s3fs leaves its connections open to the end."""
    need_module("s3fs")
    known = {"ENDPOINT_URL": address, "DEFAULT_REGION": "us-east-1"}
    known |= {"ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test"}
    environment = os.environ | {f"AWS_{name}": value for name, value in known.items()}
    words = [sys.executable, "-c", READ, url, str(file)]
    return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=600)


def test_a_movie_in_a_bucket(tmp_path, store, frames):
    server = need_module("moto.server").ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    try:
        requests.put(f"{address}/lab", timeout=10)
        write_ome_zarr(store, frames)
        for path in (one for one in store.rglob("*") if one.is_file()):
            name = path.relative_to(store.parent).as_posix()
            requests.put(f"{address}/lab/{name}", path.read_bytes(), timeout=10)
        done = read_apart("s3://lab/movie.ome.zarr", address, tmp_path / "read.npy")
    finally:
        server.stop()
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(np.load(tmp_path / "read.npy"), frames)
    assert len(done.stdout.strip()) == 64


class Denial(http.server.BaseHTTPRequestHandler):
    """A storage that denies whatever it is asked."""

    def do_GET(self):
        self.send_response(403)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>")

    do_HEAD = do_GET  # noqa: N815 - so it is called

    def log_message(self, *words):
        pass


def test_a_bucket_that_denies_is_refused_in_one_line(tmp_path):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Denial) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        done = read_apart(
            "s3://lab/movie.zarr", f"http://127.0.0.1:{server.server_port}", tmp_path / "no.npy"
        )
        server.shutdown()
    last = done.stderr.splitlines()[-1]
    assert re.fullmatch(r".*InputError: s3://lab/movie.zarr: .*(Access Denied|Forbidden)", last), last
