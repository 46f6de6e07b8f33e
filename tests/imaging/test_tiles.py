"""Tiles cover an image, and blending them back changes nothing."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from temtrack.imaging.tiles import blend, tile_slices, tile_starts

sizes = st.integers(1, 70)


@given(sizes, sizes, st.integers(2, 40), st.data())
def test_blending_the_tiles_of_an_image_gives_the_image(height, width, tile, data):
    overlap = data.draw(st.integers(0, tile - 1))
    image = np.random.default_rng(0).random((2, height, width), np.float32)
    pieces = [(cut, image[(slice(None), *cut)]) for cut in tile_slices((height, width), tile, overlap)]
    np.testing.assert_allclose(blend((height, width), pieces), image, rtol=1e-5)


@given(sizes, st.integers(2, 40), st.data())
def test_neighbouring_tiles_share_at_least_the_overlap(length, tile, data):
    overlap = data.draw(st.integers(0, tile - 1))
    starts = tile_starts(length, tile, overlap)
    assert starts[0] == 0
    assert starts[-1] == max(0, length - tile)
    assert all(b - a <= tile - overlap for a, b in pairwise(starts))


def test_an_overlap_as_large_as_the_tile_is_refused():
    with pytest.raises(ValueError, match="below the tile's side"):
        tile_starts(100, 10, 10)
