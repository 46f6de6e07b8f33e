import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from stitching import stitch

from temtrack.datasets.config import Edge
from temtrack.datasets.folder import cut, tile_grid

sizes = st.integers(1, 70)


@given(sizes, sizes, st.integers(2, 40), st.sampled_from(Edge), st.data())
def test_stitch_after_slice_is_the_identity(height, width, tile, edge, data):
    overlap = data.draw(st.integers(0, tile - 1))
    dtype = data.draw(st.sampled_from([np.uint8, np.uint16, np.uint32, np.float32]))
    image = np.random.default_rng(0).integers(1, 250, (height, width)).astype(dtype)
    grid = tile_grid((height, width), tile, overlap, edge)
    pieces = [(at, cut(image, at)) for at in grid]
    if edge is not Edge.shift:
        assert {piece.shape for _, piece in pieces} <= {(tile, tile)}
    else:
        assert {piece.shape for _, piece in pieces} == {(min(tile, height), min(tile, width))}
    if edge is Edge.drop:
        kept = [1 + (n - tile) // (tile - overlap) if n >= tile else 0 for n in (height, width)]
        assert len(grid) == kept[0] * kept[1]
        if not grid:
            return
        bottom, right = (tile + (n - 1) * (tile - overlap) for n in kept)
        image[bottom:] = image[:, right:] = 0
    again = stitch((height, width), pieces)
    assert again.dtype == dtype
    np.testing.assert_array_equal(again, image)


def test_a_padded_tile_is_the_mirror_image():
    image = np.arange(3)[None].repeat(4, 0)
    assert cut(image, (slice(0, 4), slice(0, 8)))[0].tolist() == [0, 1, 2, 2, 1, 0, 0, 1]
