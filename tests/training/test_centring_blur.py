import numpy as np
import pytest
from scipy import ndimage
from skimage.draw import disk
from skimage.filters import threshold_otsu

from temtrack.datasets.labelled import LabelledImage
from temtrack.imaging.intensity import CENTRING_BLUR_PX
from temtrack.training.centring_blur import fitting_blur


def noisy_discs(seed, blur_px, bright=False):
    """Return two noisy discs with the mask that Otsu's threshold gives after a blur."""
    rng = np.random.default_rng(seed)
    grey = np.full((120, 120), 0.6)
    grey[disk((40, 40), 24)] = 0.3
    grey[disk((85, 80), 18)] = 0.4
    image = np.clip(grey + rng.normal(0, 0.15, grey.shape), 0, 1).astype(np.float32)
    blurred = ndimage.gaussian_filter(image, blur_px)
    mask = (blurred < threshold_otsu(blurred)).astype(np.int32)
    return LabelledImage(1 - image if bright else image, mask, semantic=True)


@pytest.mark.parametrize("blur_px", [2.0, 3.0, 5.0])
def test_the_blur_is_that_with_which_the_masks_were_made(blur_px):
    images = [noisy_discs(seed, blur_px, bright=seed == 2) for seed in range(3)]
    assert fitting_blur(images) == blur_px


def test_without_particles_or_contrast_the_blur_is_the_usual_one():
    empty = LabelledImage(noisy_discs(0, 5.0).image, np.zeros((120, 120), np.int32))
    blank = LabelledImage(np.zeros((120, 120), np.float32), noisy_discs(0, 5.0).labels)
    assert fitting_blur([]) == fitting_blur([empty, blank]) == CENTRING_BLUR_PX
