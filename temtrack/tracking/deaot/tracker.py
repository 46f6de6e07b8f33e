"""The `deaot` trackers: a network propagates ids as colours, locality turns colours back into ids."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from temtrack.imaging.intensity import rescale_intensity
from temtrack.imaging.labels import LabelImage, count_shared_pixels, match_regions, overlap_counts
from temtrack.linking.motion import Prediction
from temtrack.nets.deaot.memory import Memory
from temtrack.nets.deaot.model import N_IDS, STRIDE, Deaot, Pyramid
from temtrack.nets.device import bf16_where_native
from temtrack.tracking.deaot.colouring import colour_particles, find_conflicts
from temtrack.tracking.deaot.decoding import PassArgmax, assign_ids
from temtrack.tracking.deaot.gating import Gates, apply_fallback
from temtrack.tracking.deaot.memory import MemoryEntry, encode, evict, without_gates
from temtrack.tracking.deaot.padding import choose_scale, pad_input
from temtrack.tracking.deaot.state import STATE_CLASSES, DeaotState, EncodedFrame, to_device

#: An id that ends where another takes over at least this share of its place lives on in it.
SUCCESSOR_FRACTION = 0.5


@dataclass(frozen=True)
class DeaotConfig:
    """How a network propagates ids.

    Parameters
    ----------
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
    gates
        Which of the network's masks to accept.
    only_in_doubt
        Whether the network is asked only of frames where a particle was not found where it was predicted;
        elsewhere the prediction stands. The memory goes on through all of them.
    min_agreement
        A doubt of several particles in one detection is settled where the network finds all of them where
        they are predicted: twice the pixels in both over the sum of both areas is at least this.
    n_settled_frames
        Of a settled doubt the network is not asked again for so many frames, as long as the same particles
        are in it.
    """

    n_reference_frames: int = 4
    long_radius_tokens: int | None = 7
    target_diameter_px: float = 28.0
    max_input_px: int = 1_500_000
    reach_tokens: float = 1.25
    gates: Gates = field(default_factory=Gates)
    only_in_doubt: bool = True
    min_agreement: float = 0.85
    n_settled_frames: int = 7


class DeaotTracker:
    """Propagates labels from frame to frame by a network that remembers how particles looked.

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

    def anew(self) -> DeaotTracker:
        """Return one with the same network that remembers nothing yet."""
        return DeaotTracker(self.net, self.device, self.config)

    def state(self) -> DeaotState:
        """Return all that it remembers."""
        return self._state

    def restore(self, state: DeaotState) -> None:
        """Take what `state` returned in place of all that it remembers."""
        self._state = to_device(state, self.device)

    @torch.inference_mode()
    def add_reference(self, frame: NDArray[np.generic], labels: LabelImage) -> None:
        """Take the labels of the first frame (Y, X), or of the one that was propagated to last."""
        state, config = self._state, self.config
        if state.scale is None:
            state.scale = choose_scale(labels.labels, config.target_diameter_px, config.max_input_px)
        if state.scale is not None:
            if state.encoded is None and state.newest is not None:
                raise ValueError("add_reference takes the frame that was propagated to last")
            encoded = state.encoded or self._placed(frame)
            self._update_ids(encoded, labels)
            self._write_memory(encoded, labels.labels.astype(np.int32))
            state.drift_px, state.encoded = encoded.drift_px, None
        state.n_references += 1

    @torch.inference_mode()
    def propagate(
        self, frame: NDArray[np.generic], detections: LabelImage, prediction: Prediction
    ) -> LabelImage:
        """Return the newest reference's labels propagated into a later frame (Y, X)."""
        state = self._state
        if state.n_references == 0:
            raise ValueError("propagate needs a reference: call add_reference first")
        if state.newest is None:
            return prediction.labels
        state.encoded = self._placed(frame, prediction)
        if self.config.only_in_doubt and not self._is_asked(find_doubts(prediction.labels, detections)):
            return prediction.labels
        grey, state.encoded.grey = state.encoded.grey, None
        assert grey is not None
        pyramid = encode(self.net, grey)
        state.encoded.tokens = pyramid.tokens
        with bf16_where_native(self.device):
            colours = self._propagate_colours(state.newest, state.encoded, pyramid)
        predicted = prediction.labels
        labels = assign_ids(colours, predicted.labels, state.colour_of_id, self._reach_px)
        self._settle(predicted, labels)
        return LabelImage(apply_fallback(labels, predicted, self.config.gates))

    def _is_asked(self, doubts: Set[tuple[int, ...]]) -> bool:
        """Tell whether the network is asked of a frame with such doubts, and take note of them."""
        before = self._state.doubts
        self._state.doubts = {doubt: max(before.get(doubt, 0) - 1, 0) for doubt in sorted(doubts)}
        return any(before.get(doubt, 0) == 0 for doubt in doubts)

    def _settle(self, predicted: LabelImage, found: NDArray[np.int32]) -> None:
        """Take note of the doubts in which the network finds what was predicted.

        Where no detection holds a particle, only the network tells how it moves on: so nothing is settled.
        """
        agreement = measure_agreement(predicted, LabelImage(found))
        for doubt in self._state.doubts:
            if len(doubt) > 1 and min(agreement[id_] for id_ in doubt) >= self.config.min_agreement:
                self._state.doubts[doubt] = self.config.n_settled_frames

    @property
    def _reach_px(self) -> float:
        """How far a particle is looked for, in pixels of the frame."""
        return self.config.reach_tokens * STRIDE / (self._state.scale or 1.0)

    def _placed(self, frame: NDArray[np.generic], prediction: Prediction | None = None) -> EncodedFrame:
        """Pad a frame so that the specimen rests on its tokens; it is encoded where that is asked for."""
        state = self._state
        step = prediction.step_px if prediction else (0.0, 0.0)
        drift_px = (state.drift_px[0] + step[0], state.drift_px[1] + step[1])
        padded = pad_input((frame.shape[0], frame.shape[1]), state.scale or 1.0, drift_px)
        grey = padded.place_image(rescale_intensity(frame))
        return EncodedFrame(drift_px, padded, None, [], prediction.labels if prediction else None, grey)

    def _propagate_colours(
        self, newest: MemoryEntry, encoded: EncodedFrame, pyramid: Pyramid
    ) -> NDArray[np.int64]:
        """Propagate all colours to a frame, and return the one of each of its pixels (Y, X), 0 background."""
        state = self._state
        n_passes = count_passes(state.colour_of_id)
        for entry in (*state.references, newest):
            entry.recolour(self.net, state.colour_of_id, n_passes)
        argmax = PassArgmax(encoded.padded.axes())
        for p in range(n_passes):
            long = Memory.join([r.read(self.net, p, encoded.padded) for r in state.references])
            short = newest.read(self.net, p, encoded.padded)
            logits, view = self.net.propagate(pyramid, long, short, self.config.long_radius_tokens)
            encoded.views.append(without_gates(view))
            used = used_channels(state.colour_of_id, p)
            argmax.add(logits[0, used.tolist()].float().cpu().numpy(), used + p * N_IDS)
        return argmax.colours

    def _update_ids(self, encoded: EncodedFrame, image: LabelImage) -> None:
        """Colour the ids of a new reference, and let the memory bank follow where they have changed."""
        state, labels, regions = self._state, image.labels, image.regions
        before, present = state.colour_of_id, set(regions.ids.tolist())
        successors = find_successors(encoded.predicted, labels, before.keys() - present)
        inherited = {new: before[old] for old, new in successors.items() if old in before} | before
        new_objects = present - before.keys() - set(successors.values())
        bank = [entry for entry in (*state.references, state.newest) if entry is not None]
        if successors:
            for entry in bank:
                entry.rename(successors)
        if new_objects and bank:
            shown = np.where(np.isin(labels, list(new_objects)), labels, 0)
            shown = encoded.padded.place_labels(shown)
            for entry in bank:
                entry.add_new_objects(shown, encoded.padded)
        conflicts = find_conflicts(image, self._reach_px)
        state.colour_of_id = colour_particles(regions, conflicts, inherited)

    def _write_memory(self, encoded: EncodedFrame, labels: NDArray[np.int32]) -> None:
        """Write a frame into the memory bank as the newest reference."""
        state = self._state
        padded_labels = encoded.padded.place_labels(labels)
        newer = np.zeros_like(padded_labels)
        tokens = None if encoded.views else encoded.tokens
        last, number = state.newest, state.n_references
        state.newest = MemoryEntry(
            number, encoded.padded, padded_labels, newer, tokens, encoded.views, grey=encoded.grey
        )
        if last is None:
            state.references = [state.newest]
        elif last.number != state.references[0].number:
            kept = [*state.references, last]
            state.references = evict(kept, self.config.n_reference_frames, number)


