import numpy as np
import pytest

from temtrack.linking.masks import link_masks

SIDE, RADIUS = 256, 9


def disc(labels: np.ndarray, at: np.ndarray, radius: float, label: int) -> None:
    y, x = np.indices(labels.shape)
    labels[(y - at[0]) ** 2 + (x - at[1]) ** 2 <= radius**2] = label


def frames_of_one_that_hops(seed: int) -> list[np.ndarray]:
    """Draw a disc that moves up to two diameters a frame, and specks of noise that come and go around it."""
    rng = np.random.default_rng(seed)
    at, frames = np.full(2, SIDE / 2), []
    for _ in range(30):
        labels = np.zeros((SIDE, SIDE), np.int32)
        for speck in range(int(rng.poisson(3))):
            place = at + rng.normal(0, 25, 2)
            disc(labels, place, rng.uniform(1, 3.5), 2 + speck)
        disc(labels, at, RADIUS, 1)
        frames.append(labels)
        at = np.clip(at + rng.uniform(-2, 2, 2) * 2 * RADIUS, 2 * RADIUS, SIDE - 2 * RADIUS)
    return frames


@pytest.mark.parametrize("seed", range(3))
def test_a_lone_particle_that_hops_among_specks_keeps_its_id_and_merges_with_none(seed):
    frames = frames_of_one_that_hops(seed)
    linked = link_masks(frames)
    ids = [
        np.bincount(found.labels[frame == 1]).argmax() for found, frame in zip(linked, frames, strict=True)
    ]
    assert len(set(ids)) == 1
    assert not linked.lineage.merges
