import numpy as np
import pytest
from scenarios import any_regime, fitting, judging

from temtrack.linking.masks import link_masks


@pytest.mark.parametrize(("make", "seed"), [(judging.scenario, 30001), (fitting.scenario, 20037)])
def test_what_an_ended_track_takes_over_from_another_stays_known(make, seed):
    scenario = make(any_regime(seed), seed)
    linked = link_masks(scenario.observed[:40])
    frames = [frame.labels for frame in linked]
    seen = {i: t for t, labels in enumerate(frames) for i in np.unique(labels[labels > 0]).tolist()}
    assert {track.id: track.end for track in linked.lineage.tracks} == seen


@pytest.mark.parametrize("gap", [0, 6], ids=["touching", "apart"])
def test_two_that_the_last_frame_shows_as_one_merged_only_if_they_touched(gap):
    y, x = np.mgrid[:60, :90]
    apart = np.where(np.hypot(y - 30, x - 30) < 10, 1, np.where(np.hypot(y - 30, x - 48 - gap) < 10, 2, 0))
    joint = np.where((apart > 0) | ((abs(y - 30) < 5) & (x > 30) & (x < 48 + gap)), 1, 0)
    linked = link_masks([apart] * 12 + [joint])
    assert len([frame for frame in linked if frame.frame == 12]) == 1
    assert len(linked.lineage.merges) == (gap == 0)
