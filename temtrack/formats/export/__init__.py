"""Tracked particles as files of other programs: one module per format, with functions of the same names.

Each has ``TARGET``, which tells where it may be written to, ``describe_losses(content) -> list[str]``, which
says what the format cannot hold, and ``write_export(path, content, progress)``.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol, cast

from temtrack.errors import UsageError
from temtrack.formats.export.content import ExportContent
from temtrack.formats.export.target import FileTarget, FolderTarget
from temtrack.progress import Progress


class Exporter(Protocol):
    """What each module of a format has."""

    @property
    def TARGET(self) -> FileTarget | FolderTarget:  # noqa: N802 - a constant of the module
        """Where it may be written to."""
        ...

    def describe_losses(self, content: ExportContent) -> list[str]:
        """Return a sentence for each thing that the format cannot hold."""
        ...

    def write_export(self, path: Path, content: ExportContent, progress: Progress) -> None:
        """Write the file or folder, whole or not at all."""
        ...


#: By the name of a format its module, and the package of the extra ``export`` that it needs, if any.
FORMATS: dict[str, tuple[str, str | None]] = {
    "geff": ("geff", "geff"),
    "napari": ("napari", None),
    "trackmate": ("trackmate", None),
    "ome-tiff": ("ome_tiff", None),
    "ctc": ("ctc", None),
    "coco": ("coco", None),
    "csv": ("csv", None),
}


def find_exporter(name: str) -> Exporter:
    """Return the module that writes a format of `FORMATS`.

    Raises
    ------
    UsageError
        If the package that it needs is not installed.
    """
    module, package = FORMATS[name]
    if package is not None and find_spec(package) is None:
        raise UsageError(
            f"--to {name}: needs {package}, which is not installed; pip install 'temtrack[export]'"
        )
    return cast(Exporter, import_module(f"{__name__}.{module}"))
