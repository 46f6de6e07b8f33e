"""The grey values that networks expect which were first trained on ImageNet."""

from torch import Tensor

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def imagenet_normalize(images: Tensor) -> Tensor:
    """Return images in [0, 1], Bx3xHxW or grey Bx1xHxW, less ImageNet's mean over its deviation, Bx3xHxW."""
    mean, std = (images.new_tensor(values)[:, None, None] for values in (MEAN, STD))
    return (images - mean) / std
