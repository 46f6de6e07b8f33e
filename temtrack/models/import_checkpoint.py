"""Checkpoints of other programs, made models of this one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from temtrack.errors import ModelError, OutputError
from temtrack.formats.store.atomic import whole_file
from temtrack.models.checkpoints import read_checkpoint
from temtrack.models.registry import sha256_of, write_spec
from temtrack.nets.classes import take_classes

if TYPE_CHECKING:
    import torch
    from torch import Tensor

#: Counters of batch normalisation, which inference does not need and these networks do not keep.
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
        The network, whose tensors' names and shapes the checkpoint must have.
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

    given = read_checkpoint(checkpoint)
    take_classes(net, given)
    tensors = fitting_tensors(given, net, checkpoint, architecture)
    source = sha256_of(checkpoint)
    weights = folder / f"{source[:16]}.safetensors"  # named after its source: an older one is never half new
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made: {error.strerror}; set TEMTRACK_CACHE") from error
    with whole_file(weights) as part:
        part.write_bytes(save(tensors))  # a full disk is an OSError here, but none in `save_file`
    facts = {"architecture": architecture, "file": weights.name, "sha256": sha256_of(weights)}
    write_spec(folder, {**facts, "source": origin or checkpoint.name, "source_sha256": source})
    for older in set(folder.glob("*.safetensors")) - {weights}:
        older.unlink()
    return weights


def fitting_tensors(
    tensors: dict[str, Tensor], net: torch.nn.Module, path: Path, architecture: str
) -> dict[str, Tensor]:
    """Return the tensors in the network's own types, key by key.

    Raises
    ------
    ModelError
        Naming what is missing, unknown or of another shape.
    """
    wanted = {name: tensor for name, tensor in net.state_dict().items() if not name.endswith(_COUNTER)}
    found = {name: tensor for name, tensor in tensors.items() if not name.endswith(_COUNTER)}
    faults = {
        "lacks": [name for name in wanted if name not in found],
        "has unknown": [name for name in found if name not in wanted],
        "has of another shape": [
            f"{name} {tuple(found[name].shape)} for {tuple(tensor.shape)}"
            for name, tensor in wanted.items()
            if name in found and found[name].shape != tensor.shape
        ],
    }
    told = [
        f"{fault} {len(names)} tensors ({', '.join(names[:2])})" for fault, names in faults.items() if names
    ]
    if told:
        raise ModelError(f"{path}: is no checkpoint of {architecture}: {'; '.join(told)}")
    return {name: found[name].to(tensor.dtype).contiguous() for name, tensor in wanted.items()}
