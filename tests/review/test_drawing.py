"""Strokes, and what a model answers to points and boxes, become the pixels of particles."""

import numpy as np
import pytest
from page_scene import make_movie
from review_scene import MASKS, check, make_edited, make_run, write_scene

from temtrack.analysis.measure import analyze_run
from temtrack.calibration import UNCALIBRATED
from temtrack.formats.store.run import open_run
from temtrack.pipeline.review import _asking
from temtrack.review.drawing import answered, asked_for, brushed, parts_at
from temtrack.review.log import read_log
from temtrack.review.outlines import ParticleDivided, rings_of
from temtrack.review.places import Stale
from temtrack.review.queue import make_queue
from temtrack.review.session import Session
from temtrack.review.shown import ShownFrames


def test_a_stroke_covers_what_is_near_its_path():
    mask = brushed([(5.0, 5.0), (5.0, 15.0)], 2.0, (20, 30))
    y, x = np.indices(mask.shape) + 0.5
    away = np.hypot(y - 5, x - x.clip(5, 15))
    assert np.array_equal(mask[abs(away - 2) > 0.05], (away <= 2)[abs(away - 2) > 0.05])
    assert mask.sum() == pytest.approx(10 * 4 + np.pi * 4, rel=0.08)


def test_a_stroke_may_leave_the_frame():
    assert brushed([(-3.0, 4.0), (2.0, 4.0)], 1.5, (10, 10)).any()
    assert not brushed([(-9.0, -9.0)], 2.0, (10, 10)).any()
    assert not brushed([(40.0, 40.0)], 2.0, (10, 10)).any()


def test_a_model_sees_what_is_around_a_prompt():
    def ask(image, points, boxes):
        asked.append((image.shape, points, boxes))
        return np.ones(image.shape, np.int32)

    asked, image = [], np.zeros((900, 1000))
    labels = answered(ask, image, [(500.0, 20.0)], [], 30.0)
    assert asked[0][0] == (360, 200)
    assert asked[0][1].tolist() == [[180.0, 20.0]]
    assert (labels[320:680, :200] == 1).all()
    assert labels.sum() == 360 * 200
    answered(ask, image, [], [(100.0, 100.0, 120.0, 140.0)], 0.0)
    assert asked[1][2].tolist() == [[96.0, 96.0, 116.0, 136.0]]


def test_what_nobody_asked_for_is_left_out():
    answers = np.zeros((20, 30), np.int32)
    answers[2:8, 2:8], answers[2:8, 20:29], answers[15:18, 15:18] = 1, 1, 2
    at_points = asked_for(answers, np.array([(5.0, 9.5), (10.0, 10.0)]))
    assert at_points[5, 5] == 1
    assert at_points.sum() == 36  # not what is far from its point
    in_boxes = asked_for(answers, np.array([(0.0, 0.0, 9.0, 30.0), (14.0, 14.0, 19.0, 19.0)]))
    assert (in_boxes[5, 5], in_boxes[5, 25], in_boxes[16, 16]) == (0, 1, 2)
    assert not asked_for(np.zeros((4, 4), np.int32), np.array([(1.0, 1.0)])).any()


def test_a_particle_is_divided_at_points_and_as_a_model_sees_it():
    mask = np.zeros((10, 20), bool)
    mask[2:8, 2:18] = True
    left, right = parts_at(mask, [(5, 4), (5, 15)], None)
    assert (left.sum(), right.sum()) == (6 * 8, 6 * 8)
    seen = np.zeros(mask.shape, np.int32)
    seen[:, 3:6], seen[:, 6:19] = 1, 2
    left, right = parts_at(mask, [(5, 4), (5, 15)], seen)
    assert (left.sum(), right.sum()) == (6 * 4, 6 * 12)
    seen[:] = 1  # a model that sees one particle does not tell where to divide it
    assert [part.sum() for part in parts_at(mask, [(5, 4), (5, 15)], seen)] == [48, 48]


def test_a_division_fits_a_run_that_outlines_otherwise():
    run = make_edited()
    mask = run.labels(5) == 4
    parts = parts_at(mask, [(70, 15), (70, 25)], None)
    division = ParticleDivided(run.place(4, 5), tuple(map(rings_of, parts)))
    division.apply(run)
    check(run)
    sizes = np.unique(run.labels(5)[mask], return_counts=True)[1]
    assert sorted(sizes) == sorted(part.sum() for part in parts)
    other = make_edited()
    other.outline(4, 5, np.roll(mask, 2, axis=1))
    division.apply(other)
    check(other)
    found = np.unique(other.labels(5)[np.roll(mask, 2, axis=1)])
    assert len(found) == 2
    assert 0 not in found


def test_a_division_into_one_part_is_none():
    run = make_edited()
    with pytest.raises(Stale, match="less than two parts"):
        ParticleDivided(run.place(4, 5), (rings_of(run.labels(5) == 4),)).apply(run)


@pytest.fixture
def session(tmp_path):
    """Review the scene with the network that comes with the program."""
    folder = write_scene(tmp_path / "masks")
    run, base = open_run(folder), make_edited()
    queue = make_queue(base, analyze_run(make_run(), None, UNCALIBRATED))
    log = read_log(folder / "corrections.jsonl", run)
    return Session(ShownFrames(run, make_movie(MASKS)), base, log, queue, _asking("effsam-tiny", "cpu"))


def test_the_network_outlines_what_is_pointed_at(session):
    true = MASKS[5] == 4
    session.correct({"kind": "particle_deleted", "fields": {"at": {"id": 4, "t": 5}}})
    session.draw({"how": "point", "t": 5, "points": [[70.5, 20.5]]})
    one = session.edited.labels(5)[70, 20]
    found = session.edited.labels(5) == one
    assert one > 11
    assert (found & true).sum() / (found | true).sum() > 0.7
    session.draw({"how": "box", "t": 5, "id": 9, "points": [[13.0, 78.0], [37.0, 102.0]]})
    found, true = session.edited.labels(5) == 9, MASKS[5] == 9
    assert (found & true).sum() / (found | true).sum() > 0.7
    check(session.edited)


WRONG = {
    "no such tool": {"how": "magic", "t": 5, "points": [[1, 1]]},
    "no points": {"how": "point", "t": 5, "points": []},
    "words for points": {"how": "point", "t": 5, "points": "here"},
    "no number": {"how": "point", "t": 5, "points": [[1, float("nan")]]},
    "no such particle": {"how": "brush", "t": 5, "id": 99, "points": [[1, 1]], "radius": 2},
    "no such frame": {"how": "brush", "t": 50, "points": [[1, 1]], "radius": 2},
    "a brush of nothing": {"how": "brush", "t": 5, "points": [[1, 1]], "radius": 0},
    "an endless brush": {"how": "brush", "t": 5, "points": [[1, 1]], "radius": 1e9},
    "half a box": {"how": "box", "t": 5, "points": [[1, 1]]},
    "a division of nothing": {"how": "divide", "t": 5, "points": [[1, 1], [5, 5]]},
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_drawn_changes_nothing(session, name):
    with pytest.raises((ValueError, KeyError)):
        session.draw(WRONG[name])
    assert session.log.entries == ()
