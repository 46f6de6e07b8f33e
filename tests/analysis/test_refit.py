import numpy as np
import pytest

from temtrack.analysis.refit import MIN_REVIEWED, Refit, fit_refit

TOLD = np.linspace(0.5, 0.98, 40)


def test_too_few_answers_say_how_many_are_needed():
    with pytest.raises(ValueError, match=f"{MIN_REVIEWED - 1} merges .* {MIN_REVIEWED} are needed"):
        fit_refit(TOLD[: MIN_REVIEWED - 1], np.ones(MIN_REVIEWED - 1, bool))


def test_answers_as_often_yes_as_told_change_little():
    confidence = np.tile([0.2, 0.5, 0.8], 10)
    is_true = np.array([(i // 3) % 10 < 10 * told for i, told in enumerate(confidence)])
    refit = fit_refit(confidence, is_true)
    assert refit == pytest.approx(Refit(0, 1), abs=0.02)


def test_merges_told_too_surely_become_less_sure_in_the_same_order():
    refit = fit_refit(TOLD, np.arange(40) % 4 == 0)
    after = [refit.apply(one) for one in TOLD]
    assert np.mean(after) == pytest.approx(0.25, abs=0.1)
    assert all(np.diff(after) > 0)
    assert max(after) < 0.7


def test_the_more_answers_the_further_it_goes():
    few, many = (fit_refit(np.full(n, 0.9), np.zeros(n, bool)) for n in (MIN_REVIEWED, 20 * MIN_REVIEWED))
    assert 0.05 < few.apply(0.9) < 0.5
    assert many.apply(0.9) < few.apply(0.9) / 4


def test_what_is_sure_or_unknown_stays_a_number_or_none():
    refit = fit_refit(np.array([0.0, 1.0] * 10), np.array([True, False] * 10))
    assert 0 < refit.apply(0.0) < 1
    assert 0 < refit.apply(1.0) < 1
    assert np.isnan(refit.apply(float("nan")))
