"""What options of all stages share: read from a call, written into a provenance and read back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class Options:
    """Options that decide on a result, as they stand in its provenance."""

    def to_json(self) -> dict[str, Any]:
        """Return the options as JSON values."""
        return {option.name: _to_json(getattr(self, option.name)) for option in fields(self)}

    @classmethod
    def among(cls, parameters: Mapping[str, Any]) -> Self:
        """Return the options that a function has among its parameters, which `locals` gives by name."""
        return cls(**{option.name: parameters[option.name] for option in fields(cls)})

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Self:
        """Return the options that `to_json` wrote.

        Raises
        ------
        ValueError
            Where one is unknown or of another kind.
        """
        unknown = set(record) - {option.name for option in fields(cls)}
        if unknown:
            raise ValueError(f"unknown options {', '.join(sorted(unknown))}")
        read = {name: _from_json(name, value) for name, value in record.items() if value is not None}
        try:
            return cls(**read)
        except TypeError as error:
            raise ValueError(str(error)) from error


def _to_json(value: Any) -> Any:
    if isinstance(value, slice):
        return [value.start, value.stop, value.step]
    if isinstance(value, Path):
        return str(value)
    return value.tolist() if hasattr(value, "tolist") else value


def _from_json(name: str, value: Any) -> Any:
    """Read an option back; JSON has no type for some."""
    if name == "frames":
        return slice(*value)
    if name in ("heater_log", "log", "first_mask", "corrections"):
        return Path(value)
    if name not in ("points", "boxes", "prompts"):
        return value
    import numpy as np

    return np.array(value, dtype=np.float64)
