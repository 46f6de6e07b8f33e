"""Which models there are, where their weights lie, and whether those are the ones that were scored."""

from __future__ import annotations

import difflib
import hashlib
import json
import tomllib
from dataclasses import dataclass
from pathlib import Path

from temtrack.errors import ModelError

PACKAGE = Path(__file__).parent
RUN_FILE = "model.toml"


@dataclass(frozen=True)
class ModelSpec:
    """A model: its name, its network's architecture, its weights and how they came to be.

    ``sha256`` is the weights' checksum as registered, ``None`` for a run of the user's own.
    """

    name: str
    architecture: str
    weights: Path
    sha256: str | None
    facts: dict[str, object]


def read_registry() -> dict[str, ModelSpec]:
    """Return the models of ``models.toml`` by name."""
    inside, beside = PACKAGE / "models.toml", PACKAGE.parent / "models.toml"
    with (inside if inside.exists() else beside).open("rb") as file:
        entries = tomllib.load(file)
    return {
        name: ModelSpec(
            name, entry["architecture"], PACKAGE / "weights" / entry["file"], entry["sha256"], entry
        )
        for name, entry in entries.items()
    }


def find_model(name: str) -> ModelSpec:
    """Find a registered model by name, or a training run by its folder.

    Raises
    ------
    ModelError
        Where there is no such model, or the run's folder lacks weights.
    """
    if (Path(name) / RUN_FILE).is_file():
        return _read_run(Path(name))
    models = read_registry()
    if name not in models:
        near = difflib.get_close_matches(name, models, n=1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        raise ModelError(
            f"unknown model '{name}': known are {', '.join(models)}, or a training run's folder.{hint}"
        )
    return models[name]


def verify(spec: ModelSpec) -> str:
    """Return the sha256 of a model's weights.

    Raises
    ------
    ModelError
        Where they are missing or differ from the registered ones.
    """
    try:
        found = hashlib.sha256(spec.weights.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelError(
            f"weights of '{spec.name}' cannot be read: {spec.weights} ({error.strerror})"
        ) from error
    if spec.sha256 is not None and found != spec.sha256:
        raise ModelError(
            f"weights of '{spec.name}' are damaged: sha256 {found[:12]}, expected {spec.sha256[:12]}"
        )
    return found


def write_run_spec(folder: Path, architecture: str, command: str) -> None:
    """Write ``model.toml``, which makes a training run's folder a model."""
    facts = {"architecture": architecture, "file": "best.safetensors", "command": command}
    lines = (f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in facts.items())
    (folder / RUN_FILE).write_text("".join(lines), encoding="utf-8")


def _read_run(folder: Path) -> ModelSpec:
    try:
        entry = tomllib.loads((folder / RUN_FILE).read_text(encoding="utf-8"))
        return ModelSpec(str(folder), entry["architecture"], folder / entry["file"], None, entry)
    except (tomllib.TOMLDecodeError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise ModelError(
            f"{folder / RUN_FILE} is no model description: needs 'architecture' and 'file'"
        ) from error
