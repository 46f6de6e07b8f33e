"""Tracked particles as files of other programs: one module per format, each with its ``EXPORTER``."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from temtrack.errors import OutputError, UsageError
from temtrack.formats.store.atomic import check_output_file

if TYPE_CHECKING:
    from temtrack.formats.export.content import ExportContent

#: By the name of a format its module, and the package that it needs with the extra that holds it, if any.
FORMATS: dict[str, tuple[str, tuple[str, str] | None]] = {
    "geff": ("geff", ("geff", "export")),
    "napari": ("napari", None),
    "trackmate": ("trackmate", None),
    "ome-tiff": ("ome_tiff", None),
    "ome-zarr": ("ome_zarr", ("zarr", "zarr")),
    "ctc": ("ctc", None),
    "coco": ("coco", None),
    "csv": ("csv", None),
}


@dataclass(frozen=True)
class Exporter:
    """A format of other programs.

    Parameters
    ----------
    write
        Writes the file or folder at a path, whole or not at all.
    suffixes
        Ends of a name that the format's readers go by, if they do.
    contents
        Of a folder, what the names of all that it holds match, so that no other is replaced.
    describe_losses
        Returns a sentence for each thing that the format cannot hold.
    """

    write: Callable[[Path, ExportContent], None]
    suffixes: tuple[str, ...] = ()
    contents: str = ""
    describe_losses: Callable[[ExportContent], list[str]] = lambda content: []

    @property
    def suffix(self) -> str:
        """What a name of temtrack's own choice ends in."""
        return self.suffixes[0] if self.suffixes else ""

    def check_target(self, path: Path, force: bool) -> None:
        """Refuse a name with another end and, unless ``force``, what is there; other contents at any rate.

        Raises
        ------
        UsageError, OutputError
        """
        if self.suffixes and not path.name.lower().endswith(self.suffixes):
            raise UsageError(f"-o {path}: give a name that ends in {' or '.join(self.suffixes)}")
        if self.contents:
            self._check_folder(path, force)
        else:
            check_output_file(path, force)

    def _check_folder(self, path: Path, force: bool) -> None:
        if not path.exists():
            return
        if not path.is_dir():
            raise OutputError(f"{path}: is a file; give the name of a folder")
        names = sorted(entry.name for entry in path.iterdir())
        if names and not force:
            raise OutputError(f"{path}: folder is not empty; give --force to replace it, or another folder")
        others = [name for name in names if not re.fullmatch(self.contents, name)]
        if others:
            raise OutputError(
                f"{path}: holds {', '.join(others[:3])}, which is no part of such an export; --force replaces"
                " only an earlier one, give another folder"
            )


def find_exporter(name: str) -> Exporter:
    """Return what writes a format of `FORMATS`.

    Raises
    ------
    UsageError
        If the package that it needs is not installed.
    """
    module, needed = FORMATS[name]
    if needed is not None and find_spec(needed[0]) is None:
        raise UsageError(
            f"--to {name}: needs {needed[0]}, which is not installed; pip install 'temtrack[{needed[1]}]'"
        )
    exporter: Exporter = import_module(f"{__name__}.{module}").EXPORTER
    return exporter
