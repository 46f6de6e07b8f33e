"""A network as a particle segmenter: it is asked for everything, or for what prompts point at."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from temtrack.errors import UsageError
from temtrack.imaging.intensity import CENTRING_BLUR_PX, centre_intensity, rescale_intensity
from temtrack.imaging.labels import nearest_pixels
from temtrack.models.registry import ModelSpec
from temtrack.nets.precision import bf16_where_native
from temtrack.segmentation.adapters import Adapter
from temtrack.segmentation.dense_maps import drop_small
from temtrack.segmentation.prompts import Prompts
from temtrack.segmentation.scale import Glance, Zoom, find_scale, scale_for
from temtrack.segmentation.tiling import Look, scaled_input, scaled_length


class Segmenter:
    """A loaded model that turns images into labels.

    Parameters
    ----------
    twice
        Whether it looks at an image a second time, moved, for the mean of what it sees; see `tiled.Look`.
    scale, min_area_px
        Its own, where it was trained for images of one magnification; ``None`` where each image decides.
    centring_blur_px
        Blur of the images whose level it was trained at; see `temtrack.imaging.intensity.level`.
    """

    def __init__(
        self,
        net: nn.Module,
        adapter: Adapter,
        spec: ModelSpec,
        sha256: str,
        device: torch.device,
        twice: bool = False,
        scale: float | None = None,
        min_area_px: float | None = None,
        centring_blur_px: float = CENTRING_BLUR_PX,
    ) -> None:
        self.net = net.to(device).eval()
        self.adapter = adapter
        self.spec = spec
        self.sha256 = sha256
        self.device = device
        self.twice = twice
        self.scale = scale
        self.min_area_px = min_area_px
        self.centring_blur_px = centring_blur_px

    @property
    def takes_prompts(self) -> bool:
        """Whether the network can be asked for single particles."""
        return self.adapter.answer is not None

    def segment(
        self, image: NDArray[Any], scale: float | None = None, min_area_px: float | None = None
    ) -> NDArray[np.int32]:
        """Find every particle of an image.

        Parameters
        ----------
        image
            (Y, X), any type; NaN counts as background.
        scale
            Zoom at which the network sees the image; where ``None`` the network's own, or else chosen from
            the particles' own size.
        min_area_px
            Particles below this area are left out; where ``None`` the network's own least area decides, or
            else a twentieth of the typical one.

        Returns
        -------
        labels
            (Y, X) ids from 1 on, 0 background; all 0 where the image has no contrast or no particles.
        """
        grey = self._seen(image)
        if grey is None:
            return np.zeros(image.shape, np.int32)
        zoom = (Zoom(scale) if scale else self._zoom_of(grey)) or Zoom(1.0)
        labels = self._look(grey, zoom)
        labels[~np.isfinite(image)] = 0
        return drop_small(labels, self.min_area_px if min_area_px is None else min_area_px)

    def find_scale(self, image: NDArray[Any]) -> float | None:
        """Return the scale at which an image's particles are as wide as the network likes them.

        ``None`` where no particle is found.
        """
        grey = self._seen(image)
        zoom = None if grey is None else self._zoom_of(grey)
        return None if zoom is None else zoom.scale

    def predict_prompts(
        self, image: NDArray[Any], points: NDArray[Any] | None = None, boxes: NDArray[Any] | None = None
    ) -> NDArray[np.int32]:
        """Find the particles that points (N, 2) as y, x or boxes (N, 4) as y0, x0, y1, x1 ask for, in pixels.

        Returns
        -------
        labels
            (Y, X): prompt n's particle has the id n + 1. A prompt without an answer has no pixels, so none
            has any where the image has no contrast.

        Raises
        ------
        UsageError
            Where the network takes no prompts.
        """
        if self.adapter.answer is None:
            raise UsageError(
                f"'{self.spec.name}' takes no points or boxes; use a model that does, as effsam-tiny"
            )
        grey = self._seen(image)
        if grey is None:
            return np.zeros(image.shape, np.int32)
        if boxes is not None:
            prompts, sides = Prompts.from_boxes(boxes), np.abs(boxes[:, 2:] - boxes[:, :2]) + 1
            scale = self.scale or scale_for(float(np.median(np.sqrt(sides.prod(axis=1)))))
        elif points is not None:
            zoom = self._zoom_of(grey) or Zoom(1.0)
            prompts, scale = Prompts.from_points(points), zoom.scale
        else:
            raise ValueError("give points or boxes")
        with torch.inference_mode(), bf16_where_native(self.device):
            scaled = scaled_input(grey, scale, self.adapter.tiling.multiple, self.device)
            labels = self.adapter.answer(self.net, scaled, prompts.scaled(scale))
        inside = [scaled_length(n, scale) for n in grey.shape]
        found = nearest_pixels(labels[: inside[0], : inside[1]], grey.shape)
        return np.where(np.isfinite(image), found, 0)

    def _seen(self, image: NDArray[Any]) -> NDArray[np.float32] | None:
        """Return the grey values (Y, X) the network is shown; ``None`` where an image has no contrast."""
        grey = rescale_intensity(image)
        return centre_intensity(grey, self.centring_blur_px) if grey.any() else None

    def _zoom_of(self, grey: NDArray[np.float32]) -> Zoom | None:
        if self.scale is not None:
            return Zoom(self.scale)

        def glance_at(part: NDArray[np.float32], scale: float) -> Glance:
            seen = self._see(part, Look(scale))
            glance = self.adapter.tell([seen], part.shape, scale)
            return replace(glance, labels=drop_small(glance.labels), evidence=seen)

        return find_scale(grey, glance_at)

    def _look(self, grey: NDArray[np.float32], zoom: Zoom) -> NDArray[np.int32]:
        """Return the labels of an image; a look that was taken already is not taken again."""
        first = self._see(grey, Look(zoom.scale)) if zoom.glance is None else zoom.glance.evidence
        seen = [first, self._see(grey, Look(zoom.scale, moved=True))] if self.twice else [first]
        return self.adapter.tell(seen, grey.shape, zoom.scale).labels

    def _see(self, grey: NDArray[np.float32], look: Look) -> Any:
        with torch.inference_mode():
            return self.adapter.see(self.net, grey, look, self.device)
