import numpy as np

import temtrack
from temtrack.formats.store.masks import mask_name, write_mask
from temtrack.movie import Movie

N_FRAMES, JOINED = 24, 12


def drawn(t: int) -> np.ndarray:
    """Draw two discs with a wide neck between them, which are one from a frame on."""
    y, x = np.indices((64, 96))
    left, right = ((y - 32) ** 2 + (x - at) ** 2 <= 12**2 for at in (38, 58))
    labels = np.where(left & (x < 48), 1, 0) + np.where(right & (x >= 48), 2, 0)
    return (labels > 0).astype(np.int32) if t >= JOINED else labels.astype(np.int32)


def test_masks_of_others_tell_themselves_when_two_became_one(tmp_path):
    folder = tmp_path / "drawn"
    folder.mkdir()
    for t in range(N_FRAMES):
        write_mask(folder / mask_name(t), drawn(t))
    movie = Movie(
        tmp_path / "m.tif",
        N_FRAMES,
        64,
        96,
        np.dtype(np.uint8),
        lambda t: np.uint8(200 - 100 * (drawn(t) > 0)),
    )
    (merge,) = temtrack.track(movie, masks=folder, tracker="overlap").lineage.merges
    assert merge.frame == JOINED
