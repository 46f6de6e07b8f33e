"""What was run on what: the typed record that stands beside every result."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from temtrack import __version__

#: Longer values are cut in a message that compares them.
_MAX_SHOWN = 40


@dataclass(frozen=True)
class Source:
    """An input or a model: the name that it was given by, and the SHA-256 of its content if it has any."""

    name: str
    sha256: str | None = None


@dataclass(frozen=True)
class Provenance:
    """What decides on a result, and where its inputs lay.

    Parameters
    ----------
    action
        What was done, by the name of the command: ``segment``, ``track``, ``correct``, ``analyze`` ...
    command
        The command as it was typed, or the Python function.
    inputs, models
        By their part in the action, as ``movie`` and ``masks``, ``model`` and ``tracker``.
    options
        All options that decide on the result, as JSON values; ``reproduce`` runs from them.
    found
        What was decided on the way, as the scale at which the model saw a movie; it follows from the rest.
    version
        Of temtrack.
    """

    action: str
    command: str
    inputs: Mapping[str, Source] = field(default_factory=dict)
    models: Mapping[str, Source] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    found: Mapping[str, Any] = field(default_factory=dict)
    version: str = __version__

    def to_json(self) -> dict[str, Any]:
        """Return the record as it stands in a file."""
        facts = asdict(self)
        return {"temtrack_version": facts.pop("version"), **facts}

    @classmethod
    def from_json(cls, record: Any) -> Provenance:
        """Return the record that `to_json` wrote.

        Raises
        ------
        ValueError
            Where it is none.
        """
        try:
            return cls(
                action=_text(record["action"]),
                command=_text(record["command"]),
                inputs=_sources(record["inputs"]),
                models=_sources(record["models"]),
                options=dict(record["options"]),
                found=dict(record["found"]),
                version=_text(record["temtrack_version"]),
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"is no record of a run: {error}") from error

    def metadata(self) -> dict[str, str]:
        """Return the record as texts by name, as Parquet keeps them: whole, and its parts for a person."""
        told = {"temtrack_version": self.version, "command": self.command}
        if "n_corrections" in self.found:
            told["n_corrections"] = str(self.found["n_corrections"])
        for part, source in {**self.inputs, **self.models}.items():
            told |= {part: source.name, f"{part}_sha256": source.sha256 or ""}
        return {**told, "provenance": json.dumps(self.to_json())}

    def differences(self, now: Provenance) -> list[str]:
        """Say in what another run differs: version, contents, models or options, not the places of inputs."""
        then_facts, now_facts = self._deciding(), now._deciding()
        return [
            f"{name} {_shown(then_facts.get(name))}, now {_shown(now_facts.get(name))}"
            for name in {**then_facts, **now_facts}
            if then_facts.get(name) != now_facts.get(name)
        ]

    def _deciding(self) -> dict[str, object]:
        facts: dict[str, object] = {"temtrack_version": self.version, "action": self.action}
        facts |= {part: source.name for part, source in self.models.items()}
        facts |= {f"{part}_sha256": s.sha256 for part, s in {**self.inputs, **self.models}.items()}
        return facts | dict(self.options)


def _sources(record: Mapping[str, Mapping[str, Any]]) -> dict[str, Source]:
    return {
        part: Source(_text(one["name"]), one["sha256"] and _text(one["sha256"]))
        for part, one in record.items()
    }


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _shown(value: object) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."
