"""The `temtrack` command: imports what is asked for and turns errors that a user can mend into one line."""

from __future__ import annotations

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

#: What each command does, as its own help begins, in the order in which a movie goes through them and
#: `temtrack --help` lists them. Each is the function of its name in the module of its name, or a group.
COMMANDS = {
    "simulate": "Make a sintering movie whose truth is known.",
    "info": "Show what is understood of movies: frames, type, scale, frame times, and where each comes from.",
    "slice": "Cut labelled images and movies into tiles for training, split so that no source stands on both "
    "sides.",
    "suggest": "Name the frames of a movie whose labels would teach a model most.",
    "train": "Train a network on labelled images, simulated ones, or both at given fractions.",
    "compare": "Set training runs, or the kinetics of movies, beside each other in a table and a picture.",
    "segment": "Find the particles of images and movies.",
    "track": "Follow every particle of a movie, or of each of many, through merges too.",
    "analyze": "Measure particles, tracks, frames and merges of masks folders; write them as Parquet tables.",
    "review": "Look at a run, doubt it and mend it, on a page of this machine.",
    "correct": "Apply corrections to a run: masks, lineage and tables, in a folder of their own.",
    "kinetics": "Fit sintering kinetics: sizes, growth, dispersion, mechanisms, motion, each with a 95 % "
    "interval.",
    "report": "Put a run on one page: movie with contours, merges, sizes, fates, tables.",
    "export": "Write masks, tracks and merges for other programs.",
    "evaluate": "Compare masks, tracks, merges and fates with the truth.",
    "models": "List the models, show where one comes from, verify its weights.",
    "reproduce": "Run again what a result tells of.",
    "doctor": "Check the installation: versions, devices, weights, codecs, and a test on a tiny simulated "
    "movie.",
    "demo": "Segment, track and analyse the embedded movie and show the merges beside the truth.",
}


@contextmanager
def _errors_in_one_line() -> Iterator[None]:
    """End errors of use and of input in one line on stderr and their exit code; a bug keeps its traceback."""
    try:
        yield
    except TemtrackError as error:
        output.fail(str(error))
        raise typer.Exit(error.exit_code) from error
    except typer.TyperException as error:
        ctx = getattr(error, "ctx", None)
        command = ctx.command_path.removeprefix(ctx.find_root().command_path) if ctx is not None else ""
        output.fail(f"{error.format_message().rstrip('.')}; see temtrack{command} --help")
        raise typer.Exit(error.exit_code) from error


class _OnDemand(Mapping[str, Any]):
    """The commands by name, each imported where it is asked for: to start one costs nothing of the others."""

    def __getitem__(self, name: str) -> Any:
        if name not in COMMANDS:
            raise KeyError(name)
        found = getattr(import_module(f"temtrack.cli.{name}"), name)
        if not isinstance(found, typer.Typer):
            function, found = found, typer.Typer(add_completion=False)
            found.command()(function)
        return typer.main.get_command(found)

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class _Commands(TyperGroup):
    """Commands whose errors, in their words or in their work, are told in one line."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes | {"commands": _OnDemand()})

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.commands)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        listed: Any = copy(self)  # to load the commands would take longer than all else
        listed.commands = {name: TyperCommand(name, help=told) for name, told in COMMANDS.items()}
        super(_Commands, listed).format_help(ctx, formatter)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        output.set_verbose(False)
        with _errors_in_one_line():
            remember(args)
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
