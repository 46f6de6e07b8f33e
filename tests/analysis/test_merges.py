import numpy as np
import pytest
from cases import two_fuse
from cases.apart import dissolve_while_fused

from temtrack.analysis.approach import ApproachWatch
from temtrack.analysis.confidence import Logistic, MergeJudge
from temtrack.analysis.merge_features import MergeScene, measure_area_ratio, measure_ratio
from temtrack.analysis.merges import NeckWatch, measure_merges, measure_neck_ratio
from temtrack.analysis.particles import ParticleHistory, measure_particles
from temtrack.imaging.labels import LabelImage
from temtrack.lineage import Lineage, Merge, Track


def rows(*tracks):
    """Particle rows from (id, first frame, areas, aspect ratios) of each track; a waist makes one long."""
    parts = [
        (np.arange(start, start + len(a)), np.full(len(a), one), np.array(a), np.resize(aspect, len(a)))
        for one, start, a, aspect in tracks
    ]
    frame, ids, area, aspect = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(frame, kind="stable")
    columns = {"frame": frame, "particle_id": ids, "area_px": area, "major_axis_px": aspect}
    columns |= {"minor_axis_px": np.ones(len(ids)), "solidity": 1 - 0.1 * (aspect - 1)}
    columns |= {"optical_mass": 0.5 * area, "touches_border": np.zeros(len(ids), bool)}
    columns |= {"y_px": np.zeros(len(ids)), "x_px": np.choose(ids - 1, [-5.0, 5.0, 0.0, 60.0])}
    return ParticleHistory({name: values[order] for name, values in columns.items()})


def measure_features(merge, history):
    return MergeScene(history).features(merge)


def predict_confidence(merge, history):
    return MergeJudge(history).judge(merge)[0]


EVENT = Merge(frame=10, child=3, parents=(1, 2), contact_frame=8, y_px=4.0, x_px=5.0)
RELAXING = np.linspace(1.9, 1.0, 12)
GOOD = rows(
    (1, 0, [100] * 10, 1.0),
    (2, 0, [100] * 10, 1.0),
    (3, 10, [190, 180, 170, 160, 160, 160, *[160] * 6], RELAXING),
)


def test_ratios_take_medians_on_both_sides():
    assert measure_area_ratio(EVENT, GOOD) == pytest.approx(180 / 200)
    assert measure_ratio(EVENT, GOOD, "optical_mass") == pytest.approx(180 / 200)


def test_area_ratio_where_a_parents_id_was_kept_on():
    kept = rows((1, 0, [100] * 10 + [190, 180, 170], 1.0), (2, 0, [100] * 10, 1.0))
    event = Merge(frame=10, child=1, parents=(1, 2), contact_frame=8, y_px=4.0, x_px=5.0)
    assert measure_area_ratio(event, kept) == pytest.approx(180 / 200)


def test_features_of_a_good_merge_and_of_what_is_none():
    good = measure_features(EVENT, GOOD)
    assert good.area_misfit == 0
    assert good.waist == pytest.approx(0.1 * (RELAXING[1] - 1))
    assert good.relaxation == pytest.approx(np.log(RELAXING[1] / RELAXING[8]))
    assert good.shrinkage == good.parent_stretch == 0
    dissolving = rows((1, 0, [100] * 10, 1.0), (2, 0, np.arange(100, 0, -10), 1.0), (3, 10, [100] * 9, 1.0))
    bad = measure_features(EVENT, dissolving)
    assert bad.shrinkage == pytest.approx(np.log(100 / 20) - 0.3)
    assert (bad.waist, bad.relaxation) == (0, 0)
    halves = (1, 8, [50] * 2, 2.0), (2, 8, [50] * 2, 2.0), (3, 10, [100], 1.0)
    assert measure_features(EVENT, rows(*halves)).parent_stretch == pytest.approx(np.log(2))
    longer = rows(*halves, (4, 0, [100] * 20, 1.0))
    assert measure_features(EVENT, longer).parent_life < good.parent_life


def test_lives_that_the_movies_ends_cut_are_left_open():
    brief = (1, 8, [100] * 2, 1.0), (2, 8, [100] * 2, 1.0), (3, 10, [180] * 2, 1.0)
    alone, longer = (
        measure_features(EVENT, rows(*brief, *more)) for more in ((), ((4, 0, [100] * 20, 1.0),))
    )
    assert (alone.child_life, alone.parent_life) == (1, 1)
    assert longer.child_life == longer.parent_life == pytest.approx(1 - np.exp(-2 / 5))
    assert np.isnan(alone.relaxation)


def test_confidence_falls_where_nothing_relaxes_and_with_short_lives():
    good = predict_confidence(EVENT, GOOD)
    one_vanished = rows((1, 0, [100] * 10, 1.0), (2, 0, [100] * 10, 1.0), (3, 10, [100] * 9, 1.0))
    flicker = rows((1, 0, [100] * 10, 1.0), (2, 9, [100], 1.9), (3, 10, [180], 1.9))
    assert predict_confidence(EVENT, one_vanished) < 0.6 * good
    assert predict_confidence(EVENT, flicker) < 0.5 * good


