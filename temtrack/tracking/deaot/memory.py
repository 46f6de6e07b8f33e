"""The memory bank: what is kept of past frames, so that ids may change and the network's memory follows.

A memory entry keeps the ids of its frame, not their colours. The network's memory of it is made from the
colours that the ids bear now, and anew, where they differ, once those change. So a merge, a recolouring or
a new particle touches its own region of old frames and no other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from temtrack.imaging.labels import compact, map_ids
from temtrack.nets.deaot.memory import Memory, View
from temtrack.nets.deaot.model import N_CHANNELS, N_IDS, STRIDE, Deaot, Pyramid
from temtrack.nets.device import bf16_where_native
from temtrack.nets.layers import imagenet_normalize
from temtrack.tracking.deaot.padding import PaddedInput, shift_onto

#: In place of a colour where nothing is known.
UNKNOWN = 2**16 - 1

#: A token is left out of attention where more than this share of its pixels is unknown.
MAX_UNKNOWN_FRACTION = 0.1


@dataclass
class MemoryEntry:
    """A frame whose ids are known, in the memory bank.

    Parameters
    ----------
    number
        Of the reference, counted from 0.
    padded
        How the frame lay on the network's input.
    labels
        (H, W) int32 ids on its padded input.
    newer
        (H, W) int32 ids that came up later, where they then were: what the frame shows there is unknown as
        long as they live.
    tokens
        Of a frame observed without propagating to it, once they are asked for.
    views
        Of a frame propagated to: one a pass.
    colours
        (H, W) uint16 for which the embeddings stand.
    embeddings
        Of the ids, one a pass.
    valid
        (h, w) bool tokens of which enough is known, ``None`` for all.
    memories
        The network's memories, by pass.
    stands_for
        The colours of all ids for which all this holds, ``None`` where something has changed since.
    grey
        (H, W) float32, the frame on its padded input, where its tokens have yet to be encoded.
    """

    number: int
    padded: PaddedInput
    labels: NDArray[np.int32]
    newer: NDArray[np.int32]
    tokens: Tensor | None
    views: list[View]
    colours: NDArray[np.uint16] | None = None
    embeddings: list[Tensor] = field(default_factory=list)
    valid: Tensor | None = None
    memories: dict[int, Memory] = field(default_factory=dict)
    stands_for: dict[int, int] | None = None
    grey: NDArray[np.float32] | None = None

    def rename(self, successors: Mapping[int, int]) -> None:
        """Replace ids."""
        self.labels = map_ids(self.labels, successors)
        self.newer = map_ids(self.newer, successors)
        self.stands_for = None

    def add_new_objects(self, new_objects: NDArray[np.int32], padded: PaddedInput) -> None:
        """Note where ids lie that are new in a later frame: (H, W) on the padded input of that frame."""
        shown = shift_onto(new_objects, padded.origin, self.padded)
        self.newer = np.where(shown != 0, shown, self.newer)
        self.stands_for = None

    def recolour(self, net: Deaot, colour_of_id: Mapping[int, int], n_passes: int) -> None:
        """Bring the embeddings of the ids up to their present colours."""
        if self.stands_for == colour_of_id and len(self.embeddings) == n_passes:
            return
        self.stands_for = dict(colour_of_id)
        colours = self._present_colours(colour_of_id)
        before, self.colours = self.colours, colours
        if before is not None and len(self.embeddings) == n_passes and np.array_equal(before, colours):
            return
        self.memories.clear()
        self.valid = _known_tokens(colours, next(net.parameters()).device)
        if before is None or len(self.embeddings) != n_passes:
            self.embeddings = [embed(net, colours, p) for p in range(n_passes)]
            return
        for p in range(n_passes):
            self.embeddings[p] = _embed_changed(net, colours, before, p, self.embeddings[p])

    def read(self, net: Deaot, p: int, padded: PaddedInput) -> Memory:
        """Return the network's memory of pass ``p``, shifted onto the padded input of a later frame."""
        if p not in self.memories:
            self.memories[p] = self._make_memory(net, p)
        (y, x), (to_y, to_x) = self.padded.origin, padded.origin
        return shift_memory(self.memories[p], self.valid, (y - to_y, x - to_x))

    def _make_memory(self, net: Deaot, p: int) -> Memory:
        if self.grey is not None:
            self.tokens, self.grey = encode(net, self.grey).tokens, None
        if self.tokens is not None:
            return net.observe(self.tokens, self.embeddings[p])
        return net.write(self.views[min(p, len(self.views) - 1)], self.embeddings[p])

    def _present_colours(self, colour_of_id: Mapping[int, int]) -> NDArray[np.uint16]:
        """Return (H, W) colours, `UNKNOWN` where an id has ended or one came up since."""
        small, ids = compact(self.labels)
        table = np.array([0, *(colour_of_id.get(i, UNKNOWN) for i in ids.tolist())], np.uint16)
        colours = table[small]
        if self.newer.any():
            small, ids = compact(self.newer)
            lives = np.array([False, *(i in colour_of_id for i in ids.tolist())])
            colours[lives[small]] = UNKNOWN
        return colours


