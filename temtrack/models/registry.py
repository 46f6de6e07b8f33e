"""Which models there are, where their weights lie, and whether those are the ones that were scored."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from temtrack.errors import ModelError, UsageError, did_you_mean
from temtrack.formats.store.atomic import whole_file
from temtrack.models.catalog import PLAIN_METHODS, Kind, kind_of

PACKAGE = Path(__file__).parent.parent
RUN_FILE = "model.toml"

#: What segments, with test-time augmentation or without, and what carries ids, where nobody says.
DEFAULT_MODEL = "effsam-tiny"
DEFAULT_TTA = True
DEFAULT_TRACKER = "deaot-t"

#: What particles look like on their background; ``auto`` where the image shall tell.
Polarity = Literal["auto", "dark", "bright"]

#: Between the names of two models of which the first finds boxes and the second outlines what is in them.
JOINT = "+"

#: Names of models that a user imports: they become names of folders.
_NAME = re.compile(r"[A-Za-z0-9][\w.+-]*")


@dataclass(frozen=True)
class ModelSpec:
    """A model: its name, its network's architecture, its weights and how they came to be.

    ``weights`` is ``None`` for what is no network, and for what is not downloaded yet; ``sha256`` is their
    checksum as registered, that of the checkpoint at the ``url``, or ``None`` for a run of the user's own.
    """

    name: str
    architecture: str
    weights: Path | None
    sha256: str | None
    facts: dict[str, object]

    @property
    def url(self) -> str | None:
        """Address of the checkpoint that must be downloaded first; ``None`` where there is none."""
        return str(self.facts["url"]) if self.weights is None and "url" in self.facts else None

    def number(self, fact: str) -> float | None:
        """Return a positive number that a model states of itself; ``None`` where it does not.

        Raises
        ------
        ModelError
            Where it is no positive number.
        """
        number = self.facts.get(fact)
        if number is None:
            return None
        if not isinstance(number, (int, float)) or not 0 < number < math.inf:
            raise ModelError(f"'{self.name}' states {fact} = {number!r}: needs a positive number")
        return float(number)


def read_registry() -> dict[str, ModelSpec]:
    """Return the models of ``models.toml`` by name."""
    inside, beside = PACKAGE / "models.toml", PACKAGE.parent / "models.toml"
    with (inside if inside.exists() else beside).open("rb") as file:
        entries = tomllib.load(file)
    return {name: _registered(name, entry) for name, entry in entries.items()}


def _registered(name: str, entry: dict[str, Any]) -> ModelSpec:
    weights = PACKAGE / "models" / "weights" / entry["file"] if "file" in entry else None
    return ModelSpec(name, entry["architecture"], weights, entry.get("sha256"), entry)


def imported_models_folder() -> Path:
    """Return where imported models lie: ``models`` in ``TEMTRACK_CACHE``, or in the user's own cache."""
    from platformdirs import user_cache_path

    return Path(os.environ.get("TEMTRACK_CACHE") or user_cache_path("temtrack")) / "models"


def read_imported() -> dict[str, ModelSpec]:
    """Return the models that the user has imported, by name."""
    folders = sorted(path.parent for path in imported_models_folder().glob(f"*/{RUN_FILE}"))
    return {folder.name: replace(_read_run(folder), name=folder.name) for folder in folders}


def read_models() -> dict[str, ModelSpec]:
    """Return all models that have a name: those that come with temtrack, and those that were imported."""
    return read_registry() | read_imported()


def names_for(*kinds: Kind) -> list[str]:
    """Return the names of what is of one of these kinds: methods without a network, then models."""
    plain = [name for name in PLAIN_METHODS if kind_of(name) in kinds]
    models = [name for name, spec in read_models().items() if kind_of(spec.architecture) in kinds]
    return list(dict.fromkeys([*plain, *models]))


