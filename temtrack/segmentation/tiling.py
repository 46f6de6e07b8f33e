"""Run a network over an image of any size, at a scale, in overlapping tiles."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from temtrack.imaging.tiles import blend, tile_slices
from temtrack.nets.threads import side_by_side
from temtrack.segmentation.detections import Detection

Predict = Callable[[Tensor], Tensor]  # Bx3xHxW in [0, 1] -> BxCxH/gxW/g, g the tiling's grid
Cut = tuple[slice, slice]  # y and x


@dataclass(frozen=True)
class Tiling:
    """The tiles in which a network sees an image, in pixels of its input.

    Parameters
    ----------
    tile_px, overlap_px
        Greatest side of a tile, and how far neighbours overlap at least.
    multiple
        Tiles begin and end at multiples of this; so does the image, mirrored out.
    grid
        Pixels of the network's input to a cell of its output.
    whole
        Whether tiles have their greatest side wherever the image does, or no longer ones than needed.
    """

    tile_px: int
    overlap_px: int
    multiple: int
    grid: int
    whole: bool = False


@dataclass(frozen=True)
class View:
    """A view of an image for test-time augmentation: the scale, and whether it is shifted.

    Shifted by half the tiling's multiple, the network's patches lie elsewhere on the image: what one view
    gets wrong for where they lie, the other does not.
    """

    scale: float
    shifted: bool = False


@dataclass(frozen=True)
class Logits:
    """What a network predicts from a view: logits (C, H/g, W/g).

    ``bounds`` are the fractions of them, for y and x, at which the image begins and ends.
    """

    values: NDArray[np.float32]
    bounds: list[tuple[float, float]]

    def probabilities(self, size: tuple[int, int]) -> NDArray[np.float32]:
        """Return probability maps (C, *size) of the image as it is, bilinearly sampled."""
        y, x = (
            torch.from_numpy((2 * (start + (np.arange(n) + 0.5) / n * (stop - start)) - 1).astype(np.float32))
            for n, (start, stop) in zip(size, self.bounds, strict=True)
        )
        grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)[None]
        source = torch.from_numpy(self.values)[None]
        sampled = F.grid_sample(source, grid, mode="bilinear", padding_mode="border", align_corners=False)
        return sampled[0].sigmoid().numpy()


def predict_logits(
    predict: Predict, image: NDArray[np.float32], view: View, tiling: Tiling, device: torch.device
) -> Logits:
    """Predict logits of an image (Y, X) in [0, 1].

    The image is scaled, mirrored out to the tiling's multiple and cut into tiles, whose logits are blended.
    """
    shift_px = tiling.multiple // 2 if view.shifted else 0
    scaled = scaled_input(image, view.scale, tiling.multiple, device, shift_px)
    grid = tiling.grid
    shape = (scaled.shape[-2] // grid, scaled.shape[-1] // grid)
    cuts = input_tiles((scaled.shape[-2], scaled.shape[-1]), tiling)
    predicted = side_by_side(partial(_tile, predict, scaled), cuts, device)
    logits = blend(shape, zip((_on_grid(cut, grid) for cut in cuts), predicted, strict=True))
    bounds = [
        (shift_px / (n_cells * grid), (shift_px + scaled_length(n, view.scale)) / (n_cells * grid))
        for n, n_cells in zip(image.shape[-2:], shape, strict=True)
    ]
    return Logits(logits, bounds)


def mean_maps(views: Iterable[Logits], shape: tuple[int, ...], scale: float) -> NDArray[np.float32]:
    """Return the mean probability maps of views of an image of a shape (Y, X) at a scale.

    Returns
    -------
    maps
        (C, Y, X) float32 at the image's size, or at half the network's input where that is finer.
    """
    fine = max(1.0, scale / 2)
    size = (round(shape[0] * fine), round(shape[1] * fine))
    maps = (logits.probabilities(size) for logits in views)  # one at a time: they may be large
    mean = next(maps)
    for n, other in enumerate(maps, start=2):
        mean += (other - mean) / n
    return mean


def detect_in_tiles(
    detect: Callable[[Tensor], list[Detection]],
    image: NDArray[np.float32],
    scale: float,
    tiling: Tiling,
    device: torch.device,
) -> list[Detection]:
    """Detect the particles of an image (Y, X) in [0, 1] in its tiles, in pixels of the scaled image.

    Tiles overlap, so a particle may be found in several: the score of one that the edge of a tile cuts
    is halved.
    """
    scaled = scaled_input(image, scale, tiling.multiple, device)
    height, width = scaled.shape[-2:]
    found = []
    for ys, xs in input_tiles((height, width), tiling):
        for detection in detect(scaled[:, :, ys, xs]):
            placed = detection.shifted(ys.start, xs.start)
            is_cut = any(
                (low < along.start + 1 and along.start > 0) or (high > along.stop - 1 and along.stop < n)
                for low, high, along, n in zip(
                    placed.box[:2], placed.box[2:], (ys, xs), (height, width), strict=True
                )
            )
            found.append(replace(placed, score=placed.score / 2) if is_cut else placed)
    return found


def scaled_input(
    image: NDArray[np.float32], scale: float, multiple: int, device: torch.device, shift_px: int = 0
) -> Tensor:
    """Return the image (Y, X), or (3, Y, X) with its neighbours, as 1x3xHxW at a scale.

    It is mirrored out to a multiple at the far sides, and shifted off the near sides by some pixels, mirrored
    out there too.
    """
    grey = torch.from_numpy(np.ascontiguousarray(image)).reshape(1, -1, *image.shape[-2:])
    size = [scaled_length(n, scale) for n in image.shape[-2:]]
    missing = [-(shift_px + n) % multiple for n in size]
    fits = all(max(m, shift_px) < n for m, n in zip(missing, size, strict=True))
    mode = "reflect" if fits else "replicate"
    height, width = (shift_px + n + m for n, m in zip(size, missing, strict=True))
    scaled = torch.empty(1, grey.shape[1], height, width, device=device)
    for i in range(grey.shape[1]):  # large images take much memory all at once
        one = grey[:, i : i + 1].to(device)
        if list(image.shape[-2:]) != size:
            one = F.interpolate(one, size, mode="bilinear", align_corners=False, antialias=scale < 1)
        scaled[:, i] = F.pad(one, (shift_px, missing[1], shift_px, missing[0]), mode=mode)[:, 0]
    return scaled.expand(-1, 3, -1, -1)


def scaled_length(n_px: int, scale: float) -> int:
    """Return how many pixels are left of some at a scale."""
    return max(1, round(n_px * scale))


def input_tiles(shape: tuple[int, int], tiling: Tiling) -> list[Cut]:
    """Return the tiles of a scaled image (H, W), in its pixels."""
    multiple = tiling.multiple
    coarse = (shape[0] // multiple, shape[1] // multiple)
    return [
        (slice(ys.start * multiple, ys.stop * multiple), slice(xs.start * multiple, xs.stop * multiple))
        for ys, xs in tile_slices(
            coarse, tiling.tile_px // multiple, tiling.overlap_px // multiple, tiling.whole
        )
    ]


def _on_grid(cut: Cut, grid: int) -> Cut:
    """Return where a tile of the input lies on the output's grid."""
    ys, xs = cut
    return slice(ys.start // grid, ys.stop // grid), slice(xs.start // grid, xs.stop // grid)


def _tile(predict: Predict, scaled: Tensor, cut: Cut) -> NDArray[np.float32]:
    ys, xs = cut
    return predict(scaled[:, :, ys, xs])[0].float().cpu().numpy()