def find_doubts(predicted: LabelImage, detections: LabelImage) -> set[tuple[int, ...]]:
    """Return the ids without a detection of their own where they are predicted, ascending, in groups.

    Those of which most lies in one detection are a group, with who else is mostly there. One that waits
    outside as a pixel at the border is no doubt.
    """
    expected = predicted.regions
    is_found = expected.touches_border & (expected.area_px == 1)
    is_found[match_regions(predicted, detections)[0]] = True
    if is_found.all():
        return set()
    shared = count_shared_pixels(predicted.runs, detections.runs)
    is_most = 2 * shared.n_px > expected.area_px[np.searchsorted(expected.ids, shared.a)]
    holder = dict(zip(shared.a[is_most].tolist(), shared.b[is_most].tolist(), strict=True))
    held: dict[int, list[int]] = {}
    for id_, detection in holder.items():
        held.setdefault(detection, []).append(id_)
    missing = expected.ids[~is_found].tolist()
    return {tuple(sorted(held[holder[id_]])) if id_ in holder else (id_,) for id_ in missing}


def measure_agreement(predicted: LabelImage, found: LabelImage) -> dict[int, float]:
    """Return, of each id, twice the pixels in both over the sum of both areas."""
    agreement = dict.fromkeys(predicted.ids.tolist(), 0.0)
    shared = count_shared_pixels(predicted.runs, found.runs)
    same = shared.a == shared.b
    i, j = (np.searchsorted(image.ids, shared.a[same]) for image in (predicted, found))
    area_px = predicted.regions.area_px[i] + found.regions.area_px[j]
    return agreement | dict(
        zip(shared.a[same].tolist(), (2 * shared.n_px[same] / area_px).tolist(), strict=True)
    )


def find_successors(
    predicted: LabelImage | None, labels: NDArray[np.integer], gone: Set[int]
) -> dict[int, int]:
    """Return, for the ids that are gone, the id that now has most of the place where each was predicted."""
    if predicted is None or not gone:
        return {}
    regions, shared = predicted.regions, overlap_counts(predicted.labels, labels)
    area = dict(zip(regions.ids.tolist(), regions.area_px.tolist(), strict=True))
    triples = zip(shared.a.tolist(), shared.b.tolist(), shared.n_px.tolist(), strict=True)
    return {a: b for a, b, n in triples if a in gone and n >= SUCCESSOR_FRACTION * area[a]}


def count_passes(colour_of_id: Mapping[int, int]) -> int:
    """Return how many passes of the network the colours take, at least one."""
    return max(1, -(-max(colour_of_id.values(), default=0) // N_IDS))


def used_channels(colour_of_id: Mapping[int, int], p: int) -> NDArray[np.int64]:
    """Return the channels of the network, background first, that stand for colours in use in pass ``p``."""
    own = {colour - p * N_IDS for colour in colour_of_id.values()}
    return np.array([0, *sorted(channel for channel in own if 0 < channel <= N_IDS)])
