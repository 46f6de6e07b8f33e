"""Corrected frames of a run as labelled images, from which a model learns."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from temtrack.errors import InputError
from temtrack.formats.fingerprint import fingerprint
from temtrack.formats.store.masks import write_mask
from temtrack.formats.store.movies import write_image
from temtrack.masks import Run
from temtrack.pipeline.correct import open_reviewed
from temtrack.pipeline.find_movie import open_movie
from temtrack.progress import Progress, silent
from temtrack.provenance import Source
from temtrack.review.corrections import Confirmed, Correction, ParticlesJoined
from temtrack.review.edited import EditedRun
from temtrack.review.outlines import ParticleCopied, ParticleDivided, ParticleOutlined, ParticleSplit


def reviewed_frames(corrections: Iterable[Correction]) -> set[int]:
    """Return the movie's frames whose outlines a person looked at.

    They are those that were said to be right, and those in which an outline was drawn, copied, cut in two or
    joined. A particle deleted, or a question of the queue answered, is no look at the other outlines.
    """
    found = set()
    for one in corrections:
        match one:
            case Confirmed(what="frame") | ParticleOutlined() | ParticleCopied():
                found.add(one.frame)
            case ParticleSplit() | ParticleDivided():
                found.add(one.at.frame)
            case ParticlesJoined(everywhere=False):
                found.add(one.one.frame)
    return found


@dataclass(frozen=True)
class LookedAt:
    """A corrected run, the frames of it whose outlines a person looked at, and the log that tells so."""

    run: Run
    edited: EditedRun
    frames: list[int]
    source: Source


def looked_at(masks: Run | Path | str, progress: Progress = silent) -> LookedAt:
    """Return a corrected run with the frames that a person looked at; excluded ones are left out.

    Raises
    ------
    InputError
        Where there is none.
    """
    reviewed = open_reviewed(masks, progress)
    edited, stale = reviewed.corrected()
    lost, log = {entry.id for entry, _ in stale}, reviewed.log
    standing = [e.done for e in log.standing() if e.id not in lost and isinstance(e.done, Correction)]
    frames = [edited.frame_of(frame) for frame in sorted(reviewed_frames(standing))]
    frames = [t for t in frames if edited.quality[t] != "excluded"]
    if not frames:
        raise InputError(
            f"{log.path}: no frame was looked at that is not excluded; draw outlines in `temtrack review`, or"
            " say there that a frame is right"
        )
    return LookedAt(reviewed.run, edited, frames, Source(str(log.path), fingerprint([log.path])))


def write_labels(masks: Run | Path | str, folder: Path, progress: Progress = silent) -> list[int]:
    """Write the frames of a run that a person looked at into ``images/`` and ``masks/`` of a folder.

    What was there before is replaced. Excluded frames are left out.

    Returns
    -------
    The movie's numbers of the frames.

    Raises
    ------
    InputError
        Where no frame was looked at, or the movie is not at hand.
    """
    found = looked_at(masks, progress)
    movie = open_movie(found.run)
    for name in ("images", "masks"):
        shutil.rmtree(folder / name, ignore_errors=True)
        (folder / name).mkdir(parents=True)
    for t in progress(found.frames, "writing labels"):
        name = f"{found.run.path.resolve().name}_{found.edited.frames[t]:04d}.tif"
        write_image(folder / "images" / name, movie.read_frame(t))
        write_mask(folder / "masks" / name, found.edited.labels(t))
    return [found.edited.frames[t] for t in found.frames]
