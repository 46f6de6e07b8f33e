"""The hash of files, by which inputs are told apart."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import file_digest, sha256
from pathlib import Path

from temtrack.formats.decoding import refused_as


def fingerprint(files: Iterable[Path]) -> str:
    """Return the SHA-256 (hex) over names and contents of files, in their order.

    The folder that they lie in does not count, so a copied folder has the same fingerprint.

    Raises
    ------
    InputError
        Where a file cannot be read.
    """
    whole = sha256()
    for path in files:
        with refused_as(f"{path}: cannot be read"), path.open("rb") as content:
            digest = file_digest(content, "sha256").hexdigest()
        whole.update(f"{digest}  {path.name}\n".encode())
    return whole.hexdigest()


def fingerprint_folder(folder: Path) -> str:
    """Return the SHA-256 (hex) over all files below a folder, in the order of their paths.

    Raises
    ------
    InputError
        Where a file cannot be read.
    """
    return fingerprint(sorted(path for path in folder.rglob("*") if path.is_file()))
