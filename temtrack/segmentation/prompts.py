"""Predict single particles: by a point in each, or a box around each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from temtrack.imaging.labels import mean_values
from temtrack.nets.efficient_sam import BOX_BOTTOM_RIGHT, BOX_TOP_LEFT, INVALID, PATCH, POINT, EfficientSam
from temtrack.nets.layers import to_picture
from temtrack.segmentation.dense_maps import FOREGROUND
from temtrack.segmentation.model import Segmentation
from temtrack.segmentation.tiling import Cut, Tiling, input_tiles

if TYPE_CHECKING:
    from segment_anything.modeling import Sam

QUERIES_A_BATCH = 64

#: EfficientSAM sees where a prompt lies as a fraction of its image; it was trained on images of this size.
TILING = Tiling(256, 96, multiple=PATCH, grid=4)

#: Masks of SAM are no less and no more sure than this: a mask is there, whatever its score.
MIN_SCORE, MAX_SCORE = 0.51, 0.99


@dataclass(frozen=True)
class Prompts:
    """N prompts of up to two points: ``xy`` (N, 2, 2) in pixels, ``kinds`` (N, 2) in the network's words."""

    xy: NDArray[np.float32]
    kinds: NDArray[np.int64]

    @classmethod
    def of(cls, points: NDArray[Any] | None = None, boxes: NDArray[Any] | None = None) -> Prompts:
        """Build prompts from points (N, 2), y and x, or from boxes (N, 4), y0, x0, y1, x1."""
        if boxes is not None:
            corners, kinds = boxes.reshape(-1, 2, 2), [BOX_TOP_LEFT, BOX_BOTTOM_RIGHT]
        elif points is not None:
            corners, kinds = np.repeat(points[:, None], 2, axis=1), [POINT, INVALID]
        else:
            raise ValueError("give points or boxes")
        return cls(corners[:, :, ::-1].astype(np.float32), np.tile(kinds, (len(corners), 1)))

    def __len__(self) -> int:
        return len(self.kinds)

    def scaled(self, scale: float) -> Prompts:
        """Return the prompts as they lie in the image resized by ``scale``."""
        return Prompts(((self.xy + 0.5) * scale - 0.5).astype(np.float32), self.kinds)

    @property
    def centres(self) -> NDArray[np.float32]:
        """Middle of each prompt (N, 2), x and y."""
        middle: NDArray[np.float32] = self.xy.mean(axis=1)
        return middle


#: Yields what a network answers to prompts in a tile, 1x3xHxW, HxW logits each: from corners (N, 2, 2), x and
#: y, and their kinds (N, 2).
Answer = Callable[[Any, Tensor, NDArray[Any], NDArray[np.int64]], Iterator[Tensor]]


def predict_prompts(
    net: Any, scaled: Tensor, prompts: Prompts, tiling: Tiling, answer: Answer
) -> Segmentation:
    """Find the particles that prompts ask for in a scaled image 1x3xYxX: prompt n's has the id n + 1.

    A network sees the tile in which the most of a prompt's surroundings are. Where two particles meet, the
    surer one has the pixel.
    """
    shape = (scaled.shape[-2], scaled.shape[-1])
    labels = torch.zeros(shape, dtype=torch.int32, device=scaled.device)
    surest = torch.zeros(shape, device=scaled.device)
    for (ys, xs), chosen in _by_tile(shape, prompts, tiling):
        tile = scaled[:, :, ys, xs]
        xy = prompts.xy[chosen] - np.array([xs.start, ys.start], np.float32)
        for index, logits in zip(chosen, answer(net, tile, xy, prompts.kinds[chosen]), strict=True):
            better = logits > surest[ys, xs]
            surest[ys, xs] = torch.where(better, logits, surest[ys, xs])
            labels[ys, xs] = torch.where(better, int(index) + 1, labels[ys, xs])
    found = labels.cpu().numpy()
    scores = mean_values(found, surest.sigmoid().cpu().numpy(), len(prompts))[1:]
    return Segmentation(found, scores.astype(np.float32))


def answer_by_efficient_sam(
    net: EfficientSam, tile: Tensor, xy: NDArray[Any], kinds: NDArray[np.int64]
) -> Iterator[Tensor]:
    """Answer by EfficientSAM: one embedding serves all prompts of a tile."""
    embedding = net.embed(tile)
    points = torch.from_numpy(xy).to(tile.device)
    labels = torch.from_numpy(kinds).to(tile.device)
    for i in range(0, len(xy), QUERIES_A_BATCH):
        logits, _ = net.decode(
            embedding, points[None, i : i + QUERIES_A_BATCH], labels[None, i : i + QUERIES_A_BATCH]
        )
        size = tile.shape[-2:]
        yield from F.interpolate(
            logits[0, :, FOREGROUND, None].float(), size, mode="bilinear", align_corners=False
        )[:, 0]


def answer_by_sam(net: Sam, tile: Tensor, xy: NDArray[Any], kinds: NDArray[np.int64]) -> Iterator[Tensor]:
    """Answer by Segment Anything, as published: one embedding serves all prompts of a tile."""
    from segment_anything import SamPredictor

    predictor = SamPredictor(net)
    predictor.set_image(to_picture(tile))
    for corners, (kind, _) in zip(xy, kinds.tolist(), strict=True):
        asked: dict[str, Any] = {"box": corners.ravel()}
        if kind == POINT:
            asked = {"point_coords": corners[:1], "point_labels": np.ones(1)}
        (logits,), _, _ = predictor.predict(**asked, multimask_output=False, return_logits=True)
        yield torch.from_numpy(logits).to(tile.device)


def answer_by_sam2(
    net: nn.Module, tile: Tensor, xy: NDArray[Any], kinds: NDArray[np.int64]
) -> Iterator[Tensor]:
    """Answer by SAM 2 or MobileSAM, whose masks are as sure as they are scored."""
    from temtrack.nets.sam2 import outline

    is_point = kinds[0, 0] == POINT  # prompts are all points or all boxes
    asked = {"points": xy[:, 0]} if is_point else {"boxes": xy.reshape(-1, 4)}
    masks, scores = outline(net, tile, **asked)
    for mask, score in zip(masks, scores.clip(MIN_SCORE, MAX_SCORE).tolist(), strict=True):
        yield torch.from_numpy(mask).to(tile.device) * float(np.log(score / (1 - score)))


def _by_tile(
    shape: tuple[int, int], prompts: Prompts, tiling: Tiling
) -> Iterator[tuple[Cut, NDArray[np.intp]]]:
    """Yield each tile that is the most central one for some prompts, with their indices."""
    cuts = input_tiles(shape, tiling)
    middles = np.array([[(xs.start + xs.stop) / 2, (ys.start + ys.stop) / 2] for ys, xs in cuts])
    nearest = np.abs(prompts.centres[:, None] - middles).max(axis=2).argmin(axis=1)
    for i in np.unique(nearest):
        yield cuts[i], np.flatnonzero(nearest == i)
