"""`temtrack rerun`: run again what a result tells of, on the same input with the same models."""

from __future__ import annotations

import glob
import os
import shlex
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from temtrack import __version__
from temtrack.cli import output
from temtrack.cli.command_line import recorded_as, rewritten
from temtrack.cli.ledger import hash_of_model
from temtrack.errors import InputError, TemtrackError, UsageError


def rerun(
    ctx: typer.Context,
    record: Annotated[
        Path,
        typer.Argument(
            metavar="RECORD",
            help="A run.json or the folder of one, a table (.parquet), or the mask of one image.",
        ),
    ],
    output_folder: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="DIR", help="A new folder for the results.", show_default=False
        ),
    ],
    force: Annotated[
        bool, typer.Option("--force", help="Go on where input, model or version is another one.")
    ] = False,
) -> None:
    """Run again what a result tells of.

    Paths in its command count from the current folder, else from the nearest
    one above the record in which the input lies. On the same kind of machine
    the results are the same, byte for byte.
    """
    from temtrack.formats.store.atomic import check_output_folder
    from temtrack.formats.store.provenance import read_run

    facts = read_run(record)
    name, *words = _words(facts, record)
    group: Any = ctx.find_root().command
    command = group.commands.get(name)
    if command is None:
        raise InputError(f"{record}: was made by '{name}', which is no command of temtrack {__version__}")
    target, place = output_folder.resolve(), _find_place(facts, record)
    check_output_folder(target, force=False)
    os.chdir(place)
    _refuse_changes(facts, record, force)
    _, *again = rewritten(command, words, str(target))
    with (
        recorded_as([name, *words]),  # the run is the same, and so is its record
        command.make_context(name, again, parent=ctx.parent) as context,
    ):
        command.invoke(context)


def _words(facts: Mapping[str, object], record: Path) -> list[str]:
    """Return the words after ``temtrack`` of the command that was recorded."""
    words = shlex.split(str(facts["command"]))
    if len(words) < 2 or words[0] != "temtrack":
        raise InputError(f"{record}: was made by '{facts['command']}', which is no command line of temtrack")
    return words[1:]


def _find_place(facts: Mapping[str, object], record: Path) -> Path:
    """Return the folder that the input's path counts from."""
    name = facts.get("input") or facts.get("movie") or next(iter(_mapping(facts.get("data_sha256"))), None)
    places = (Path(), *record.resolve().parents)
    if name is None:  # simulated: there is no input
        return places[0]
    pattern = str(name)
    there = (p for p in places if (p / pattern).exists() or glob.glob(pattern, root_dir=p))  # noqa: PTH207 - may be absolute
    return next(there, places[0])


def _refuse_changes(facts: Mapping[str, object], record: Path, force: bool) -> None:
    """Hold inputs, models and version against those recorded; what changed is refused, or told."""
    for change in _changes(facts):
        if not force:
            raise UsageError(f"{record}: {change}; --force runs it on what is there now")
        output.warn(f"{change}; runs on what is there now")


def _changes(facts: Mapping[str, object]) -> Iterator[str]:
    """Say what is another one than it was."""
    if facts.get("temtrack_version") != __version__:
        yield f"was made by temtrack {facts.get('temtrack_version')}, this is {__version__}"
    for name, kept, hash_of in _used(facts):
        try:
            now = hash_of(Path(name))
        except TemtrackError as error:
            yield str(error)
        else:
            if now != kept:
                yield f"{name} is another one now: sha256 {now[:12]}, was {kept[:12]}"


def _used(facts: Mapping[str, object]) -> Iterator[tuple[str, str, Callable[[Path], str]]]:
    """Yield each input and model by name, with the hash that is recorded and what hashes it now."""
    if "input" in facts:  # models and movie of a table are those of the masks, which it was made from
        kinds = {"input": _hash_masks, "beside": _hash_beside, "image": _hash_movie}
        facts = {**facts, "beside": facts["input"]}
    else:
        kinds = {"movie": _hash_movie, "masks": _hash_masks}
        kinds |= dict.fromkeys(("model", "propagator", "pretrained"), _hash_model)
        facts = {**_mapping(facts.get("parameters")), **facts}
    for kind, hash_of in kinds.items():
        if facts.get(kind) and facts.get(f"{kind}_sha256"):
            yield str(facts[kind]), str(facts[f"{kind}_sha256"]), hash_of
    for folder, kept in _mapping(facts.get("data_sha256")).items():
        yield folder, str(kept), _hash_data


def _mapping(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _hash_movie(path: Path) -> str:
    from temtrack.formats.readers import read_movie
    from temtrack.formats.store.fingerprint import fingerprint

    return fingerprint(read_movie(path).origins)


def _hash_masks(path: Path) -> str:
    from temtrack.formats.store.fingerprint import fingerprint
    from temtrack.formats.store.masks import list_masks

    return fingerprint(list_masks(path))


def _hash_beside(path: Path) -> str:
    from temtrack.analysis.folder import list_beside
    from temtrack.formats.store.fingerprint import fingerprint

    return fingerprint(list_beside(path))


def _hash_model(path: Path) -> str:
    return hash_of_model(str(path)) or ""


def _hash_data(path: Path) -> str:
    from temtrack.formats.store.fingerprint import fingerprint_folder

    return fingerprint_folder(path)
