"""Downloads from a server on this machine: broken off, redirected, of another content, without room."""

import hashlib
import io
import threading
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from rich.console import Console

from temtrack.cli import output
from temtrack.errors import ModelError, OutputError, UsageError
from temtrack.models import download as downloading

CONTENT = bytes(range(256)) * 5000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves CONTENT at /net.pth; ``break_after`` bytes the next answer breaks off."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.break_after = None
        self.n_asked = 0

    def url(self, path="/net.pth"):
        return f"http://127.0.0.1:{self.server_port}{path}"

    def handle_error(self, request, client_address):
        pass  # a client that goes away is meant here


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/moved.pth":
            self.send_response(302)
            self.send_header("Location", "/net.pth")
            self.end_headers()
            return
        if self.path == "/unsafe.pth":
            self.send_response(302)
            self.send_header("Location", "http://example.org/net.pth")
            self.end_headers()
            return
        if self.path != "/net.pth":
            self.send_error(404)
            return
        self._send()

    def _send(self):
        self.server.n_asked += 1
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        end, self.server.break_after = self.server.break_after, None
        self.wfile.write(CONTENT[:end])

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    with Server() as serving:
        thread = threading.Thread(target=serving.serve_forever, args=(0.01,))
        thread.start()
        yield serving
        serving.shutdown()
        thread.join()


def fetch(url, folder, sha256=SHA256):
    return downloading.download(url, sha256, folder)


def test_a_file_is_fetched_whole_and_not_twice(server, tmp_path):
    path = fetch(server.url(), tmp_path)
    assert (path.suffix, path.read_bytes()) == (".pth", CONTENT)
    assert fetch(server.url(), tmp_path) == path
    assert server.n_asked == 1
    assert list(tmp_path.iterdir()) == [path]
    path.write_bytes(CONTENT[:-1])  # damaged since
    assert fetch(server.url(), tmp_path).read_bytes() == CONTENT


def test_a_broken_download_is_told_in_one_line_and_leaves_nothing(server, tmp_path):
    server.break_after = 655_360
    with pytest.raises(ModelError, match="nothing was kept") as refused:
        fetch(server.url(), tmp_path)
    assert "\n" not in str(refused.value)
    assert not list(tmp_path.iterdir())
    assert fetch(server.url(), tmp_path).read_bytes() == CONTENT


def test_a_file_of_another_checksum_is_refused_and_not_kept(server, tmp_path):
    with pytest.raises(ModelError, match=f"expected sha256:{'0' * 64} but got {SHA256}") as refused:
        fetch(server.url(), tmp_path, "0" * 64)
    assert "\n" not in str(refused.value)
    assert not list(tmp_path.iterdir())


def test_a_bar_is_told_of_every_byte(server, tmp_path, monkeypatch):
    monkeypatch.setattr(output, "_MESSAGES", Console(file=io.StringIO(), force_terminal=True))
    with output.byte_progress("downloading") as bar:
        downloading.download(server.url(), SHA256, tmp_path, bar)
        task = bar.progress.tasks[0]
        assert (bar.total, task.completed) == (len(CONTENT), len(CONTENT))


def test_a_redirect_is_followed_but_not_out_of_https(server, tmp_path):
    assert fetch(server.url("/moved.pth"), tmp_path).read_bytes() == CONTENT
    with pytest.raises(UsageError, match=r"http://example.org/net.pth: is no https address"):
        fetch(server.url("/unsafe.pth"), tmp_path / "other")


@pytest.mark.parametrize(
    "url", ["http://example.org/net.pth", "ftp://x/net.pth", "file:///etc/passwd", "net.pth"]
)
def test_addresses_that_are_not_https_are_refused(url, tmp_path):
    with pytest.raises(UsageError, match="is no https address"):
        fetch(url, tmp_path)


def test_what_is_not_there_is_told(server, tmp_path):
    with pytest.raises(ModelError, match="the server answers 404 Not Found"):
        fetch(server.url("/no.pth"), tmp_path)
    server.socket.close()
    with pytest.raises(ModelError, match="check address and network"):
        fetch(server.url(), tmp_path)


def test_a_disk_without_room_is_told_before_anything_is_fetched(server, tmp_path, monkeypatch):
    usage = downloading.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(downloading.shutil, "disk_usage", lambda folder: usage._replace(free=1000))
    with pytest.raises(OutputError, match="has 1000 bytes of room, 1280000 are to come"):
        fetch(server.url(), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_disk_that_fills_up_is_told(server, tmp_path, monkeypatch):
    monkeypatch.setattr("pooch.core.temporary_file", lambda path: nullcontext("/dev/full"))
    with pytest.raises(OutputError, match="cannot be written: No space left on device"):
        fetch(server.url(), tmp_path)


def test_a_file_in_a_folder_needs_its_checksum_and_stays(tmp_path):
    path = tmp_path / "net.pth"
    path.write_bytes(CONTENT)
    assert downloading.find_beside(tmp_path, "https://example.org/a/net.pth?x=1", SHA256) == path
    with pytest.raises(ModelError, match="is not the file"):
        downloading.find_beside(tmp_path, "https://example.org/net.pth", "0" * 64)
    assert path.read_bytes() == CONTENT
    for url in (
        "https://example.org/other.pth",
        "https://example.org/..",
        "https://example.org/%2e%2e%2fnet.pt",
    ):
        with pytest.raises(ModelError, match="there is no such file"):
            downloading.find_beside(tmp_path, url, SHA256)