def new_model_folder(name: str, force: bool) -> Path:
    """Return the folder of a model to be imported under a name that is free, or that ``force`` frees.

    Raises
    ------
    UsageError
        A name that cannot be a folder's, an embedded model's, or one that is taken.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"a model cannot be called '{name}': use letters, digits and . _ + -")
    embedded = read_registry().get(name)
    if embedded is not None and embedded.url is None:
        raise UsageError(f"'{name}' is the name of an embedded model: give another with --name")
    folder = imported_models_folder() / name
    if folder.exists() and not force:
        raise UsageError(f"a model '{name}' is there already: give --force to replace it, or --name")
    return folder


def find_model(name: str) -> ModelSpec:
    """Find an embedded or imported model by name, or a training run by its folder.

    Raises
    ------
    ModelError
        Where there is no such model, or the run's folder lacks weights.
    """
    if (Path(name) / RUN_FILE).is_file():
        return _read_run(Path(name))
    models = read_models()
    if name not in models:
        raise ModelError(
            f"unknown model '{name}': known are {', '.join(models)}, or a training run's folder."
            + did_you_mean(name, models)
        )
    return models[name]


def parts_of(name: str) -> list[str]:
    """Return the two models that the name of a cascade joins, else the name alone."""
    is_one = (Path(name) / RUN_FILE).is_file() or name in read_models()
    return [name] if is_one else name.split(JOINT, 1)


def weights_of(spec: ModelSpec) -> Path:
    """Return the path of a model's weights; `ModelError` for no network, or one not downloaded yet."""
    if spec.url is not None:
        raise ModelError(
            f"'{spec.name}' is not here yet; fetch it once: temtrack models download {spec.name}"
        )
    if spec.weights is None:
        raise ModelError(f"'{spec.name}' is no network: it has no weights, and nothing to train")
    return spec.weights


def verify(spec: ModelSpec) -> str:
    """Return the sha256 of a model's weights.

    Raises
    ------
    ModelError
        Where they are missing or differ from the registered ones.
    """
    weights = weights_of(spec)
    try:
        found = sha256_of(weights)
    except OSError as error:
        raise ModelError(f"weights of '{spec.name}' cannot be read: {weights} ({error.strerror})") from error
    if spec.sha256 is not None and found != spec.sha256:
        raise ModelError(
            f"weights of '{spec.name}' are damaged: sha256 {found[:12]}, expected {spec.sha256[:12]}"
        )
    return found


def sha256_of(path: Path) -> str:
    """Return the SHA-256 (hex) of a file's content."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def write_run_spec(
    folder: Path, architecture: str, command: str, own: Mapping[str, float] | None = None
) -> None:
    """Write ``model.toml``, which makes a training run's folder a model; ``own`` says how it sees images."""
    facts = {"architecture": architecture, "file": "best.safetensors", "command": command}
    write_spec(folder, {**facts, **(own or {})})


def write_spec(folder: Path, facts: Mapping[str, str | float]) -> None:
    """Write ``model.toml``, which makes a folder a model; ``architecture`` and ``file`` are needed.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    lines = (f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in facts.items())
    with whole_file(folder / RUN_FILE) as part:
        part.write_text("".join(lines), encoding="utf-8")


def _read_run(folder: Path) -> ModelSpec:
    try:
        entry = tomllib.loads((folder / RUN_FILE).read_text(encoding="utf-8"))
        name, architecture, sha256 = entry["file"], entry["architecture"], entry.get("sha256")
        if not (isinstance(architecture, str) and isinstance(sha256, (str, type(None)))):
            raise TypeError
        if Path(name).name != name or name in ("", ".."):
            raise ValueError
        return ModelSpec(str(folder), architecture, folder / name, sha256, entry)
    except (OSError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise ModelError(
            f"{folder / RUN_FILE} is no model description: needs 'architecture', and 'file', a name beside it"
        ) from error


def hash_of_model(model: str) -> str | None:
    """Return the sha256 of a model's weights, of two that are joined both; ``None`` for what has no weights.

    Raises
    ------
    ModelError
        Where a model is unknown, missing or damaged.
    """
    if model in PLAIN_METHODS:
        return None
    parts = parts_of(model)
    if len(parts) > 1:
        return JOINT.join(hash_of_model(part) or part for part in parts)
    return verify(find_model(model))
