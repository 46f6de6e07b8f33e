import numpy as np
import pytest
import tifffile


@pytest.fixture
def write():
    """Write a grey image or stack as TIFF, and make its folder."""

    def write(path, pixels):
        path.parent.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(path, np.asarray(pixels), photometric="minisblack")
        return path

    return write
