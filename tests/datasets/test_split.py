import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from temtrack.datasets.grouping import choose_test_groups, thin_out


@given(st.lists(st.integers(0, 8), min_size=1, max_size=60), st.floats(0.01, 0.99), st.integers(0, 5))
def test_both_sides_have_a_group_where_there_are_two(groups, fraction, seed):
    names = [f"g{i}" for i in groups]
    chosen = choose_test_groups(names, fraction, np.random.default_rng(seed))
    assert chosen < set(names)
    assert bool(chosen) == (len(set(names)) > 1)


def test_the_share_is_met_with_groups_of_one_size_and_follows_the_seed():
    names = [f"g{i // 4}" for i in range(400)]
    chosen = [choose_test_groups(names, 0.3, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert [len(some) for some in chosen] == [30, 30, 30]
    assert chosen[0] == chosen[1] != chosen[2]
    assert choose_test_groups(names, 0.0, np.random.default_rng(0)) == set()


def test_a_share_of_the_empty_tiles_is_kept_and_all_others():
    is_empty = np.arange(40) % 2 == 0
    for share, n_empty in ((0, 0), (0.25, 5), (1, 20)):
        keep = thin_out(is_empty, share, np.random.default_rng(0))
        assert keep[~is_empty].all()
        assert keep[is_empty].sum() == n_empty
