"""Clips: a few frames of a source, scaled, turned and degraded, with the colours that are right in them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from temtrack.imaging.intensity import rescale_intensity
from temtrack.imaging.labels import filter_fragments, measure_regions
from temtrack.nets.deaot.model import N_IDS
from temtrack.tracking.deaot.colouring import colour_particles
from temtrack.training.data.augment import draw_degradation, view
from temtrack.training.data.clip_source import ClipSource

#: A particle is propagated where the reference shows at least this much of it.
MIN_AREA_PX = 24
#: Farthest that a clip's frames lie apart in their source.
MAX_STRIDE = 3
#: Fraction of the clips that have all colours at hand; in the others equal ones stand closer together.
ALL_COLOURS_FRACTION = 0.7
BACKGROUND = np.int16(1)


@dataclass(frozen=True)
class Clip:
    """T frames of S x S px: ``images`` (T, S, S) float32 in [0, 1], with colours.

    ``colours`` (T, S, S) uint8 is the truth to give: 0 background, 1 to 10 colours; particles without one
    are 0. ``allowed`` (T, S, S) int16 has bit k set where colour k is right; 0 where anything is, since
    nobody could know.
    """

    images: NDArray[np.float32]
    colours: NDArray[np.uint8]
    allowed: NDArray[np.int16]


def cut_clip(
    source: ClipSource, shape: tuple[int, int], references: Sequence[int], rng: np.random.Generator
) -> Clip:
    """Cut a clip of ``shape`` (T, S); its frames ``references``, the first among them, give the truth."""
    times, matrix, centres = draw_camera(source, shape, rng)
    degrade = draw_degradation(rng)
    shrinking = np.sqrt(np.abs(np.linalg.det(matrix)))
    images, labels = [], []
    for t, centre in zip(times, centres, strict=True):
        image, ids = source.read(t)
        if shrinking > 1.25:
            image = ndimage.gaussian_filter(image, 0.45 * shrinking)  # or its noise would alias
        image = degrade(view(image, matrix, centre, shape[1], order=1), rng)
        images.append(rescale_intensity(image))
        labels.append(view(ids, matrix, centre, shape[1], order=0))
    n_colours = N_IDS if rng.random() < ALL_COLOURS_FRACTION else int(rng.integers(4, N_IDS))
    colours, allowed = paint(labels, references, source.parents, n_colours, rng)
    return Clip(np.stack(images), colours, allowed)


def draw_camera(
    source: ClipSource, shape: tuple[int, int], rng: np.random.Generator
) -> tuple[range, NDArray[np.float64], NDArray[np.float64]]:
    """Point the camera at a merge or at any particle, turned and mirrored, trembling and jumping a bit.

    Half of the time, where source and network are of one scale, pixels are taken as they are, so that noise
    stays as white as it is in a movie that needs no scaling.

    Returns
    -------
    Frames of the source, and the matrix (2, 2) and the centres (T, 2) of their `view`.
    """
    n_frames, side_px = shape
    stride = int(rng.integers(1, min(MAX_STRIDE, (source.n_frames - 1) // (n_frames - 1)) + 1))
    duration = stride * (n_frames - 1)
    start, centre = _subject(source, duration, rng)
    times = range(start, start + duration + 1, stride)
    as_it_is = abs(source.scale - 1) < 1e-6 and rng.random() < 0.6
    turn = float(rng.integers(4)) * np.pi / 2 if as_it_is else rng.uniform(0, 2 * np.pi)
    stretch = np.ones(2) if as_it_is else rng.uniform(0.88, 1.12, 2) / source.scale
    rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    matrix = rotation @ np.diag([1, rng.choice([-1, 1])]) * stretch
    size = np.array(source.read(start)[1].shape, float)
    margin = np.minimum(side_px * stretch.max() / 2, size / 2)
    centres = np.clip(centre, margin, size - margin) + _tremble(rng, n_frames) * stretch.mean()
    if as_it_is:
        matrix, centres = np.rint(matrix), np.rint(centres)
    return times, matrix, centres


def _subject(source: ClipSource, duration: int, rng: np.random.Generator) -> tuple[int, NDArray[np.float64]]:
    """Choose the first frame of a clip that lasts ``duration`` frames, and the place to look at."""
    last = source.n_frames - 1 - duration
    if source.merges and rng.random() < 0.4:
        merge = source.merges[int(rng.integers(len(source.merges)))]
        start = int(np.clip(merge.frame - rng.integers(1, duration + 1), 0, last))
        return start, np.array([merge.y_px, merge.x_px])
    start = int(rng.integers(last + 1))
    _, ids = source.read(start)
    pixels = np.argwhere(ids)
    if not len(pixels):
        return start, np.array(ids.shape) / 2
    return start, pixels[rng.integers(len(pixels))].astype(float)


def _tremble(rng: np.random.Generator, n_frames: int) -> NDArray[np.float64]:
    """Draw the camera's own motion (T, 2) in pixels of the network: at rest, drifting, or jumping once."""
    motion = np.zeros((n_frames, 2))
    if rng.random() < 0.4:
        motion += np.arange(n_frames)[:, None] * rng.uniform(-4, 4, 2)
    if rng.random() < 0.3:
        motion += rng.normal(0, rng.uniform(0.5, 2.5), (n_frames, 2))
    if rng.random() < 0.1:
        motion[int(rng.integers(1, n_frames)) :] += rng.uniform(-14, 14, 2)
    return motion


