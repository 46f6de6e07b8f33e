import numpy as np
import pytest
from scipy.special import expit

from temtrack.errors import ModelError
from temtrack.segmentation.score import MIN_FLATTENED_SCORE, ScoreModel, ScoreModels, measure_contrast
from temtrack.segmentation.sight import Sight


def two_discs(depths):
    """Discs 11 px wide on a noisy ground, each darker by one of the depths: labels and image."""
    y, x = np.mgrid[:40, :80]
    labels = np.zeros((40, 80), np.int32)
    grey = np.random.default_rng(0).normal(0.5, 0.02, labels.shape)
    for i, depth in enumerate(depths, start=1):
        disc = np.hypot(y - 20, x - 40 * i + 20) < 6
        labels[disc] = i
        grey[disc] -= depth
    return labels, np.float32(grey)


def test_contrast_is_how_much_darker_a_particle_is_in_standard_deviations():
    labels, grey = two_discs((0.2, -0.1))
    deep, bright = measure_contrast(labels, grey, 3)[:2]
    assert deep == pytest.approx(0.2 / grey.std(), rel=0.05)
    assert bright == pytest.approx(-0.1 / grey.std(), rel=0.1)
    assert np.isnan(measure_contrast(labels, grey, 3)[2])


def test_a_particle_among_others_is_compared_with_what_is_around_these():
    labels, grey = two_discs((0.2, 0.2))
    labels[np.hypot(*np.subtract(np.mgrid[:40, :80], [[[20]], [[20]]])) < 2] = 3
    assert measure_contrast(labels, grey, 3)[2] == pytest.approx(0.2 / grey.std(), rel=0.1)


def test_the_score_is_logistic_in_probability_and_contrast():
    labels, grey = two_discs((0.2, 0.02))
    probability = np.array([0.9, 0.9], np.float32)
    model = ScoreModel(-2.0, 1.5, 3.0)
    high, low = model.score(labels, grey, probability)
    contrast = measure_contrast(labels, grey, 2)[0]
    assert high == pytest.approx(expit(-2 + 1.5 * np.log(9) + 3 * np.log(contrast)), abs=1e-5)
    assert low < high
    assert ScoreModel(-2.0, 1.5).score(labels, grey, probability)[0] == pytest.approx(
        expit(-2 + 1.5 * np.log(9)), abs=1e-5
    )
    certain = ScoreModel(-2.0, 1.5).score(labels, grey, np.array([1, 0], np.float32))
    assert 0 < certain[1] < 0.01 < 0.99 < certain[0] < 1


def test_unlikely_particles_are_left_out_where_the_background_was_flattened(segmenter, bright):
    image = bright((300, 300), (20, 20, 60), (150, 150, 60))
    model = segmenter.model
    model.score_models = ScoreModels(plain=ScoreModel(-20.0, 1.0), flattened=ScoreModel(-20.0, 1.0))
    plain = segmenter.segment(image, Sight(1.0))
    assert plain.labels.max() == 2
    assert (plain.scores < MIN_FLATTENED_SCORE).all()
    assert not segmenter.segment(image, Sight(1.0, background_px=60.0)).labels.any()


def test_a_description_without_scores_has_none_and_a_wrong_one_is_refused():
    plain, flat = {"bias": -8.0, "probability": 4.0}, {"bias": -7, "probability": 4, "contrast": 3}
    assert ScoreModels.of({}) is None
    told = ScoreModels.of({"score": {"plain": plain, "flattened": flat}})
    assert told == ScoreModels(ScoreModel(-8.0, 4.0), ScoreModel(-7, 4, 3))
    for wrong in ({"plain": plain}, {"plain": plain, "flattened": {"slope": 1}}, 0.5, {"plain": 1}):
        with pytest.raises(ModelError, match=r"'score' is .*: needs"):
            ScoreModels.of({"score": wrong})
