"""Checkpoints of other programs, made models of this one."""

from __future__ import annotations

from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING

from temtrack.errors import ModelError, OutputError
from temtrack.formats.store.atomic import whole_file
from temtrack.models.checkpoints import read_checkpoint
from temtrack.models.registry import sha256_of, write_spec

if TYPE_CHECKING:
    import torch

#: Counters of batch normalisation, which inference does not need and some of these networks do not keep.
_COUNTER = ".num_batches_tracked"


def import_checkpoint(
    folder: Path, architecture: str, net: torch.nn.Module, checkpoint: Path, origin: str | None = None
) -> Path:
    """Make a checkpoint of another program a model: a folder with its tensors and ``model.toml``.

    Parameters
    ----------
    folder
        The model's own; an earlier model in it is replaced once the new one is whole.
    architecture
        Name of the network.
    net
        The network, whose tensors' names and shapes the checkpoint must have; it is loaded.
    checkpoint
        See `read_checkpoint`.
    origin
        Where it comes from, for the record; its name if nothing else is known.

    Returns
    -------
    Path of the weights.

    Raises
    ------
    ModelError
        If the checkpoint cannot be read or is another network's.
    OutputError
        If the folder cannot be written to.
    """
    from safetensors.torch import save

    try:
        net.load_state_dict(without_counters(read_checkpoint(checkpoint)))
    except RuntimeError as error:
        reasons = shorten(" ".join(str(error).splitlines()[1:]), 300)  # the first line names the class only
        raise ModelError(f"{checkpoint}: is no checkpoint of {architecture}: {reasons}") from error
    source = sha256_of(checkpoint)
    weights = folder / f"{source[:16]}.safetensors"  # named after its source: an older one is never half new
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made: {error.strerror}; set TEMTRACK_CACHE") from error
    with whole_file(weights) as part:  # a full disk is an OSError here, but none in `save_file`
        part.write_bytes(save(without_counters(net.state_dict())))
    facts = {"architecture": architecture, "file": weights.name, "sha256": sha256_of(weights)}
    write_spec(folder, {**facts, "source": origin or checkpoint.name, "source_sha256": source})
    for older in set(folder.glob("*.safetensors")) - {weights}:
        older.unlink()
    return weights


def without_counters(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the tensors that inference needs."""
    return {name: tensor for name, tensor in tensors.items() if not name.endswith(_COUNTER)}
