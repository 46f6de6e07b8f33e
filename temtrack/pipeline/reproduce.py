"""Run again what a result tells of, from its typed record: the same inputs, models and options."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from temtrack import __version__
from temtrack.errors import InputError, TemtrackError
from temtrack.formats.fingerprint import fingerprint, fingerprint_folder
from temtrack.formats.readers import read_movie
from temtrack.formats.store.atomic import check_output_folder
from temtrack.formats.store.masks import list_masks
from temtrack.formats.store.run import list_beside, movie_source
from temtrack.models.registry import hash_of_model
from temtrack.pipeline.analyze import analyze_file
from temtrack.pipeline.correct import correct_file
from temtrack.pipeline.kinetics import kinetics_file
from temtrack.pipeline.options import (
    AnalyzeOptions,
    CorrectOptions,
    KineticsOptions,
    SegmentOptions,
    TrackOptions,
)
from temtrack.pipeline.request import Request
from temtrack.pipeline.segment import SegmentStage
from temtrack.pipeline.simulate import simulate_into
from temtrack.pipeline.track import track_file
from temtrack.pipeline.tracking_plan import TrackStage
from temtrack.progress import Progress, silent
from temtrack.provenance import Provenance, Source
from temtrack.simulation.config import MovieConfig

#: How an input is hashed, by its part; others are folders of data.
_HASHES: dict[str, Callable[[Path], str | None]] = {
    "movie": lambda path: movie_source(read_movie(path)).sha256,
    "masks": lambda path: fingerprint(list_masks(path)),
    "lineage": lambda path: fingerprint(list_beside(path)),
    "heater_log": lambda path: fingerprint([path]),
    "log": lambda path: fingerprint([path]),
    "corrections": lambda path: fingerprint([path]),
}


def changes_since(record: Provenance) -> Iterator[str]:
    """Say which input, model or version is another one than it was; paths count from the current folder."""
    if record.version != __version__:
        yield f"was made by temtrack {record.version}, this is {__version__}"
    for part, source in record.inputs.items():
        yield from _change(source, _HASHES.get(part, fingerprint_folder))
    for source in record.models.values():
        yield from _change(source, lambda path: hash_of_model(str(path)))


def _change(source: Source, hash_of: Callable[[Path], str | None]) -> Iterator[str]:
    try:
        now = hash_of(Path(source.name))
    except TemtrackError as error:
        yield str(error)
        return
    if now != source.sha256:
        shown, was = ((sha or "none")[:12] for sha in (now, source.sha256))
        yield f"{source.name} is another one now: sha256 {shown}, was {was}"


def find_place(record: Provenance, path: Path) -> Path:
    """Return the folder that a record's paths count from: the current one, or one above the record."""
    first = next((source.name for source in record.inputs.values()), None)
    places = (Path(), *path.resolve().parents)
    if first is None:  # simulated: there is no input
        return places[0]
    there = (p for p in places if (p / first).exists() or glob.glob(first, root_dir=p))  # noqa: PTH207 - may be absolute
    return next(there, places[0])


@dataclass(frozen=True)
class _Again:
    """A record, where its results go this time, and how."""

    record: Provenance
    folder: Path
    device: str
    request: Request

    def path(self, part: str) -> Path:
        """Return an input."""
        return Path(self.record.inputs[part].name)

    def claim(self) -> Path:
        """Return the folder, which must be empty; it is made once the record proves whole."""
        check_output_folder(self.folder, force=False)
        return self.folder

    def segment(self) -> None:
        stage = SegmentStage.load(SegmentOptions.from_json(self.record.options), self.device)
        source = self.path("movie")
        stage.segment_file(source, self.claim() / source.stem, self.request)

    def track(self) -> None:
        masks = self.path("masks") if "masks" in self.record.inputs else None
        stage = TrackStage.load(TrackOptions.from_json(self.record.options), self.device, masks)
        track_file(self.path("movie"), self.claim(), stage, self.request)

    def correct(self) -> None:
        options = CorrectOptions.from_json(self.record.options)
        correct_file(self.path("masks"), self.claim(), None, options, self.request)

    def analyze(self) -> None:
        options = AnalyzeOptions.from_json(self.record.options)
        movie = str(self.path("movie")) if self.record.found["with_movie"] else None
        analyze_file(self.path("masks"), self.claim(), movie, options, self.request)

    def kinetics(self) -> None:
        options = KineticsOptions.from_json(self.record.options)
        kinetics_file(self.path("masks"), self.claim(), options, self.request)

    def simulate(self) -> None:
        options = dict(self.record.options)
        config = TypeAdapter(MovieConfig).validate_python(options.pop("config"))
        simulate_into(self.claim(), options.pop("seed"), config, self.request, **options)

    def train(self) -> None:
        from temtrack.training.run import run_training, training_run_of

        run_training(training_run_of(self.record, self.claim(), self.device))


_ACTIONS: dict[str, Callable[[_Again], Any]] = {
    act.__name__: act
    for act in (
        _Again.segment,
        _Again.track,
        _Again.correct,
        _Again.analyze,
        _Again.kinetics,
        _Again.simulate,
        _Again.train,
    )
}


def reproduce(record: Provenance, folder: Path, device: str = "auto", progress: Progress = silent) -> None:
    """Do again what a record tells of; on the same kind of machine the results are the same bytes.

    Paths count from the current folder.

    Raises
    ------
    InputError
        Where the action cannot be done again, or the record is damaged.
    OutputError
        Where the folder is not empty or cannot be written to.
    """
    act = _ACTIONS.get(record.action)
    if act is None:
        raise InputError(f"was made by '{record.action}', which temtrack {__version__} cannot do again")
    try:
        act(_Again(record, folder, device, Request(record.command, progress)))
    except (KeyError, ValueError) as error:
        raise InputError(f"the record of {record.action} is damaged: {error}") from error
