import numpy as np
import pytest
from known import calibration
from scipy import ndimage

from temtrack.lineage import Lineage
from temtrack.tracking.drift import DriftEstimator
from temtrack.tracking.engine import TrackedFrame
from temtrack.tracking.frame_quality import FrameQuality
from temtrack.tracking.report import TrackingReport

#: A large field with structure of some pixels, of which frames show a part.
FIELD = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(400, 400)), 3) * 300 + 200


def frame_at(y, x, noise=5.0):
    """Show the field with its picture moved down by y and to the right by x px, to a part of a pixel."""
    moved = ndimage.shift(FIELD, (y, x), order=3, mode="nearest")[120:280, 120:280]
    return moved + np.random.default_rng(1).normal(0, noise, moved.shape)


def measure(positions, bad=()):
    estimator = DriftEstimator()
    return [estimator.measure(frame_at(*at), t not in bad) for t, at in enumerate(positions)]


def test_a_steady_drift_is_measured_to_a_tenth_of_a_pixel_and_does_not_add_up_errors():
    true = [(0.3 * t, -0.7 * t) for t in range(40)]
    found = measure(true)
    assert np.abs(np.array([one.position_px for one in found]) - true).max() < 0.1
    assert not any(one.is_jump for one in found)


def test_a_bad_frame_has_no_position_and_what_follows_counts_from_the_first():
    found = measure([(0, 0), (1, 0), (30, 0), (3, 2)], bad=(2,))
    assert found[2].position_px is None
    assert found[3].position_px == pytest.approx((3, 2), abs=0.1)


def test_steps_count_from_the_last_good_frame_even_into_a_bad_one():
    found = measure([(0, 0), (1, 0), (4, 1), (3, 2)], bad=(2,))
    assert [one.step_px for one in found[1:]] == [
        pytest.approx(step, abs=0.1) for step in ((1, 0), (3, 1), (2, 2))
    ]
    assert found[0].step_px is None


def test_a_jump_is_flagged_where_the_field_usually_moves_little():
    found = measure([(0.2 * t + 12 * (t >= 6), 0) for t in range(9)])
    assert [t for t, one in enumerate(found) if one.is_jump] == [6]
    assert found[6].position_px == pytest.approx((13.2, 0), abs=0.1)


def test_a_field_that_always_moves_fast_does_not_jump():
    assert not any(one.is_jump for one in measure([(3.0 * t, 0) for t in range(10)]))


def test_uneven_illumination_that_stays_does_not_hold_the_drift_back():
    y, x = np.mgrid[:160, :160]
    light = 400 * np.exp(-((y - 60) ** 2 + (x - 90) ** 2) / 80**2)
    estimator = DriftEstimator()
    estimator.measure(frame_at(0, 0) + light, True)
    assert estimator.measure(frame_at(4, 0) + light, True).position_px == pytest.approx((4, 0), abs=0.2)


def test_after_a_cut_to_another_field_the_way_goes_on_from_where_it_was():
    other = np.flipud(FIELD)[120:280, 120:280]
    estimator = DriftEstimator()
    frames = [frame_at(t, 0) for t in range(5)] + [np.roll(other, n, 1) for n in (0, 0, 0, 3)]
    found = [estimator.measure(frame, True) for frame in frames]
    assert [t for t, one in enumerate(found) if one.position_px is None] == [5, 6]
    assert [t for t, one in enumerate(found) if one.is_jump] == [7]
    assert found[7].position_px == pytest.approx((4, 0), abs=0.1)
    assert [one.step_px is None for one in found[4:9]] == [False, True, True, True, False]
    assert found[8].position_px == pytest.approx((4, 3), abs=0.2)


def test_a_blank_first_frame_does_not_spoil_the_rest():
    estimator = DriftEstimator()
    found = [estimator.measure(np.zeros((160, 160)), True)]
    found += [estimator.measure(frame_at(t, 0), True) for t in range(5)]
    assert not any(one.is_jump for one in found)
    assert found[5].position_px[0] - found[4].position_px[0] == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (1, 40)])
def test_a_tiny_frame_is_no_fault(shape):
    estimator = DriftEstimator()
    estimator.measure(np.ones(shape), True)
    assert estimator.measure(np.ones(shape), True).position_px is None


def test_the_table_tells_steps_only_between_frames_that_are_both_registered():
    report = TrackingReport()
    for t, registration in enumerate(measure([(0, 0), (1, 2), (9, 9), (3, 2), (3, 3)], bad=(2,))):
        quality = FrameQuality(1.0, 1.0, "blank" if t == 2 else "good")
        report.add(TrackedFrame(t, np.zeros((4, 4), np.int32), (), 0, quality, registration))
    seconds = np.arange(5) * 0.5
    table = report.drift_table(calibration(0.5, seconds)).to_pydict()
    assert table["time_s"] == [0, 0.5, 1, 1.5, 2]
    assert table["y_px"][:2] == [0, pytest.approx(1, abs=0.1)]
    assert table["y_nm"][1] == pytest.approx(0.5 * table["y_px"][1])
    assert [step is None for step in table["dy_px"]] == [True, False, True, True, False]
    assert table["dx_px"][4] == pytest.approx(1, abs=0.1)
    assert (table["correlation"][0], table["correlation"][2]) == (None, None)
    assert report.frames_flagged("blank") == {2: "blank"}
    assert report.lineage == Lineage(0, (), ())
