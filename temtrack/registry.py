"""Which models there are, where their weights lie, and whether those are the ones that were scored."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from temtrack.errors import ModelError, UsageError, did_you_mean

PACKAGE = Path(__file__).parent
RUN_FILE = "model.toml"

#: Names of models that a user adds: they become names of folders.
_NAME = re.compile(r"[A-Za-z0-9][\w.+-]*")


@dataclass(frozen=True)
class ModelSpec:
    """A model: its name, its network's architecture, its weights and how they came to be.

    ``weights`` is ``None`` for what is no network; ``sha256`` is the weights' checksum as registered,
    ``None`` for a run of the user's own.
    """

    name: str
    architecture: str
    weights: Path | None
    sha256: str | None
    facts: dict[str, object]


def read_registry() -> dict[str, ModelSpec]:
    """Return the models of ``models.toml`` by name."""
    inside, beside = PACKAGE / "models.toml", PACKAGE.parent / "models.toml"
    with (inside if inside.exists() else beside).open("rb") as file:
        entries = tomllib.load(file)
    return {name: _registered(name, entry) for name, entry in entries.items()}


def _registered(name: str, entry: dict[str, Any]) -> ModelSpec:
    weights = PACKAGE / "weights" / entry["file"] if "file" in entry else None
    return ModelSpec(name, entry["architecture"], weights, entry.get("sha256"), entry)


def added_models_folder() -> Path:
    """Return where added models lie: ``models`` in ``TEMTRACK_CACHE``, or in the user's own cache."""
    from platformdirs import user_cache_path

    return Path(os.environ.get("TEMTRACK_CACHE") or user_cache_path("temtrack")) / "models"


def read_added() -> dict[str, ModelSpec]:
    """Return the models that the user has added, by name."""
    folders = sorted(path.parent for path in added_models_folder().glob(f"*/{RUN_FILE}"))
    return {folder.name: replace(_read_run(folder), name=folder.name) for folder in folders}


def read_models() -> dict[str, ModelSpec]:
    """Return all models that have a name: those that come with temtrack, and those that were added."""
    return read_registry() | read_added()


def new_model_folder(name: str, force: bool) -> Path:
    """Return the folder of a model to be added under a name that is free, or that ``force`` frees.

    Raises
    ------
    UsageError
        A name that cannot be a folder's, an embedded model's, or one that is taken.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"a model cannot be called '{name}': use letters, digits and . _ + -")
    if name in read_registry():
        raise UsageError(f"'{name}' is the name of an embedded model: give another with --name")
    folder = added_models_folder() / name
    if folder.exists() and not force:
        raise UsageError(f"a model '{name}' is there already: give --force to replace it, or --name")
    return folder


def find_model(name: str) -> ModelSpec:
    """Find an embedded or added model by name, or a training run by its folder.

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


def weights_of(spec: ModelSpec) -> Path:
    """Return the path of a model's weights; `ModelError` for one that is no network."""
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


def write_run_spec(folder: Path, architecture: str, command: str) -> None:
    """Write ``model.toml``, which makes a training run's folder a model."""
    write_spec(folder, {"architecture": architecture, "file": "best.safetensors", "command": command})


def write_spec(folder: Path, facts: Mapping[str, str | int]) -> None:
    """Write ``model.toml``, which makes a folder a model; ``architecture`` and ``file`` are needed."""
    lines = (f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in facts.items())
    part = folder / f".{RUN_FILE}"
    part.write_text("".join(lines), encoding="utf-8")
    part.replace(folder / RUN_FILE)


def _read_run(folder: Path) -> ModelSpec:
    try:
        entry = tomllib.loads((folder / RUN_FILE).read_text(encoding="utf-8"))
        weights = folder / entry["file"]
        return ModelSpec(str(folder), entry["architecture"], weights, entry.get("sha256"), entry)
    except (tomllib.TOMLDecodeError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise ModelError(
            f"{folder / RUN_FILE} is no model description: needs 'architecture' and 'file'"
        ) from error
