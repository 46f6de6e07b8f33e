"""The cards of the models: their facts, from ``models.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def read_models() -> dict[str, dict[str, Any]]:
    """Return the facts of every model."""
    return tomllib.loads((ROOT / "models.toml").read_text(encoding="utf-8"))


def write_overview() -> str:
    """Return the table of all models."""
    return "\n".join(overview(read_models()))


def write_card(name: str) -> str:
    """Return the generated part of a model's card."""
    facts = read_models()[name]
    return "\n\n".join(["\n".join(fact_rows(facts)), *scores(facts)])


def overview(models: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield the rows of the overview."""
    yield "| model | parameters | licence | mean F1, mean PQ on EMPS | note |"
    yield "|---|---|---|---|---|"
    for name, facts in models.items():
        emps = next((v for k, v in facts.get("scores", {}).items() if k.startswith("EMPS")), {})
        scores = ", ".join(f"{emps[key]:.3f}" for key in ("mean_f1", "mean_pq") if key in emps) or "-"
        yield (
            f"| [`{name}`]({name}.md) | {facts['parameters']:,} | {facts['licence']} | {scores} | "
            f"{facts.get('note', '')} |"
        )


def fact_rows(facts: Mapping[str, Any]) -> Iterator[str]:
    """Yield the rows of what is known of a model."""
    yield "| | |"
    yield "|---|---|"
    for title, value in {
        "network": f"`{facts['architecture']}`",
        "parameters": f"{facts['parameters']:,}",
        "licence": facts["licence"],
        "note": facts.get("note"),
        "source": facts.get("source"),
        "weights": facts.get("file") and f"`{facts['file']}`",
        "sha256": facts.get("sha256") and f"`{facts['sha256']}`",
        "training data": "; ".join(facts.get("data", [])),
        "never in training": facts.get("held_out"),
        "training command": facts.get("command") and f"`{facts['command']}`",
    }.items():
        if value:
            yield f"| {title} | {value} |"


def scores(facts: Mapping[str, Any]) -> Iterator[str]:
    """Yield a table for each set of scores."""
    if "scores" not in facts:
        return
    yield "## Scores"
    for title, values in facts["scores"].items():
        names = [key.replace("_", " ") for key in values]
        numbers = [f"{value:,}" if isinstance(value, int) else f"{value:.3f}" for value in values.values()]
        rows = (names, ["---"] * len(names), numbers)
        yield "\n".join([f"**{title}**\n", *(f"| {' | '.join(row)} |" for row in rows)])
    yield "More, and how they were measured: [accuracy](../accuracy.md)."
