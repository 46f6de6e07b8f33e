"""The table of the measures of tracks, as ``temtrack evaluate`` names them."""

from __future__ import annotations

from temtrack.metrics.document import TRACKING


def write() -> str:
    """Return a row for each measure."""
    rows = [f"| `{name}` | {measure.meaning} |" for name, measure in TRACKING.items()]
    return "\n".join(["| name in JSON | meaning |", "|---|---|", *rows])
