from dataclasses import replace

import numpy as np
import pytest

from temtrack.linking.evidence import MAX_AREA_FRAMES, N_AREA_FRAMES, Vanishing, n_area_frames, nats_for_merge
from temtrack.linking.noise import MovieNoise


def noise_of(area_log, motion_px=0.5):
    """What is known of a movie whose areas scatter so, after some frames of 50 particles."""
    noise, rng = MovieNoise(), np.random.default_rng(0)
    for _ in range(20):
        noise.learn(rng.normal(0, motion_px, (50, 2)), rng.normal(0, area_log, 50), 1, 0)
    return noise


def vanishing(after_px, moved_px):
    """One of 50 px that vanishes beside one alike; their common centre is 6 px from that one's."""
    return Vanishing(
        other_px=50, gone_px=50, after_px=after_px, n_before=5, n_after=5,
        pull=(moved_px, 6.0), gap_px=3.0, log_odds=0.0,
    )  # fmt: skip


@pytest.mark.parametrize("moved_px", [0.0, 6.0])
def test_a_merge_is_told_whether_the_child_lies_between_its_parents_or_where_one_was(moved_px):
    noise = noise_of(0.15)
    assert nats_for_merge(vanishing(96, moved_px), noise, 4.0) > 0
    assert nats_for_merge(vanishing(52, moved_px), noise, 4.0) < 0


def test_that_the_other_one_stays_where_it_was_speaks_against_a_merge_but_little():
    noise = noise_of(0.15)
    stays, moves = (nats_for_merge(vanishing(96, moved), noise, 4.0) for moved in (0.0, 6.0))
    assert stays < moves - 1
    assert stays > nats_for_merge(vanishing(96, 0.0), noise, 4.0, pinned_fraction=0.0) + 1


def test_areas_are_medians_over_more_frames_where_outlines_jitter():
    assert n_area_frames(noise_of(0.03)) == N_AREA_FRAMES
    assert N_AREA_FRAMES < n_area_frames(noise_of(0.14)) <= MAX_AREA_FRAMES
    assert n_area_frames(noise_of(0.5)) == MAX_AREA_FRAMES


def test_what_the_border_cuts_tells_little_of_a_merge_by_its_area():
    noise = noise_of(0.05)
    whole, cut_after, cut = (
        nats_for_merge(replace(vanishing(96, 3.0), pull=None, n_cut=n), noise, 4.0) for n in range(3)
    )
    alone = nats_for_merge(replace(vanishing(52, 3.0), pull=None, n_cut=1), noise, 4.0)
    assert cut_after == alone < 0 < cut < whole
