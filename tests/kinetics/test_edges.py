import numpy as np
import pytest
from kinetic_laws import growing
from skimage.measure import label

import temtrack
from temtrack.kinetics.edges import find_steadier_diameters
from temtrack.kinetics.observed import observe

rng = np.random.default_rng


def wandering(particles, column, sigma, seed=1):
    """Let a column of particles wander slowly, each its own way, as contrast does."""
    place = particles.groupby("particle_id").ngroup().to_numpy()
    frame = particles["frame"].to_numpy()
    size = place.max() + 1, frame.max() + 1
    way = np.cumsum(rng(seed).normal(0, sigma, size), axis=1)
    return particles.assign(**{column: particles[column] + way[place, frame]})


@pytest.fixture(scope="module")
def particles():
    rows = growing(rng(0)).particles
    return rows.assign(edge_diameter_px=rows["equivalent_diameter_px"] * 1.05)


def test_edges_are_taken_where_masks_wander(particles):
    found = find_steadier_diameters(wandering(particles, "equivalent_diameter_px", 0.5))
    assert found["diameter_px"].equals(particles["edge_diameter_px"])


def test_masks_are_kept_where_edges_wander_or_are_unknown(particles):
    for told in (
        wandering(particles, "edge_diameter_px", 0.5),
        particles.assign(edge_diameter_px=np.nan),
        particles.drop(columns="edge_diameter_px"),
    ):
        assert "diameter_px" not in find_steadier_diameters(told)


def test_an_unknown_edge_is_that_of_the_mask_as_much_wider_as_others_are(particles):
    told = wandering(particles, "equivalent_diameter_px", 0.5)
    row = told.index[70]
    told.loc[row, "edge_diameter_px"] = np.nan
    found = find_steadier_diameters(told)
    assert found["diameter_px"].drop(row).equals(particles["edge_diameter_px"].drop(row))
    assert found.loc[row, "diameter_px"] == pytest.approx(
        1.05 * told.loc[row, "equivalent_diameter_px"], rel=0.01
    )


def test_tracks_too_short_to_wander_keep_their_masks(particles):
    assert "diameter_px" not in find_steadier_diameters(particles[particles["frame"] < 11])


def test_a_movie_tells_sizes_where_a_threshold_follows_contrast():
    y, x = np.indices((120, 120))
    depth = sum(
        np.sqrt(np.maximum(81 - (y - 20 - 40 * (one // 3)) ** 2 - (x - 20 - 40 * (one % 3)) ** 2, 0))
        for one in range(9)
    )
    grey = np.stack([200 * np.exp(-depth * (0.08 + 0.02 * np.sin(t / 2))) for t in range(16)])
    run = observe(temtrack.analyze(ids_of(grey < 150), grey.astype(np.float32)))
    assert run.has_edges
    masks = run.whole.groupby("particle_id")["equivalent_diameter_px"].std()
    assert (run.whole.groupby("particle_id")["diameter"].std() < 0.3 * masks).all()
    assert not observe(temtrack.analyze(ids_of(grey < 150))).has_edges


def ids_of(is_particle):
    return np.stack([label(one) for one in is_particle]).astype(np.int32)
