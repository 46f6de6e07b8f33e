"""`temtrack models`: what models there are, where they come from, and whether they are whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import typer

from temtrack.cli import output
from temtrack.cli.options import command

models = typer.Typer(
    name="models",
    help="List the models, show where one comes from, verify its weights.",
    add_completion=False,
    invoke_without_command=True,
)


@models.callback()
def _root(ctx: typer.Context) -> None:
    if ctx.invoked_subcommand is None:
        list_models()


@models.command("list")
@command()
def list_models(rows_as_json: bool = False) -> None:
    """List the models that come with temtrack, and those that were imported."""
    from temtrack.models.registry import read_models

    rows = [
        {
            "model": name,
            "network": spec.architecture,
            "parameters": spec.facts.get("parameters"),
            "licence": spec.facts.get("licence"),
            "source": spec.facts.get("source", "embedded"),
            "note": spec.facts.get("note"),
        }
        for name, spec in read_models().items()
    ]
    output.show_rows(rows, as_json=rows_as_json)


@models.command("show")
@command(model=typer.Argument(metavar="MODEL", help="A model's name or a run's folder."))
def show_model(model: str, rows_as_json: bool = False) -> None:
    """Show a model's weights, training command, data, scores and licence."""
    from temtrack.models.registry import find_model

    spec = find_model(model)
    facts = {"model": spec.name, "weights": spec.weights and str(spec.weights), **spec.facts}
    if rows_as_json:
        output.show_json(facts)
        return
    output.show_rows(list(_facts_and_scores(facts)), as_json=False)


def _facts_and_scores(facts: Mapping[str, object], above: str = "") -> Iterator[output.Row]:
    for name, value in facts.items():
        title = f"{above} {name}".replace("_", " ").strip()
        if isinstance(value, dict):
            yield from _facts_and_scores(value, title)
        else:
            yield {"fact": title, "value": "; ".join(value) if isinstance(value, list) else str(value)}


@models.command("verify")
@command()
def verify_models(rows_as_json: bool = False) -> None:
    """Check every embedded and imported model's weights against its sha256."""
    from temtrack.models.registry import read_models, verify

    rows = [
        {"model": name, "sha256": verify(spec), "whole": True}
        for name, spec in read_models().items()
        if spec.weights
    ]
    output.show_rows(rows, as_json=rows_as_json)


@models.command("import")
@command(
    network=typer.Argument(metavar="NETWORK", help="The network, as r50-deaot-l."),
    checkpoint=typer.Argument(metavar="FILE", help="Its .pth, .pt or .safetensors file."),
    name=typer.Option("--name", metavar="MODEL", help="What to call it, if not like its network."),
)
def import_model(
    network: str, checkpoint: Path, name: str | None = None, force: bool = False, rows_as_json: bool = False
) -> None:
    """Import a checkpoint that you have downloaded or trained elsewhere.

    Its tensors must be those of NETWORK, key by key; no code in the file is
    run. From then on --model or --tracker takes it by its name.
    """
    from temtrack.models.catalog import find_architecture
    from temtrack.models.import_checkpoint import import_checkpoint
    from temtrack.models.registry import new_model_folder

    net = find_architecture(network).build()
    folder = new_model_folder(name or network, force)
    weights = import_checkpoint(folder, network, net, checkpoint)
    _show(folder.name, network, weights, rows_as_json)


@models.command("export")
@command(
    model=typer.Argument(metavar="MODEL", help="A model's name or a run's folder."),
    kind=typer.Option("--to", help="The format."),
    out=typer.Option("--output", "-o", metavar="FILE", help="Where to; named after MODEL if not given."),
)
def export_model(
    model: str,
    kind: Literal["onnx", "bioimageio"],
    out: Path | None = None,
    force: bool = False,
    rows_as_json: bool = False,
) -> None:
    """Write a network for other programs (ONNX Runtime, OpenVINO, Fiji, ilastik).

    It makes maps (1, 3, Y, X) of foreground, particle markers and touching
    boundaries, 0 to 1, of an image (1, 1, Y, X) whose sides are multiples of
    16 px, particles about 40 px wide and dark: grey values from 0 to 1, the
    level halfway between background and particles at 0.5. With --to bioimageio
    it is a zip file with the description that ilastik, Fiji and QuPath read.
    """
    from temtrack.formats.store.atomic import check_output_file
    from temtrack.segmentation.bioimageio_export import SUFFIX, write_bioimageio
    from temtrack.segmentation.onnx_export import load_maps_network, write_onnx

    network = load_maps_network(model)
    path = out or Path(Path(model).name + (SUFFIX if kind == "bioimageio" else f".{kind}"))
    check_output_file(path, force)
    if kind == "bioimageio":
        write_bioimageio(path, model, network)
    else:
        write_onnx(path, network)
    output.show_rows([{"model": model, "file": str(path)}], as_json=rows_as_json)


@models.command("download")
@command(
    model=typer.Argument(metavar="MODEL", help="What it is called, or shall be called."),
    url=typer.Option("--url", metavar="HTTPS", help="Address of a checkpoint of your own."),
    sha256=typer.Option("--sha256", metavar="HEX", help="Its checksum; any other file is refused."),
    network=typer.Option("--network", help="Its network, as r50-deaot-l, if not called like it."),
    from_folder=typer.Option(
        "--from-dir", metavar="DIR", help="Take the file from this folder; nothing is fetched."
    ),
)
def download_model(
    model: str,
    url: str | None = None,
    sha256: str | None = None,
    network: str | None = None,
    from_folder: Path | None = None,
    force: bool = False,
    rows_as_json: bool = False,
) -> None:
    """Download a model by https and import it, checked by its checksum and key by key.

    On a machine without network, carry the file there and name its folder
    with --from-dir.
    """
    from temtrack.models.catalog import find_architecture
    from temtrack.models.download import download, find_beside, find_downloaded, find_source
    from temtrack.models.import_checkpoint import import_checkpoint
    from temtrack.models.registry import imported_models_folder, new_model_folder

    source = find_source(model, url, sha256, network)
    there = find_downloaded(source)
    if there is not None and not (force and source.url):
        _show(model, there.architecture, there.weights, rows_as_json)
        return
    net, folder = find_architecture(source.architecture).build(), new_model_folder(model, force)
    address, checksum = str(source.url), str(source.sha256)
    if from_folder is not None:
        file = find_beside(from_folder, address, checksum)
    else:
        with output.byte_progress("downloading") as bar:
            file = download(address, checksum, imported_models_folder().parent / "downloads", bar)
    weights = import_checkpoint(folder, source.architecture, net, file, address)
    if from_folder is None:
        file.unlink()
    _show(model, source.architecture, weights, rows_as_json)


def _show(model: str, network: str, weights: Path | None, as_json: bool) -> None:
    shown = None if weights is None else str(weights)
    output.show_rows([{"model": model, "network": network, "weights": shown}], as_json=as_json)