@pytest.mark.parametrize("case", [two_fuse(), dissolve_while_fused()], ids=lambda case: case.name)
def test_confidence_of_true_and_false_merges_of_scenes(case):
    masks = list(case.truth)
    parts = [measure_particles(LabelImage(labels), None, t) for t, labels in enumerate(masks)]
    history = ParticleHistory({name: np.concatenate([p[name] for p in parts]) for name in parts[0]})
    false = Merge(frame=10, child=1, parents=(1, 2), contact_frame=4, y_px=0.0, x_px=0.0)
    confidence = predict_confidence(case.lineage.merges[0] if case.merges else false, history)
    assert confidence > 0.8 if case.merges else confidence < 0.3


def test_missing_masks_leave_ratio_and_confidence_null():
    history = rows((1, 0, [100] * 10, 1.0), (3, 10, [100], 1.0))
    assert np.isnan(measure_area_ratio(EVENT, history))
    confidence, reason = MergeJudge(history).judge(EVENT)
    assert np.isnan(confidence)
    assert reason == "no mask of the child or of a parent"


def test_a_movie_unlike_those_of_the_fit_gets_no_confidence_and_a_reason():
    wild = rows(
        (1, 0, [100, 300] * 5, 1.0), (2, 0, [300, 100] * 5, 1.0), (3, 10, [190, 180, 170, 160], RELAXING[:4])
    )
    confidence, reason = MergeJudge(wild).judge(EVENT)
    assert np.isnan(confidence)
    assert reason == "scatter of areas from frame to frame 1.49: fitted on 0 to 0.25"


def test_a_logistic_takes_what_was_not_measured_as_average():
    model = Logistic(intercept=0.0, terms={"x": (1.0, 2.0, 1.0), "y": (5.0, 1.0, 3.0)})
    assert model({"x": 1.0, "y": 5.0}) == 0.5
    assert model({"x": 1.0, "y": np.nan}) == 0.5
    assert model({"x": 3.0, "y": np.nan}) == pytest.approx(1 / (1 + np.exp(-1)))


def test_rows_stand_in_the_order_of_frames():
    first = Merge(frame=5, child=9, parents=(7, 8, 6), contact_frame=5, y_px=0.0, x_px=0.0)
    lineage = Lineage(22, (), (EVENT, first))
    table = measure_merges(GOOD, lineage, NeckWatch(lineage), ApproachWatch(lineage), MergeJudge(GOOD))
    assert table["frame"] == [5, 10]
    assert table["event_id"] == [1, 2]
    assert table["parent_ids"] == [[7, 8, 6], [1, 2]]
    assert table["n_parents"] == [3, 2]
    assert np.isnan(table["confidence"][0])


def two_discs(distance, radius=20, other=20, angle=0.4):
    """A mask of two discs joined where they overlap."""
    y, x = np.indices((140, 140)) - 70
    along = x * np.cos(angle) + y * np.sin(angle)
    across = y * np.cos(angle) - x * np.sin(angle)
    return (along**2 + across**2 <= radius**2) | ((along - distance) ** 2 + across**2 <= other**2)


@pytest.mark.parametrize("distance", [38, 30, 20])
def test_neck_of_two_discs_is_their_common_chord(distance):
    child = np.argwhere(two_discs(distance))
    chord = 2 * np.sqrt(20**2 - (distance / 2) ** 2)
    assert measure_neck_ratio(child, [1257, 1257]) == pytest.approx(chord / 40, abs=0.08)


def test_neck_of_unequal_discs_is_found_beside_the_smaller():
    child = np.argwhere(two_discs(27, other=8))
    chord = 2 * np.sqrt(8**2 - (27 / 2 - (20**2 - 8**2) / 54) ** 2)
    assert measure_neck_ratio(child, [1257, 201]) == pytest.approx(chord / 16, abs=0.16)


def test_what_is_missing_has_no_neck():
    assert np.isnan(measure_neck_ratio(np.zeros((0, 2), int), [10, 10]))
    assert np.isnan(measure_neck_ratio(np.argwhere(two_discs(20)), [10, 0]))


def test_the_neck_grows_while_it_is_watched():
    merge = Merge(2, 3, (1, 2), 1, 0.0, 0.0)
    tracks = (
        Track(1, 0, 1, "present", "merged"),
        Track(2, 0, 1, "present", "merged"),
        Track(3, 2, 4, "merge", "present", (1, 2)),
    )
    watch = NeckWatch(Lineage(5, tracks, (merge,)))
    before = np.where(two_discs(0), 1, 2 * two_discs(44))
    for t, labels in enumerate([before, before, *(3 * two_discs(d) for d in (38, 30, 20))]):
        watch.add(t, LabelImage(labels))
    ratios = watch.ratios(merge)
    assert len(ratios) == 3
    assert ratios == sorted(ratios)
