import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from temtrack.metrics.assignment import choose_pairs, distinct_pairs


def test_the_greedy_choice_is_not_taken_where_another_is_worth_more():
    left, right, worth = np.array([0, 0, 1]), np.array([0, 1, 0]), np.array([5, 4, 4])
    assert choose_pairs(left, right, worth).tolist() == [False, True, True]


def test_nothing_to_choose_from():
    assert choose_pairs(np.zeros(0, int), np.zeros(0, int), np.zeros(0)).tolist() == []


def test_pairs_that_come_more_than_once():
    left, right, number = distinct_pairs(np.array([3, 1, 3, 3]), np.array([0, 5, 0, 5]))
    assert (left.tolist(), right.tolist(), number.tolist()) == ([1, 3, 3], [5, 0, 5], [1, 0, 1, 2])


@given(st.integers(0, 2**32 - 1))
def test_as_good_as_the_dense_solution(seed):
    rng = np.random.default_rng(seed)
    table = rng.integers(0, 9, (6, 7)) * (rng.random((6, 7)) < 0.4)
    left, right = np.nonzero(table)
    chosen = choose_pairs(left, right, table[left, right])
    assert len(set(left[chosen])) == len(set(right[chosen])) == chosen.sum()
    assert table[left, right][chosen].sum() == table[linear_sum_assignment(table, maximize=True)].sum()
