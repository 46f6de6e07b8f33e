"""The `temtrack` command: imports what is asked for and turns errors that a user can mend into one line."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from temtrack import __version__
from temtrack.cli import output
from temtrack.cli.command_line import remember
from temtrack.cli.options import OPTIONS
from temtrack.errors import TemtrackError

#: Each is the function, or the group of them, of its name in the module of its name in `temtrack.cli`; in the
#: order in which a movie goes through them, which is also that of `temtrack --help`.
_COMMANDS = (
    "simulate",
    "info",
    "slice",
    "train",
    "compare",
    "segment",
    "track",
    "analyze",
    "kinetics",
    "report",
    "export",
    "evaluate",
    "models",
    "reproduce",
    "doctor",
    "demo",
)


@contextmanager
def _errors_in_one_line() -> Iterator[None]:
    """End errors of use and of input in one line on stderr and their exit code; a bug keeps its traceback."""
    try:
        yield
    except TemtrackError as error:
        output.fail(str(error))
        raise typer.Exit(error.exit_code) from error
    except typer.TyperException as error:
        output.fail(f"{error.format_message().rstrip('.')}; see temtrack --help")
        raise typer.Exit(error.exit_code) from error


def _find(name: str) -> typer.Typer:
    """Return the command of a name, or the group of them."""
    found = getattr(import_module(f"temtrack.cli.{name}"), name)
    if isinstance(found, typer.Typer):
        return found
    alone = typer.Typer(add_completion=False, help=inspect.getdoc(found))
    alone.command()(found)
    return alone


class _OnDemand(Mapping[str, Any]):
    """The commands by name, each imported where it is asked for: to start one costs nothing of the others."""

    def __getitem__(self, name: str) -> Any:
        if name not in _COMMANDS:
            raise KeyError(name)
        return typer.main.get_command(_find(name))

    def __iter__(self) -> Iterator[str]:
        return iter(_COMMANDS)

    def __len__(self) -> int:
        return len(_COMMANDS)


class _Commands(TyperGroup):
    """Commands whose errors, in their words or in their work, are told in one line."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes | {"commands": _OnDemand()})

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.commands)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        listed: Any = copy(
            self
        )  # of each command its text alone: its options would take longer than all else
        listed.commands = {name: TyperCommand(name, help=_find(name).info.help) for name in _COMMANDS}
        super(_Commands, listed).format_help(ctx, formatter)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        remember(args)
        output.set_verbose(False)
        with _errors_in_one_line():
            return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> object:
        with _errors_in_one_line(), output.warnings_in_one_line():
            result = super().invoke(ctx)
        sys.stdout.flush()  # a reader that has gone (`| head`) is noticed here, where Typer ends it quietly
        return result


app = typer.Typer(
    name="temtrack",
    cls=_Commands,
    help="Segment, track and analyse particles in TEM movies, merges included.",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        output.show_text(f"temtrack {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    ctx: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
    verbose: Annotated[bool, OPTIONS["verbose"]] = False,
) -> None:
    """Segment, track and analyse particles in TEM movies, merges included."""
    if ctx.invoked_subcommand is None:
        output.show_text(ctx.get_help())


def main() -> None:
    """Run the command line; the entry point of the package."""
    # Typer's pydantic would look for plugins in the metadata of every package that is installed.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    app()
