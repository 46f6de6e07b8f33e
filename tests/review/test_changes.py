"""What corrections change is told without measuring the masks anew, as if they were."""

import pytest
from review_scene import make_edited, place, write_scene

from temtrack.pipeline.correct import Corrected, open_reviewed
from temtrack.review.corrections import (
    FateTold,
    FrameExcluded,
    LinkMade,
    MergeAccepted,
    MergeRejected,
    ParticleDeleted,
    ParticlesJoined,
)
from temtrack.review.log import Entry, Log
from temtrack.review.outlines import ParticleCopied, ParticleOutlined

RING = ((60.0, 10.0), (60.0, 30.0), (75.0, 30.0), (75.0, 10.0))
AT = {(one, t): place(make_edited(), one, t) for one, t in [(1, 5), (3, 6), (4, 5), (5, 6), (6, 7), (9, 5)]}
AT |= {(one, t): place(make_edited(), one, t) for one, t in [(10, 5), (10, 8), (11, 4), (8, 3)]}
DONE = {
    "nothing": [],
    "merge accepted": [MergeAccepted(AT[3, 6])],
    "merge rejected": [MergeRejected(AT[3, 6], AT[1, 5])],
    "link": [LinkMade(AT[5, 6], AT[6, 7])],
    "deleted": [ParticleDeleted(AT[4, 5]), ParticleDeleted(AT[11, 4], everywhere=True)],
    "joined": [ParticlesJoined(AT[9, 5], AT[10, 5])],
    "outlined": [ParticleOutlined(5, (RING,), AT[4, 5]), ParticleDeleted(AT[4, 5])],
    "copied": [ParticleDeleted(AT[8, 3]), ParticleCopied(AT[8, 3], 4)],
    "fate": [FateTold(AT[10, 8], "lost")],
    "excluded": [FrameExcluded(8)],
}


@pytest.fixture(scope="module")
def reviewed(tmp_path_factory):
    return open_reviewed(write_scene(tmp_path_factory.mktemp("run") / "masks"))


def same(a, b):
    """A merge that nobody reviewed is as sure as it was, where the analysis judges it anew."""
    return a == pytest.approx(b, rel=2e-3) if isinstance(a, float) and isinstance(b, float) else a == b


@pytest.mark.parametrize("done", DONE)
def test_it_is_what_the_analysis_of_the_corrected_run_tells(reviewed, done):
    entries = [Entry.now(one) for one in DONE[done]]
    edited, _ = Log(reviewed.log.path, tuple(entries)).apply(reviewed.edited)
    anew = Corrected(reviewed.as_run(edited), (), (), reviewed.tables).measure_changes()
    found = [one.to_json() for one in reviewed.measure_changes(entries)]
    for one, told in zip(found, (one.to_json() for one in anew), strict=True):
        assert all(same(one[name], told[name]) for name in told), (one, told)
    n_changed = sum(one["before"] != one["after"] for one in found)
    assert (n_changed > 0) == (done not in ("nothing", "outlined", "copied", "excluded"))
