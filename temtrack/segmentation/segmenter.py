"""A model, loaded once, that finds the particles of images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from temtrack.errors import InputError
from temtrack.imaging.spans import Box
from temtrack.models.catalog import SEGMENTING, find_architecture
from temtrack.models.registry import DEFAULT_MODEL, DEFAULT_TTA, Polarity, find_model, parts_of
from temtrack.segmentation.model import Segmentation, SegmentationModel, middle_frame
from temtrack.segmentation.sight import Sight, SightEstimate


class Segmenter:
    """A model that turns images into labels.

    Parameters
    ----------
    model
        A model that ``temtrack models`` lists, the folder of a training run, or two of these joined by ``+``:
        the first finds boxes, the second outlines what is in them.
    device
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    tta
        Test-time augmentation: a network that predicts maps sees two views of an image, the second shifted by
        half a patch, and their mean counts. That takes twice as long, and its outlines are finer.

    Raises
    ------
    ModelError
        Unknown model, missing or damaged weights, or a scale, least area or blur that is none.
    UsageError
        A device that this machine lacks, or a second model that takes no boxes.

    Examples
    --------
    >>> import numpy as np
    >>> import temtrack
    >>> y, x = np.mgrid[:64, :128]
    >>> image = np.where(np.hypot(y - 32, abs(x - 64) - 32) < 12, 80, 200)  # two discs
    >>> segmenter = temtrack.Segmenter("otsu")
    >>> int(segmenter.segment(image).labels.max())
    2
    """

    def __init__(
        self, model: str | SegmentationModel = DEFAULT_MODEL, device: str = "auto", *, tta: bool = DEFAULT_TTA
    ) -> None:
        self.model = load_model(model, device, tta) if isinstance(model, str) else model
        self.spec = self.model.spec
        self.sha256 = self.model.sha256
        self.takes_prompts = self.model.takes_prompts
        self.averages_views = self.model.averages_views
        self.min_area_px = self.model.min_area_px

    def segment(
        self,
        image: NDArray[Any],
        scale: float | Sight | SightEstimate | None = None,
        min_area_px: float | None = None,
    ) -> Segmentation:
        """Find every particle of an image.

        Parameters
        ----------
        image
            (Y, X), any type; NaN counts as background. Or (3, Y, X): a frame of a movie between the means of
            those before and those after it, as `temtrack.imaging.neighbours` makes it.
        scale
            Factor by which the image is resized for the model, or all of how it is shown, from `find_sight`;
            where ``None`` the model's own, or else what suits the image.
        min_area_px
            Particles below this area are left out; where ``None`` the model's own least area decides, or else
            a twentieth of the typical one.

        Returns
        -------
        Labels (Y, X), ids from 1 on, and a score for each; without particles where there is no contrast.

        Raises
        ------
        InputError
            Where the image is not (Y, X).
        """
        image = _checked(image)
        sight = Sight(scale) if isinstance(scale, (int, float)) else scale
        seen = SightEstimate(sight) if isinstance(sight, Sight) else sight
        found = self.model.segment(image, seen, min_area_px)
        found.labels[~np.isfinite(middle_frame(image))] = 0
        return found.without_small(self.min_area_px if min_area_px is None else min_area_px)

    def segment_parts(self, image: NDArray[Any], boxes: Sequence[Box], sight: Sight) -> Segmentation:
        """Find the particles in some boxes of an image as `segment` would.

        Returns
        -------
        Labels (Y, X), small particles too; a model that knows only whole images finds those beside the boxes
        too.
        """
        image = _checked(image)
        found = self.model.segment_parts(image, boxes, SightEstimate(sight))
        found.labels[~np.isfinite(middle_frame(image))] = 0
        return found

    def find_sight(
        self, image: NDArray[Any], polarity: Polarity = "auto", scale: float | None = None
    ) -> SightEstimate | None:
        """Return how an image is shown to the model best: scale, polarity and background.

        Parameters
        ----------
        image
            As for `segment`.
        polarity
            Of its particles, where it is known.
        scale
            Factor by which it is resized, where it is known.

        Returns
        -------
        What `segment` takes in place of a scale; ``None`` where no particle is found.
        """
        return self.model.find_sight(_checked(image), polarity, scale)

    def find_scale(self, image: NDArray[Any]) -> float | None:
        """Return the scale at which an image's particles are as wide as the model likes them.

        ``None`` where no particle is found.
        """
        found = self.find_sight(image)
        return None if found is None else found.sight.scale

    def predict_prompts(
        self, image: NDArray[Any], points: NDArray[Any] | None = None, boxes: NDArray[Any] | None = None
    ) -> Segmentation:
        """Find the particles that points (N, 2) as y, x or boxes (N, 4) as y0, x0, y1, x1 ask for, in pixels.

        Returns
        -------
        Prompt n's particle has the id n + 1 and the n-th score. A prompt without an answer has no pixels and
        NaN as its score, so all have where the image has no contrast.

        Raises
        ------
        UsageError
            Where the model takes no prompts.
        ValueError
            Without points and boxes, or with both.
        """
        if (points is None) == (boxes is None):
            raise ValueError("give points or boxes")
        image = _checked(image)
        found = self.model.predict_prompts(image, points, boxes)
        found.labels[~np.isfinite(image)] = 0
        return found


def load_model(name: str, device: str, tta: bool) -> SegmentationModel:
    """Load what a `Segmenter` of that name works with."""
    parts = parts_of(name)
    if len(parts) > 1:
        from temtrack.segmentation.cascade import CascadeModel

        return CascadeModel(*(Segmenter(part, device, tta=tta) for part in parts))
    spec = find_model(name)
    architecture = find_architecture(spec.architecture, *SEGMENTING)
    if architecture.family is None:
        from temtrack.segmentation.otsu import OtsuModel

        return OtsuModel(spec)
    from temtrack.models.checkpoints import load_weights
    from temtrack.nets.device import find_device
    from temtrack.segmentation.adapters import ADAPTERS
    from temtrack.segmentation.network import NetworkModel

    net = architecture.build()
    sha256 = load_weights(net, spec)
    return NetworkModel(net, ADAPTERS[architecture.family], spec, sha256, find_device(device), tta)


def _checked(image: NDArray[Any]) -> NDArray[Any]:
    image = np.asarray(image)
    is_stack = image.ndim == 3 and len(image) == 3
    if not (image.ndim == 2 or is_stack) or not image.size:
        raise InputError(f"an image is (Y, X), this is of shape {image.shape}; give one frame of a movie")
    return image
