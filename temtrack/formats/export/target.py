"""Where an export goes: a file or a folder, whole or not at all, in the place of an earlier one only."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from temtrack.errors import OutputError, UsageError
from temtrack.formats.store.atomic import check_output_file


@dataclass(frozen=True)
class FileTarget:
    """A file, whose name has one of the ends that the format's readers go by."""

    suffixes: tuple[str, ...]

    @property
    def suffix(self) -> str:
        """What a name of temtrack's own choice ends in."""
        return self.suffixes[0]

    def check(self, path: Path, force: bool) -> None:
        """Refuse a name with another end, a folder, and, unless ``force``, a file that is there already.

        Raises
        ------
        UsageError, OutputError
        """
        if not path.name.lower().endswith(self.suffixes):
            raise UsageError(f"-o {path}: give a name that ends in {' or '.join(self.suffixes)}")
        check_output_file(path, force)


@dataclass(frozen=True)
class FolderTarget:
    """A folder; ``contents`` matches the names of what it holds, so that no other folder is replaced.

    Its name needs no ``suffix``.
    """

    contents: re.Pattern[str]
    suffix: str = ""

    def check(self, path: Path, force: bool) -> None:
        """Refuse a file, a folder that holds anything and, with ``force``, one of other contents.

        Raises
        ------
        OutputError
        """
        if not path.exists():
            return
        if not path.is_dir():
            raise OutputError(f"{path}: is a file; give the name of a folder")
        names = sorted(entry.name for entry in path.iterdir())
        if names and not force:
            raise OutputError(f"{path}: folder is not empty; give --force to replace it, or another folder")
        others = [name for name in names if not self.contents.fullmatch(name)]
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
