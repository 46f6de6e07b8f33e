"""Fetch a checkpoint by its address and checksum, by https only; what differs is refused."""

from __future__ import annotations

import re
import shutil
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urljoin, urlsplit

from temtrack.errors import ModelError, OutputError, UsageError
from temtrack.models.registry import ModelSpec, find_model, read_imported, read_registry, sha256_of, verify

if TYPE_CHECKING:
    import requests

_SHA256 = re.compile(r"[0-9A-Fa-f]{64}")

_CHUNK_BYTES = 2**16
_TIMEOUT_S = 30

#: Where plain http reaches no network.
_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})


def find_source(name: str, url: str | None, sha256: str | None, architecture: str | None) -> ModelSpec:
    """Return a model with the address of its checkpoint, as the user says, or else as ``models.toml`` does.

    Raises
    ------
    UsageError
        An address without a checksum, or the other way round, or a checksum that is none.
    ModelError
        Where there is no such model.
    """
    if url is None and sha256 is None:
        return read_registry().get(name) or find_model(name)
    if url is None or sha256 is None or not _SHA256.fullmatch(sha256):
        raise UsageError("--url and --sha256, 64 hexadecimal digits, go together: what differs is refused")
    return ModelSpec(name, architecture or name, None, sha256.lower(), {"url": url})


def find_downloaded(source: ModelSpec) -> ModelSpec | None:
    """Return the model that came from a source, verified; ``None`` where it is still to be downloaded."""
    if source.url is None:
        return source
    spec = read_imported().get(source.name)
    if spec is None or spec.facts.get("source_sha256") != source.sha256:
        return None
    verify(spec)
    return spec


def download(url: str, sha256: str, folder: Path, progress: object = False) -> Path:
    """Fetch a file into a folder, unless it is there already, and return its path.

    ``progress`` is a progress bar as pooch takes it.

    Raises
    ------
    UsageError
        An address that is not https.
    ModelError
        If it cannot be fetched, or is not the file of this checksum: then nothing of it is kept.
    OutputError
        If it cannot be written, or there is no room for it.
    """
    import pooch
    import requests

    _refuse_unsafe(url)
    pooch.get_logger().setLevel("WARNING")  # it announces every download
    downloader = pooch.HTTPDownloader(
        progressbar=progress,
        chunk_size=_CHUNK_BYTES,
        timeout=_TIMEOUT_S,
        headers={"Accept-Encoding": "identity"},  # bytes as they are stored: of packed ones none were counted
        hooks={"response": [_refuse_unsafe_redirect, partial(_refuse_small_disk, folder)]},
    )
    name = sha256 + PurePosixPath(_name_in(url)).suffix
    try:
        return Path(pooch.retrieve(url, f"sha256:{sha256}", name, folder, downloader=downloader))
    except requests.RequestException as error:
        raise ModelError(f"{url}: {_reason(error)}; nothing was kept") from error
    except ValueError as error:
        raise ModelError(f"{url}: {error}") from error
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot be written: {error.strerror or error}; set TEMTRACK_CACHE"
        ) from error


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
    found = sha256_of(path)
    if found != sha256:
        raise ModelError(
            f"{path}: is not the file that was asked for: sha256 {found[:12]}, expected {sha256[:12]}; "
            "nothing was imported; check address and checksum"
        )
    return path


def _refuse_unsafe(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _THIS_MACHINE):
        raise UsageError(f"{url}: is no https address; allowed are https://... only")


def _refuse_unsafe_redirect(response: requests.Response, **_: object) -> None:
    if response.is_redirect:
        _refuse_unsafe(urljoin(response.url, response.headers["Location"]))


def _refuse_small_disk(folder: Path, response: requests.Response, **_: object) -> None:
    n_bytes, n_free = int(response.headers.get("Content-Length", 0)), shutil.disk_usage(folder).free
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