def paint(
    labels: Sequence[NDArray[np.int32]],
    references: Sequence[int],
    parents: Mapping[int, tuple[int, ...]],
    n_colours: int,
    rng: np.random.Generator,
) -> tuple[NDArray[np.uint8], NDArray[np.int16]]:
    """Paint the particles of frames (S, S) with colours that the frames ``references`` hand out.

    A child may have the colour of any of its parents until a reference gives one. Particles that no
    reference has shown yet may have any.

    Returns
    -------
    ``colours`` and ``allowed`` (T, S, S) as in `Clip`.
    """
    palette = _Palette(n_colours, rng)
    colours, allowed = [], []
    for t, frame in enumerate(labels):
        for number in np.unique(frame[frame > 0]).tolist():
            palette.inherit(number, parents)
        if t in references:
            palette.hand_out(frame)
        table = np.zeros((2, int(frame.max()) + 1), np.int16)
        table[1, 0] = BACKGROUND
        for number, bits in palette.allowed.items():
            if number < table.shape[1]:
                table[:, number] = palette.colour(number), bits
        colours.append(table[0][frame].astype(np.uint8))
        allowed.append(table[1][frame])
    return np.stack(colours), np.stack(allowed)


class _Palette:
    """Who has which colour (1 to 10), and the bits of those that are allowed."""

    def __init__(self, n_colours: int, rng: np.random.Generator) -> None:
        self.allowed: dict[int, int] = {}
        self._slots: dict[int, int] = {}  # colours from 1 to n_colours, before they are shuffled
        self._colour_of_slot = np.append(0, 1 + rng.permutation(N_IDS)[:n_colours])

    def colour(self, number: int) -> int:
        """Return the one colour that the truth gives a particle; 0 where it has none."""
        return int(self._colour_of_slot[self._slots.get(number, 0)])

    def inherit(self, number: int, parents: Mapping[int, tuple[int, ...]]) -> bool:
        """Let a child have its parents' colours if all those are known; tell whether ``number`` has any."""
        if number in self.allowed:
            return True
        line = parents.get(number, ())
        if not line or not all(self.inherit(parent, parents) for parent in line):
            return False
        self._slots[number] = self._slots[line[0]]
        self.allowed[number] = int(np.bitwise_or.reduce([self.allowed[parent] for parent in line]))
        return True

    def hand_out(self, frame: NDArray[np.int32]) -> None:
        """Give every particle of a reference one colour, new ones the colour whose bearers are farthest."""
        seen = measure_regions(filter_fragments(frame, 0.0, MIN_AREA_PX))
        no_conflicts = np.zeros((0, 2), np.int64)
        n_colours = len(self._colour_of_slot) - 1
        self._slots |= colour_particles(seen, no_conflicts, self._slots, n_colours)
        for number in np.unique(frame).tolist():
            if number in self._slots:
                self.allowed[number] = 1 << self.colour(number)
