"""What each format is to the others: how it is written, what it loses, and where it may be written to."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from temtrack.errors import OutputError, UsageError
from temtrack.formats.export.content import ExportContent
from temtrack.formats.store.atomic import check_output_file
from temtrack.progress import Progress


def _lose_nothing(content: ExportContent) -> list[str]:
    return []


@dataclass(frozen=True)
class Exporter:
    """A format of other programs.

    Parameters
    ----------
    write
        Writes the file or folder at a path, whole or not at all.
    suffixes
        Ends of a file's name that the format's readers go by; none for a folder.
    contents
        What the names of all that a folder holds match, so that no other folder is replaced.
    describe_losses
        Returns a sentence for each thing that the format cannot hold.
    """

    write: Callable[[Path, ExportContent, Progress], None]
    suffixes: tuple[str, ...] = ()
    contents: str = ""
    describe_losses: Callable[[ExportContent], list[str]] = _lose_nothing

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
        if not self.suffixes:
            self._check_folder(path, force)
        elif not path.name.lower().endswith(self.suffixes):
            raise UsageError(f"-o {path}: give a name that ends in {' or '.join(self.suffixes)}")
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


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Give an empty folder beside `path` to write to; it takes the place of `path` when the block ends well.

    Where the block fails or is interrupted nothing remains and an older `path` stays as it was.

    Raises
    ------
    OutputError
        If the folder cannot be written (no permission, no space left).
    """
    try:
        # a folder that cannot be emptied must not hide the error that came first
        with tempfile.TemporaryDirectory(
            prefix=".writing-", dir=path.parent, ignore_cleanup_errors=True
        ) as beside:
            part = Path(beside) / "new"
            part.mkdir()
            yield part
            if path.exists():
                path.rename(Path(beside) / "old")
            part.rename(path)
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written: {error.strerror or error}; choose another place with --output"
        ) from error
