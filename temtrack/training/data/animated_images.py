"""Clip sources from labelled real images: their particles are cut out, and move over the background."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import label as connected_parts

from temtrack.datasets.labelled import LabelledImage
from temtrack.imaging.labels import spread
from temtrack.imaging.spans import grown
from temtrack.simulation.paths import confined_walk
from temtrack.training.config import TrainConfig
from temtrack.training.data.clip_source import MARGIN, ClipSource, draw_diameter
from temtrack.training.data.samples import Draw

Pixels = NDArray[np.float32]

#: Scales (pixels of the network per pixel of the image) that still show what is in the image.
MIN_SCALE, MAX_SCALE = 0.15, 4.0
#: A cut-out's margin, which holds its soft edge and the fringe around it.
RIM_PX = 3
FLICKER = 0.12


@dataclass(frozen=True)
class Cutout:
    """Particles that move as one, since they touch.

    ``corner`` is the row and column of the first pixel in the image; ``difference`` (h, w) the grey values
    minus those of the background, fading at the edge; ``labels`` (h, w) ids; ``shift_px`` (T, 2) the
    displacement y, x; ``gain`` (T,) a factor on the contrast.
    """

    corner: tuple[int, int]
    difference: Pixels
    labels: NDArray[np.int32]
    shift_px: NDArray[np.float64]
    gain: NDArray[np.float64]


def animated_clips(images: Sequence[LabelledImage], config: TrainConfig) -> Draw[ClipSource]:
    """Set images in motion, particles scaled to the diameters that the network shall know."""

    def draw(rng: np.random.Generator) -> ClipSource:
        still = images[int(rng.integers(len(images)))]
        wanted = draw_diameter(rng, config)
        # a smaller image would be seen beside its own mirror image
        filling = config.crop_px / min(still.labels.shape)
        scale = float(np.clip(max(wanted / (still.diameter_px or wanted), filling), MIN_SCALE, MAX_SCALE))
        image, labels = _part(still, math.ceil(MARGIN * config.crop_px / scale), rng)
        background = fill_in(image, labels > 0, rng)
        cutouts = cut_out(image - background, labels, config.source_frames, rng)
        return ClipSource(config.source_frames, cache(lambda t: paste(background, cutouts, t)), scale)

    return draw


def _part(still: LabelledImage, side: int, rng: np.random.Generator) -> tuple[Pixels, NDArray[np.int32]]:
    """Take a part of at most ``side`` px of an image, particles in it."""
    pixels = np.argwhere(still.labels)
    middle = pixels[rng.integers(len(pixels))] if len(pixels) else np.array(still.labels.shape) // 2
    low = np.clip(middle - side // 2, 0, np.maximum(np.array(still.labels.shape) - side, 0))
    part = slice(low[0], low[0] + side), slice(low[1], low[1] + side)
    return still.image[part], still.labels[part]


def fill_in(image: Pixels, holes: NDArray[np.bool_], rng: np.random.Generator) -> Pixels:
    """Return the image with its holes filled smoothly from their rims, and as rough as the rest."""
    holes = ndimage.binary_dilation(holes, iterations=RIM_PX)
    if holes.all():
        return np.full_like(image, image.max())
    nearest = spread(image, ~holes)
    smooth = ndimage.gaussian_filter(nearest, 4.0)
    roughness = (nearest - smooth)[~holes]
    return np.where(holes, smooth + rng.choice(roughness, image.shape), image).astype(np.float32)


def cut_out(
    difference: Pixels, labels: NDArray[np.int32], n_frames: int, rng: np.random.Generator
) -> list[Cutout]:
    """Cut out the particles, those that touch as one, and draw their walks."""
    groups = connected_parts(ndimage.binary_dilation(labels > 0, iterations=2), connectivity=2)
    boxes = ndimage.find_objects(groups)
    calm = rng.uniform(0, 0.25)
    walks = confined_walk(rng, n_frames, len(boxes), 1.0)
    gains = np.exp(FLICKER * confined_walk(rng, n_frames, len(boxes), 1.0)[:, :, 0])
    cutouts = []
    for i, tight in enumerate(boxes):
        box = grown(tight, RIM_PX, labels.shape)
        inside = groups[box] == i + 1
        own = np.where(inside, labels[box], 0).astype(np.int32)
        soft = ndimage.gaussian_filter(inside.astype(np.float32), 1.0)
        reach = calm * math.sqrt(np.count_nonzero(own) / math.pi)
        cutouts.append(
            Cutout(
                (box[0].start, box[1].start),
                np.asarray(difference[box] * soft, dtype=np.float32),
                own,
                reach * walks[:, i],
                gains[:, i],
            )
        )
    return cutouts


def paste(background: Pixels, cutouts: Sequence[Cutout], t: int) -> tuple[Pixels, NDArray[np.int32]]:
    """Return frame ``t`` (Y, X), the background with the particles where they are by then, and its ids."""
    margin = max((max(cutout.labels.shape) for cutout in cutouts), default=0)  # holds what has left
    frame, labels = np.pad(background, margin), np.zeros(np.add(background.shape, 2 * margin), np.int32)
    for cutout in cutouts:
        whole_px = np.rint(cutout.shift_px[t])
        moved = ndimage.shift(cutout.difference, cutout.shift_px[t] - whole_px, order=1)
        y, x = np.clip(cutout.corner + whole_px, -margin, background.shape).astype(int) + margin
        at = slice(y, y + moved.shape[0]), slice(x, x + moved.shape[1])
        frame[at] += moved * np.float32(cutout.gain[t])
        np.copyto(labels[at], cutout.labels, where=cutout.labels > 0)
    inside = tuple(slice(margin, margin + length) for length in background.shape)
    return np.clip(frame[inside], 0, 1), labels[inside]
