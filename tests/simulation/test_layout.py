from dataclasses import replace

import numpy as np
import pytest

from temtrack.simulation.layout import Arrangement, arrange, label_particles
from temtrack.simulation.projection import project
from temtrack.simulation.shapes import ShapeMix, draw_contours

PLAN = Arrangement(
    coverage=0.3, mean_radius_px=12.0, log_sigma=0.1, attached=0.6, gap=0.0, overlap=0.0, neck=1.0
)


@pytest.fixture(scope="module")
def necked():
    rng = np.random.default_rng(1)
    grains = arrange(rng, PLAN, draw_contours(rng, 5, ShapeMix(roughness=0.0)), 500, 500)
    return grains, project(grains, 500, 500)


def test_free_grains_do_not_overlap():
    rng = np.random.default_rng(0)
    plan = replace(PLAN, attached=0.0)
    grains = arrange(rng, plan, draw_contours(rng, 5, ShapeMix(roughness=0.0)), 400, 400)
    apart = np.hypot(*(np.subtract.outer(c, c) for c in (grains.y_px, grains.x_px)))
    np.fill_diagonal(apart, np.inf)
    assert len(grains) > 40
    assert np.all(apart >= 0.99 * np.add.outer(grains.radius_px, grains.radius_px))


def test_necks_of_every_stage_are_there_and_decide_the_labels(necked):
    grains, projection = necked
    label = label_particles(projection, grains)
    n_in_cluster = np.bincount(grains.cluster)[grains.cluster]
    several = np.flatnonzero(n_in_cluster > 1)
    n_labels = len(np.unique(label[several]))
    assert len(np.unique(grains.cluster[several])) < n_labels < several.size


def test_no_grains_where_nothing_is_to_be_covered():
    rng = np.random.default_rng(0)
    plan = replace(PLAN, coverage=0.0)
    grains = arrange(rng, plan, draw_contours(rng, 2, ShapeMix()), 100, 100)
    assert len(grains) == 0
    assert project(grains, 100, 100).owner.max() == -1
