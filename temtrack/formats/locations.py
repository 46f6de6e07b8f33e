"""Where inputs lie: paths of this machine, and URLs of object storage, which stay whole as paths too."""

from __future__ import annotations

import re
from pathlib import Path

#: ``s3://bucket/movie``; of one letter it is a drive, and as a path it has one slash.
_URL = re.compile(r"([a-z][a-z0-9+.-]+):/+(?=[^/])", re.IGNORECASE)


class Url(type(Path())):  # type: ignore[misc]
    """A URL among paths: nothing is there for this machine, and its text is that of the URL."""

    def __str__(self) -> str:
        """Return the URL with both slashes, which paths make one."""
        return _URL.sub(r"\1://", super().__str__(), count=1)


def as_path(text: str | Path) -> Path:
    """Return a path, as `Url` where the text is one.

    Examples
    --------
    >>> str(as_path("s3://bucket/movie.ome.zarr").parent)
    's3://bucket'
    """
    return Url(text) if _URL.match(str(text)) else Path(text)
