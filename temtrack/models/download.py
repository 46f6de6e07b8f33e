"""Fetch a checkpoint by its address and checksum: what broke off goes on, what differs is refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urljoin, urlsplit

from temtrack.errors import ModelError, OutputError, UsageError
from temtrack.models.registry import sha256_of

if TYPE_CHECKING:
    import requests

#: Stands around the pieces of a file, of which it is told the number: a progress bar, for one.
WatchPieces = Callable[[Iterable[bytes], int], Iterable[bytes]]

_PIECE_BYTES = 2**16
_TIMEOUT_S = 30

#: Where plain http reaches no network.
_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})


def download(url: str, sha256: str, folder: Path, watch: WatchPieces) -> Path:
    """Fetch a file into a folder, or what is missing of one that broke off, and return its path.

    Raises
    ------
    UsageError
        An address that is not https.
    ModelError
        If it cannot be fetched, or is not the file of this checksum: then nothing of it is kept.
    OutputError
        If it cannot be written, or there is no room for it.
    """
    import requests

    _refuse_unsafe(url)
    whole, part = folder / (sha256 + PurePosixPath(_name_in(url)).suffix), folder / f"{sha256}.part"
    if whole.is_file():
        _refuse_another(whole, sha256, str(whole))
        return whole
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _go_on(url, part, watch)
        _refuse_another(part, sha256, url)
        part.replace(whole)
    except requests.RequestException as error:
        raise ModelError(f"{url}: {_reason(error)}; what came is kept, the same command goes on") from error
    except OSError as error:
        raise OutputError(f"{part}: cannot be written: {error.strerror}; set TEMTRACK_CACHE") from error
    return whole


def find_beside(folder: Path, url: str, sha256: str) -> Path:
    """Return the file of an address that was fetched into a folder by other means.

    Raises
    ------
    ModelError
        If it is not there, or is not the file of this checksum.
    """
    path = folder / _name_in(url)
    if not path.is_file():
        raise ModelError(f"{path}: there is no such file; --from-dir needs the folder that holds it")
    _refuse_another(path, sha256, str(path), keep=True)
    return path


def _go_on(url: str, part: Path, watch: WatchPieces) -> None:
    """Fetch the bytes that a part lacks, or all of them where the server cannot begin in the middle."""
    import requests

    n_had = part.stat().st_size if part.is_file() else 0
    # bytes as they are stored: of packed ones none could be counted
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={n_had}-"} if n_had else {})
    hooks = {"response": _refuse_unsafe_redirect}
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT_S, hooks=hooks) as answer:
        if n_had and answer.status_code == requests.codes.requested_range_not_satisfiable:
            return  # nothing is missing: the checksum tells whether it is right
        answer.raise_for_status()
        n_bytes = int(answer.headers.get("Content-Length", 0))
        _refuse_small_disk(part.parent, n_bytes)
        goes_on = answer.status_code == requests.codes.partial_content
        with part.open("ab" if goes_on else "wb") as file:
            for piece in watch(answer.iter_content(_PIECE_BYTES), -(-n_bytes // _PIECE_BYTES)):
                file.write(piece)


def _refuse_unsafe(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _THIS_MACHINE):
        raise UsageError(f"{url}: is no https address; allowed are https://... only")


def _refuse_unsafe_redirect(answer: requests.Response, **_: object) -> None:
    if answer.is_redirect:
        _refuse_unsafe(urljoin(answer.url, answer.headers["Location"]))


def _refuse_another(path: Path, sha256: str, what: str, keep: bool = False) -> None:
    found = sha256_of(path)
    if found == sha256:
        return
    if not keep:
        path.unlink()
    raise ModelError(
        f"{what}: is not the file that was asked for: sha256 {found[:12]}, expected {sha256[:12]}; "
        "nothing was added; check address and checksum"
    )


def _refuse_small_disk(folder: Path, n_bytes: int) -> None:
    n_free = shutil.disk_usage(folder).free
    if n_bytes > n_free:
        raise OutputError(
            f"{folder}: has {n_free} bytes of room, {n_bytes} are to come; make room, or set TEMTRACK_CACHE"
        )


def _name_in(url: str) -> str:
    return PurePosixPath(unquote(urlsplit(url).path)).name


def _reason(error: requests.RequestException) -> str:
    if error.response is not None:
        return f"the server answers {error.response.status_code} {error.response.reason}"
    return f"cannot be fetched ({type(error).__name__}); check address and network"