def encode(net: Deaot, grey: NDArray[np.float32]) -> Pyramid:
    """Encode an image (H, W) in [0, 1] on its padded input."""
    device = next(net.parameters()).device
    with bf16_where_native(device):
        return net.encode(imagenet_normalize(torch.from_numpy(grey).to(device)[None, None]))


def embed(net: Deaot, colours: NDArray[np.uint16], p: int) -> Tensor:
    """Return the embedding of the colours (H, W) of pass ``p``; those of others count as background."""
    own = colours.astype(np.int32) - p * N_IDS
    own[(own < 0) | (own > N_IDS)] = 0
    device = next(net.parameters()).device
    channels = torch.arange(N_CHANNELS, device=device)[:, None, None]
    one_hot = torch.from_numpy(own).to(device) == channels
    return net.embed_ids(one_hot[None].float())


def shift_memory(memory: Memory, valid: Tensor | None, shift: tuple[int, int]) -> Memory:
    """Return a memory moved by (y, x) tokens; what comes in from outside takes no part in attention."""
    if shift == (0, 0):
        return memory if valid is None else memory.with_valid(valid[None])
    grid = memory.grid
    known = torch.ones(grid, dtype=torch.bool, device=memory.layers[0].key.device) if valid is None else valid
    known = torch.roll(known, shift, (0, 1))
    for axis, step in enumerate(shift):
        n = grid[axis]
        outside = slice(0, min(step, n)) if step > 0 else slice(max(n + step, 0), n)
        known[outside if axis == 0 else (slice(None), outside)] = False

    def rolled(x: Tensor) -> Tensor:
        return torch.roll(_on_grid(x, grid), shift, (1, 2)).flatten(1, 2)

    layers = tuple(
        replace(layer, key=rolled(layer.key), value=rolled(layer.value)) for layer in memory.layers
    )
    return Memory(layers, grid).with_valid(known[None])


def without_gates(view: View) -> View:
    """Return what `Deaot.write` needs of a view: the gates are half of it and have done their work."""
    layers = tuple(replace(layer, gate=layer.gate[:, :0]) for layer in view.layers)
    return replace(view, layers=layers)


def evict(frames: list[MemoryEntry], n_kept: int, newest: int) -> list[MemoryEntry]:
    """Return at most ``n_kept`` of the frames, oldest first, spread evenly over the logarithm of their ages.

    The first stays. ``newest`` is a later frame's number, from which ages count.
    """
    kept = list(frames)
    while len(kept) > n_kept:
        ages = [newest - frame.number for frame in kept] + [1]
        del kept[min(range(1, len(kept)), key=lambda i: ages[i - 1] / ages[i + 1])]
    return kept


def _known_tokens(colours: NDArray[np.uint16], device: torch.device) -> Tensor | None:
    """Return (h, w) bool where enough of the pixels that a token sees is known."""
    unknown = colours == UNKNOWN
    if not unknown.any():
        return None
    share = F.avg_pool2d(torch.from_numpy(unknown).float()[None], STRIDE + 1, STRIDE, STRIDE // 2)
    return (share[0] <= MAX_UNKNOWN_FRACTION).to(device)


def _embed_changed(
    net: Deaot, colours: NDArray[np.uint16], before: NDArray[np.uint16], p: int, embedding: Tensor
) -> Tensor:
    """Return the embedding brought up to new colours, computed anew within the box of all changes."""
    changed = colours != before
    grid = [(n - 1) // STRIDE + 1 for n in colours.shape]
    spans = [_token_span(changed.any(axis=1 - axis), grid[axis]) for axis in (0, 1)]
    pixels = tuple(slice(STRIDE * around[0], STRIDE * around[1] + 1) for _, around in spans)
    sides = [around[1] - around[0] + 1 for _, around in spans]
    part = _on_grid(embed(net, np.ascontiguousarray(colours[pixels]), p), sides)
    whole = _on_grid(embedding, grid).clone()
    (y, around_y), (x, around_x) = spans
    inner = part[:, y[0] - around_y[0] : y[1] + 1 - around_y[0], x[0] - around_x[0] : x[1] + 1 - around_x[0]]
    whole[:, y[0] : y[1] + 1, x[0] : x[1] + 1] = inner
    return whole.flatten(1, 2)


def _on_grid(tokens: Tensor, grid: Sequence[int]) -> Tensor:
    """Return BxNxC tokens as BxhxwxC."""
    return tokens.view(tokens.shape[0], grid[0], grid[1], -1)


def _token_span(changed: NDArray[np.bool_], n: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return first and last token that sees a change along an axis, and the same with one token around."""
    (at,) = np.nonzero(changed)
    half = STRIDE // 2
    first, last = max(0, -(-(int(at[0]) - half) // STRIDE)), min(n - 1, (int(at[-1]) + half) // STRIDE)
    return (first, last), (max(0, first - 1), min(n - 1, last + 1))
