"""The `temtrack` command: registers the commands and turns errors that a user can mend into one line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from temtrack import __version__
from temtrack.cli import output
from temtrack.cli.analyze import analyze
from temtrack.cli.command_line import remember
from temtrack.cli.demo import demo
from temtrack.cli.doctor import doctor
from temtrack.cli.evaluate import evaluate
from temtrack.cli.export import export
from temtrack.cli.info import info
from temtrack.cli.kinetics import kinetics
from temtrack.cli.models import models
from temtrack.cli.report import report
from temtrack.cli.rerun import rerun
from temtrack.cli.segment import segment
from temtrack.cli.simulate import simulate
from temtrack.cli.slice import slice
from temtrack.cli.track import track
from temtrack.cli.train import train
from temtrack.errors import TemtrackError

#: In the order in which a movie goes through them, which is also that of `temtrack --help`.
_COMMANDS = (simulate, info, slice, train, segment, track, analyze, kinetics, report, export, evaluate)


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


class _Commands(TyperGroup):
    """Commands whose errors, in their words or in their work, are told in one line."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        remember(args)
        with _errors_in_one_line():
            return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> object:
        with _errors_in_one_line():
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
for _command in _COMMANDS:
    app.command()(_command)
app.add_typer(models, name="models")
app.command()(rerun)
app.command()(doctor)
app.command()(demo)


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
) -> None:
    """Segment, track and analyse particles in TEM movies, merges included."""
    if ctx.invoked_subcommand is None:
        output.show_text(ctx.get_help())


def main() -> None:
    """Run the command line; the entry point of the package."""
    app()
