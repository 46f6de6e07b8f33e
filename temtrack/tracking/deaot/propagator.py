"""The `deaot` propagators: a network carries ids as colours, locality turns colours back into ids."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from temtrack.imaging.correlation import grid_spacing
from temtrack.imaging.intensity import rescale_intensity
from temtrack.imaging.labels import measure_regions, overlap_counts
from temtrack.nets.deaot import (
    N_IDS,
    STRIDE,
    Deaot,
    Memory,
    Pyramid,
)
from temtrack.nets.imagenet import imagenet_normalize
from temtrack.nets.precision import bf16_where_native
from temtrack.tracking.deaot.colouring import colour_particles, find_conflicts, give_own_colours
from temtrack.tracking.deaot.decoding import ColourContest, assign_ids
from temtrack.tracking.deaot.gating import Plausibility, stand_in
from temtrack.tracking.deaot.memory import RememberedFrame, thin, without_gates
from temtrack.tracking.deaot.padding import choose_scale, lay_out
from temtrack.tracking.deaot.state import STATE_CLASSES, DeaotState, Look, to_device
from temtrack.tracking.registration import find_drift, on_grid

#: An id that ends where another takes over at least this share of its place lives on in it.
HEIR_SHARE = 0.5


@dataclass(frozen=True)
class DeaotConfig:
    """How a network carries ids.

    Parameters
    ----------
    ids
        ``colours``: ten for all, in one pass. ``groups``: ten particles a pass, as many passes as it takes.
    n_reference_frames
        Frames in long-term memory: the first, and others thinned out with age.
    long_radius_tokens
        How far long-term memory is searched; ``None`` for everywhere.
    target_diameter_px
        Of the typical particle on the network's input.
    max_input_px
        Pixels of the network's input, at most.
    reach_tokens
        Particles nearer to each other than so many tokens bear different colours, and no particle is looked
        for farther than this from where it is expected.
    bounds
        What answers to believe.
    """

    ids: Literal["colours", "groups"] = "colours"
    n_reference_frames: int = 4
    long_radius_tokens: int | None = 7
    target_diameter_px: float = 28.0
    max_input_px: int = 1_500_000
    reach_tokens: float = 1.25
    bounds: Plausibility = field(default_factory=Plausibility)


class DeaotPropagator:
    """Carries labels from frame to frame by a network that remembers how particles looked.

    Parameters
    ----------
    net
        The network.
    device
        Where it runs.
    config
        How it is used; the defaults where none is given.
    """

    state_classes: tuple[type, ...] = STATE_CLASSES

    def __init__(self, net: Deaot, device: torch.device, config: DeaotConfig | None = None) -> None:
        self.net = net.to(device).eval()
        self.device = device
        self.config = config or DeaotConfig()
        self._state = DeaotState()

    def anew(self) -> DeaotPropagator:
        """Return one with the same network that remembers nothing yet."""
        return DeaotPropagator(self.net, self.device, self.config)

    def state(self) -> DeaotState:
        """Return all that it remembers."""
        return self._state

    def restore(self, state: DeaotState) -> None:
        """Take what `state` returned in place of all that it remembers."""
        self._state = to_device(state, self.device)

    @torch.inference_mode()
    def add_reference(self, frame: NDArray[np.generic], labels: NDArray[np.integer]) -> None:
        """Take the labels (Y, X) of a frame (Y, X), the newest so far, mostly the one propagated to last."""
        state, config = self._state, self.config
        ids = labels.astype(np.int32)
        if state.scale is None:
            state.scale = choose_scale(ids, config.target_diameter_px, config.max_input_px)
        if state.scale is not None:
            look = state.look
            if look is None or not np.array_equal(look.frame, frame):
                look, _ = self._look(frame)
            self._follow_ids(look, ids)
            self._remember(look, ids)
            state.drift_px, state.grid, state.look = look.drift_px, look.grid, None
        state.motion.learn(ids)
        state.n_references += 1

    @torch.inference_mode()
    def propagate(self, frame: NDArray[np.generic]) -> NDArray[np.int32]:
        """Return the newest reference's labels carried into a later frame (Y, X)."""
        state = self._state
        if state.n_references == 0:
            raise ValueError("propagate needs a reference: call add_reference first")
        if state.newest is None:
            return np.zeros(frame.shape, np.int32)
        state.look, pyramid = self._look(frame)
        with bf16_where_native(self.device):
            colours = self._see_colours(state.newest, state.look, pyramid)
        expected = state.look.expected
        labels = assign_ids(colours, expected, state.colour_of_id, self._reach_px)
        return stand_in(labels, expected, self.config.bounds)

    @property
    def _reach_px(self) -> float:
        """How far a particle is looked for, in pixels of the frame."""
        return self.config.reach_tokens * STRIDE / (self._state.scale or 1.0)

    def _look(self, frame: NDArray[np.generic]) -> tuple[Look, Pyramid]:
        """Register a frame with the newest reference, predict where the ids are in it, and encode it."""
        state, grid = self._state, on_grid(frame)
        expected, step = np.zeros(frame.shape, np.int32), (0.0, 0.0)
        if state.grid is not None:
            found = find_drift(state.grid, grid, grid_spacing(frame.shape), state.motion.drift)
            expected, step = state.motion.predict(found), found or state.motion.drift
        drift_px = (state.drift_px[0] + step[0], state.drift_px[1] + step[1])
        canvas = lay_out((frame.shape[0], frame.shape[1]), state.scale or 1.0, drift_px)
        with bf16_where_native(self.device):
            pyramid = self.net.encode(self._to_input(canvas.place_image(rescale_intensity(frame))))
        return Look(frame, grid, drift_px, canvas, pyramid.tokens, [], expected), pyramid

    def _to_input(self, grey: NDArray[np.float32]) -> Tensor:
        """Return an image (H, W) in [0, 1] as 1x3xHxW, normalised."""
        return imagenet_normalize(torch.from_numpy(grey).to(self.device)[None, None])

    def _see_colours(self, newest: RememberedFrame, look: Look, pyramid: Pyramid) -> NDArray[np.int64]:
        """Propagate all colours to a frame, and return the one of each of its pixels (Y, X), 0 background."""
        state = self._state
        n_passes = count_passes(state.colour_of_id)
        for remembered in (*state.references, newest):
            remembered.recolour(self.net, state.colour_of_id, n_passes)
        contest = ColourContest(look.canvas.axes())
        for p in range(n_passes):
            long = Memory.join([r.recall(self.net, p, look.canvas) for r in state.references])
            short = newest.recall(self.net, p, look.canvas)
            logits, view = self.net.propagate(pyramid, long, short, self.config.long_radius_tokens)
            look.views.append(without_gates(view))
            used = used_channels(state.colour_of_id, p)
            contest.enter(logits[0, used.tolist()].float().cpu().numpy(), used + p * N_IDS)
        return contest.winners

    def _follow_ids(self, look: Look, labels: NDArray[np.int32]) -> None:
        """Colour the ids of a new reference, and let what is remembered follow where they have changed."""
        state, regions = self._state, measure_regions(labels)
        before, present = state.colour_of_id, set(regions.ids.tolist())
        heirs = find_heirs(look.expected, labels, before.keys() - present)
        inherited = {heir: before[old] for old, heir in heirs.items() if old in before} | before
        newcomers = present - before.keys() - set(heirs.values())
        remembered = [r for r in (*state.references, state.newest) if r is not None]
        if heirs:
            for r in remembered:
                r.rename(heirs)
        if newcomers and remembered:
            shown = np.where(np.isin(labels, list(newcomers)), labels, 0)
            shown = look.canvas.place_labels(shown)
            for r in remembered:
                r.note_newcomers(shown, look.canvas)
        if self.config.ids == "groups":
            state.colour_of_id = give_own_colours(regions.ids.tolist(), inherited)
        else:
            conflicts = find_conflicts(labels, self._reach_px)
            state.colour_of_id = colour_particles(regions, conflicts, inherited)

    def _remember(self, look: Look, labels: NDArray[np.int32]) -> None:
        """Make a frame the newest reference; the one before goes into long-term memory."""
        state = self._state
        on_canvas = look.canvas.place_labels(labels)
        newer = np.zeros_like(on_canvas)
        tokens = None if look.views else look.tokens
        last, number = state.newest, state.n_references
        state.newest = RememberedFrame(number, look.canvas, on_canvas, newer, tokens, look.views)
        if last is None:
            state.references = [state.newest]
        elif last.number != state.references[0].number:
            kept = [*state.references, last]
            state.references = thin(kept, self.config.n_reference_frames, number)


def find_heirs(expected: NDArray[np.int32], labels: NDArray[np.int32], gone: Set[int]) -> dict[int, int]:
    """Return, for the ids that are gone, the id that now has most of the place where each was expected."""
    if not gone:
        return {}
    regions, shared = measure_regions(expected), overlap_counts(expected, labels)
    area = dict(zip(regions.ids.tolist(), regions.area_px.tolist(), strict=True))
    triples = zip(shared.a.tolist(), shared.b.tolist(), shared.n_px.tolist(), strict=True)
    return {a: b for a, b, n in triples if a in gone and n >= HEIR_SHARE * area[a]}


def count_passes(colour_of_id: Mapping[int, int]) -> int:
    """Return how many passes of the network the colours take, at least one."""
    return max(1, -(-max(colour_of_id.values(), default=0) // N_IDS))


def used_channels(colour_of_id: Mapping[int, int], p: int) -> NDArray[np.int64]:
    """Return the channels of the network, background first, that stand for colours in use in pass ``p``."""
    own = {colour - p * N_IDS for colour in colour_of_id.values()}
    return np.array([0, *sorted(channel for channel in own if 0 < channel <= N_IDS)])
