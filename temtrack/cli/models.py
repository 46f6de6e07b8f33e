"""`temtrack models`: what models there are, where they come from, and whether they are whole."""

from __future__ import annotations

from typing import Annotated

import typer

from temtrack.cli import options, output

models = typer.Typer(invoke_without_command=True)


@models.callback()
def _root(ctx: typer.Context) -> None:
    """List the models, show where one comes from, verify its weights."""
    if ctx.invoked_subcommand is None:
        list_models()


@models.command("list")
def list_models(as_json: options.Json = False) -> None:
    """List the models that come with temtrack."""
    from temtrack.registry import read_registry

    rows = [
        {"model": name, "parameters": spec.facts.get("parameters"), "licence": spec.facts.get("licence")}
        for name, spec in read_registry().items()
    ]
    output.show_rows(rows, as_json=as_json)


@models.command("show")
def show_model(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model's name or a run's folder.")],
    as_json: options.Json = False,
) -> None:
    """Show a model's weights, training command, data, scores and licence."""
    from temtrack.registry import find_model

    spec = find_model(model)
    facts = {"model": spec.name, "weights": str(spec.weights), **spec.facts}
    if as_json:
        output.show_json(facts)
        return
    output.show_rows([{"fact": name, "value": str(value)} for name, value in facts.items()], as_json=False)


@models.command("verify")
def verify_models(as_json: options.Json = False) -> None:
    """Check every embedded model's weights against its sha256."""
    from temtrack.registry import read_registry, verify

    rows = [{"model": name, "sha256": verify(spec), "whole": True} for name, spec in read_registry().items()]
    output.show_rows(rows, as_json=as_json)
