"""How a stage is asked for: what every one of them takes beside its input, its output and its options."""

from __future__ import annotations

from dataclasses import dataclass

from temtrack.progress import Progress, silent


@dataclass(frozen=True)
class Request:
    """Who asks a stage for its work, and what it may do with what lies where the result goes.

    Parameters
    ----------
    command
        The command as it was typed, or the Python function; for the record.
    progress
        Stands around the frames.
    force
        Overwrite what is there.
    resume
        Go on with an unfinished run.
    begun
        Whether an earlier try of the same command left a part of the result: to go on with, or to overwrite.
    """

    command: str = "temtrack"
    progress: Progress = silent
    force: bool = False
    resume: bool = False
    begun: bool = False

    @property
    def may_overwrite(self) -> bool:
        """Whether what is there may be overwritten: by the user's word, or since it is its own."""
        return self.force or self.begun
