"""Run a network over an image of any size, at a scale, in overlapping tiles."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from temtrack.segmentation.pieces import Piece
from temtrack.segmentation.scale import Look
from temtrack.tiles import blend, tile_slices

Predict = Callable[[Tensor], Tensor]  # Bx3xHxW in [0, 1] -> BxCxH/gxW/g, g the tiling's grid
Cut = tuple[slice, slice]  # y and x


@dataclass(frozen=True)
class Tiling:
    """The pieces in which a network sees an image, in pixels of its input.

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
class Logits:
    """What a network answered at one look: logits (C, H/g, W/g), of which the image fills a share (y, x)."""

    values: NDArray[np.float32]
    inside: tuple[float, float]
    mirrored: bool

    def probabilities(self, size: tuple[int, int]) -> NDArray[np.float32]:
        """Return probability maps (C, *size) of the image as it is."""
        y, x = (
            torch.from_numpy((2 * (np.arange(n) + 0.5) / n * share - 1).astype(np.float32))
            for n, share in zip(size, self.inside, strict=True)
        )
        grid = torch.stack(torch.meshgrid(x.flip(0) if self.mirrored else x, y, indexing="xy"), dim=-1)[None]
        source = torch.from_numpy(self.values)[None]
        sampled = F.grid_sample(source, grid, mode="bilinear", padding_mode="border", align_corners=False)
        return sampled[0].sigmoid().numpy()


def predict_logits(
    predict: Predict, image: NDArray[np.float32], look: Look, tiling: Tiling, device: torch.device
) -> Logits:
    """Predict logits of an image (Y, X) in [0, 1].

    The image is scaled, mirrored out to the tiling's multiple and cut into tiles, whose logits are blended.
    """
    seen = np.ascontiguousarray(image[:, ::-1]) if look.mirrored else image
    scaled = scaled_input(seen, look.scale, tiling.multiple, device)
    grid = tiling.grid
    shape = (scaled.shape[-2] // grid, scaled.shape[-1] // grid)
    cuts = input_tiles((scaled.shape[-2], scaled.shape[-1]), tiling)
    logits = blend(shape, ((_on_grid(cut, grid), _tile(predict, scaled, cut)) for cut in cuts))
    y, x = (max(1, round(n * look.scale)) / (k * grid) for n, k in zip(image.shape, shape, strict=True))
    return Logits(logits, (y, x), look.mirrored)


def mean_maps(looks: Iterable[Logits], shape: tuple[int, ...], finest: float) -> NDArray[np.float32]:
    """Return the mean probability maps of looks at an image of a shape (Y, X), the finest at that scale.

    Returns
    -------
    maps
        (C, Y, X) float32 at the image's size, or at half the network's finest input where that is finer.
    """
    fine = max(1.0, finest / 2)
    size = (round(shape[0] * fine), round(shape[1] * fine))
    maps = (logits.probabilities(size) for logits in looks)  # one at a time: they may be large
    mean = next(maps)
    for n, other in enumerate(maps, start=2):
        mean += (other - mean) / n
    return mean


def find_pieces(
    find: Callable[[Tensor], list[Piece]],
    image: NDArray[np.float32],
    scale: float,
    tiling: Tiling,
    device: torch.device,
) -> list[Piece]:
    """Find the pieces of an image (Y, X) in [0, 1] in its tiles, in pixels of the scaled image.

    Tiles overlap, so a particle may be found in several: one that the edge of a tile cuts counts half.
    """
    scaled = scaled_input(image, scale, tiling.multiple, device)
    height, width = scaled.shape[-2:]
    found = []
    for ys, xs in input_tiles((height, width), tiling):
        for piece in find(scaled[:, :, ys, xs]):
            placed = piece.moved(ys.start, xs.start)
            is_cut = any(
                (low < along.start + 1 and along.start > 0) or (high > along.stop - 1 and along.stop < n)
                for low, high, along, n in zip(
                    placed.box[:2], placed.box[2:], (ys, xs), (height, width), strict=True
                )
            )
            found.append(replace(placed, score=placed.score / 2) if is_cut else placed)
    return found


def scaled_input(image: NDArray[np.float32], scale: float, multiple: int, device: torch.device) -> Tensor:
    """Return the image as 1x3xHxW at a scale, mirrored out at the far sides to a multiple."""
    grey = torch.from_numpy(np.ascontiguousarray(image)).to(device)[None, None]
    size = [max(1, round(n * scale)) for n in image.shape]
    if list(image.shape) != size:
        grey = F.interpolate(grey, size, mode="bilinear", align_corners=False, antialias=scale < 1)
    missing = [-n % multiple for n in size]
    mode = "reflect" if all(m < n for m, n in zip(missing, size, strict=True)) else "replicate"
    return F.pad(grey, (0, missing[1], 0, missing[0]), mode=mode).expand(-1, 3, -1, -1)


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
