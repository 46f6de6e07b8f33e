"""One long movie on many machines: pieces of it segmented apart, and joined where it is tracked.

Each frame is shown to the model as `track` shows it: with its neighbours, across the edges of pieces too, and
in the one way that suits the first, the middle and the last frame of the whole movie. So masks do not depend
on how a movie is divided. A piece writes the masks of its frames under their own numbers, and last a record.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from temtrack.errors import InputError, OutputError, UsageError, warn
from temtrack.formats.readers import read_movie
from temtrack.formats.store.atomic import locked, remove_leftovers, whole_file
from temtrack.formats.store.masks import mask_name, read_labels, write_mask
from temtrack.formats.store.zarr_masks import SUFFIX
from temtrack.masks import Masks
from temtrack.movie import Movie
from temtrack.pipeline.movie_segmentation import segmented_by_model
from temtrack.pipeline.options import ModelOptions, TrackOptions
from temtrack.pipeline.request import Request
from temtrack.pipeline.segment import FrameSummary, SegmentationSummary, SegmentStage, prepared
from temtrack.provenance import Provenance, Source

_RECORDS = "piece*.json"

#: Frames that tell movies apart; to read the whole of a long one for each piece would take too long.
_N_SAMPLES = 3


@dataclass(frozen=True)
class Piece:
    """What was segmented of a movie, and how.

    Parameters
    ----------
    frames
        The numbers of the frames.
    n_whole
        How many frames the movie has.
    record
        What was run on what; its input is the hash of a few frames of the movie.
    row
        What the command showed.
    """

    frames: range
    n_whole: int
    record: Provenance
    row: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of its file."""
        return f"piece{self.frames[0]:04d}-{self.frames[-1]:04d}.json"

    def write(self, folder: Path) -> None:
        """Write the record of a piece, all of whose masks are there.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        frames = [self.frames.start, self.frames.stop, self.frames.step]
        told = {**self.record.to_json(), "frames": frames, "n_whole": self.n_whole, "row": dict(self.row)}
        with whole_file(folder / self.name) as part:
            part.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Piece:
        """Read the record of a piece.

        Raises
        ------
        InputError
            If it is none.
        """
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            frames = range(*map(int, told["frames"]))
            frames[0]  # raises where there is none
            return cls(frames, int(told["n_whole"]), Provenance.from_json(told), dict(told["row"]))
        except (OSError, ValueError, KeyError, IndexError, TypeError, RecursionError) as error:
            raise InputError(
                f"{path}: is no record of a piece ({error}); segment its frames again, with --force"
            ) from error


def segment_piece(
    source: Path, folder: Path, wanted: slice, stage: SegmentStage, request: Request
) -> Mapping[str, Any]:
    """Segment some frames of a movie into a folder where other pieces of it may lie; return their counts.

    A piece whose process died is begun again; with ``resume`` one that is done is left as it is.

    Raises
    ------
    InputError
        Where the movie cannot be read, or has no such frames.
    OutputError
        Where the masks are there already, or cannot be written.
    UsageError
        Where the model, or the place, is not for pieces.
    """
    if folder.suffix.lower() == SUFFIX:
        raise UsageError(f"-o {folder}: pieces are TIFF; give a name without {SUFFIX}, `track` writes one")
    if stage.options.is_prompted:
        raise UsageError("--frames: is for movies, --points and --boxes for one image; give one of them")
    if wanted.step not in (None, 1):
        raise UsageError(f"--frames: a piece holds frame after frame; leave out the step of {wanted.step}")
    raw = read_movie(source)
    taken = raw.cut(wanted).frame_range
    assert taken is not None
    piece = Piece(taken.frames, raw.n_frames, _record_of(raw, stage, request))
    with locked(folder, f".lock-{piece.name}"):
        if (done := _done(folder, piece, request)) is not None:
            return done.row
        piece = _segment(piece, folder, prepared(raw, stage.options), stage, request)
        piece.write(folder)
    return piece.row


def _segment(piece: Piece, folder: Path, movie: Movie, stage: SegmentStage, request: Request) -> Piece:
    """Write the masks of a piece; return it with what was found on the way."""
    summary = SegmentationSummary(movie.take(piece.frames), folder)
    found = segmented_by_model(stage.segmenter, movie, _as_tracked(stage))
    assert found.resumed is not None
    segment = found.resumed(piece.frames.start)
    for t in request.progress(piece.frames, "segmenting"):
        labels = segment(movie.read_frame(t))
        write_mask(folder / mask_name(t), labels)
        summary.frames.append(FrameSummary.of(labels))
    return replace(piece, record=replace(piece.record, found=found.found), row=summary.row())


def _as_tracked(stage: SegmentStage) -> TrackOptions:
    """Return the options with which `track` segments alike."""
    alike: dict[str, Any] = {one.name: getattr(stage.options, one.name) for one in fields(ModelOptions)}
    return TrackOptions(**alike)


def _record_of(movie: Movie, stage: SegmentStage, request: Request) -> Provenance:
    samples = {"samples": Source(str(movie.path), _sample_hash(movie))}
    models = {"model": Source(stage.segmenter.spec.name, stage.segmenter.sha256)}
    return Provenance("segment", request.command, samples, models, stage.options.to_json())


def _sample_hash(movie: Movie) -> str:
    """Return the SHA-256 (hex) over size, type and a few frames of a whole movie."""
    whole = sha256(f"{movie.n_frames} {movie.height} {movie.width} {movie.dtype}".encode())
    for t in sorted(set(np.linspace(0, movie.n_frames - 1, _N_SAMPLES).astype(int).tolist())):
        whole.update(np.ascontiguousarray(movie.read_frame(t)).tobytes())
    return whole.hexdigest()


def _done(folder: Path, piece: Piece, request: Request) -> Piece | None:
    """Return the piece where it is done and may stay; refuse to overwrite it."""
    path = folder / piece.name
    if not path.exists() or request.may_overwrite:
        path.unlink(missing_ok=True)  # first: it must never outlive the masks that it tells of
        there = [mask_name(t) for t in piece.frames if (folder / mask_name(t)).exists()]
        if there and not (request.may_overwrite or request.resume):
            raise OutputError(
                f"{folder / there[0]}: exists already; give --resume to segment these frames again, or "
                "another folder"
            )
        if len(there) < len(piece.frames):  # the next one may have been begun
            remove_leftovers(folder, mask_name(piece.frames[len(there)]))
        return None
    if not request.resume:
        raise OutputError(f"{path}: is done already; give --resume to leave it, --force to do it again")
    done = Piece.read(path)
    if differences := done.record.differences(piece.record):
        raise UsageError(
            f"{path}: was done with {'; '.join(differences[:3])}; give the same, or --force to do it again"
        )
    return done


def has_pieces(folder: Path) -> bool:
    """Tell whether a folder holds pieces of a movie."""
    return folder.is_dir() and any(folder.glob(_RECORDS))


def join_pieces(folder: Path, movie: Movie) -> tuple[Masks, Piece]:
    """Return the masks of a movie that was segmented in pieces, and a piece, for what all share.

    ``movie`` may be a part of that movie, whose frames the pieces must hold.

    Raises
    ------
    InputError
        Where pieces are of other settings or of another movie, or frames are missing.
    """
    pieces = [Piece.read(path) for path in sorted(folder.glob(_RECORDS))]
    first = pieces[0]
    for other in pieces[1:]:
        if differences := _differences(first.record, other.record):
            raise InputError(
                f"{folder}: {first.name} and {other.name} differ: {'; '.join(differences[:3])}; segment one "
                "of them again, with --force"
            )
    numbers = range(movie.n_frames) if movie.frame_range is None else movie.frame_range.frames
    n_whole = movie.n_frames if movie.frame_range is None else movie.frame_range.n_whole
    if n_whole != first.n_whole:
        raise InputError(
            f"{folder}: its pieces are of a movie of {first.n_whole} frames, {movie.path} has {n_whole}; "
            "give the movie that was segmented"
        )
    is_raw = movie.frame_range is None and not movie.burned_in
    if _sample_hash(movie if is_raw else read_movie(movie.path)) != first.record.inputs["samples"].sha256:
        raise InputError(f"{folder}: its pieces are of another movie than {movie.path}; give that one")
    _check_frames(folder, pieces, numbers)
    files = tuple(folder / mask_name(t) for t in numbers)
    height, width = read_labels(files[0]).shape
    return Masks(folder, len(files), height, width, lambda t: read_labels(files[t]), files), first


def _differences(one: Provenance, other: Provenance) -> list[str]:
    """Say in what pieces differ: settings, or how frames were shown, as other machines may find it."""
    names = [name for name in one.found if one.found[name] != other.found.get(name)]
    shown = [f"{name} {one.found[name]}, now {other.found.get(name)} (found)" for name in names]
    return [*one.differences(other), *shown]


def _check_frames(folder: Path, pieces: Iterable[Piece], numbers: Sequence[int]) -> None:
    """Refuse frames that no piece holds; tell of those that several hold."""
    held = np.concatenate([np.asarray(piece.frames) for piece in pieces])
    known, counts = np.unique(held, return_counts=True)
    there = {t for t in known.tolist() if (folder / mask_name(t)).exists()}
    if missing := [t for t in numbers if t not in there]:
        first = _first_run(missing)
        raise InputError(
            f"{folder}: no piece holds frame {_told(missing)}, {len(missing)} of {len(numbers)}; segment "
            f"them with `temtrack segment MOVIE --frames {first[0]}:{first[-1] + 1} -o {folder} --resume`"
        )
    if twice := known[counts > 1].tolist():
        warn(
            f"{folder}: pieces overlap in frame {_told(twice)}, {len(twice)} in all; as they are of the same "
            "settings, so are the masks"
        )


def _first_run(frames: Sequence[int]) -> range:
    """Return the first of rising numbers that follow each other."""
    n = next((i for i in range(1, len(frames)) if frames[i] != frames[0] + i), len(frames))
    return range(frames[0], frames[0] + n)


def _told(frames: Sequence[int]) -> str:
    """Return the first run of numbers, as ``5 to 9``, and whether more follow."""
    run = _first_run(frames)
    shown = f"{run[0]}" if len(run) == 1 else f"{run[0]} to {run[-1]}"
    return shown + (" and more" if len(run) < len(frames) else "")
