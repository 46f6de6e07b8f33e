"""The page of the commands: help, usage, arguments and options as the program itself tells them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from textwrap import dedent
from typing import Any

from typer.main import get_command

from temtrack.cli.app import app

#: What Typer calls a value that has no name of its own.
_KINDS = {
    "<int range>": "N",
    "<int>": "N",
    "<float range>": "X",
    "<float>": "X",
    "<str>": "TEXT",
    "<path>": "PATH",
    " <list[str]>": "",
    " <list[path]>": "",
}

_DEFAULT = re.compile(r"\s*\[(?P<facts>[^][]*(?:\[[^][]*\][^][]*)*)\]$")


def write() -> str:
    """Return a section for each command."""
    commands = get_command(app).commands
    return "\n\n".join(text for name, command in commands.items() for text in section(name, command))


def section(name: str, command: Any, level: int = 2) -> Iterator[str]:
    """Yield the parts of a command's section, and those of its own commands."""
    context = command.make_context(f"temtrack {name}", [], resilient_parsing=True)
    yield f"{'#' * level} {name}"
    yield dedent(command.help or "").strip()
    inner = getattr(command, "commands", None)
    yield f"```text\n{context.get_usage().removeprefix('Usage: ')}\n```"
    records = [parameter.get_help_record(context) for parameter in command.params]
    rows = [row_of(*record) for record in records if record is not None]
    if rows:
        yield "\n".join(["| argument or option | meaning | default |", "|---|---|---|", *rows])
    for word, one in (inner or {}).items():
        yield from section(f"{name} {word}", one, level + 1)


def row_of(option: str, meaning: str) -> str:
    """Return the row of an option, from the two columns of the program's own help."""
    for kind, name in _KINDS.items():
        option = option.replace(kind, name)
    found = _DEFAULT.search(meaning)
    facts = found["facts"] if found else ""
    words = [word.strip() for word in facts.split(";")]
    default = next((word.removeprefix("default: ") for word in words if word.startswith("default: ")), "")
    others = [word for word in words if word and not word.startswith("default: ") and word != "required"]
    if "required" in words:
        default = "*required*"
    elif default:
        default = f"`{default}`"
    text = _DEFAULT.sub("", meaning) + "".join(f" (`{word}`)" for word in others)
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in (f"`{option}`", text, default)) + " |"
