import numpy as np
import pytest
from scipy import ndimage

from temtrack.imaging.neighbours import Excess, register, stack_in_boxes, stack_with_neighbours


@pytest.fixture
def scene():
    """A large picture that frames are cut from."""
    rough = np.random.default_rng(0).normal(size=(260, 260))
    return (100 + 200 * ndimage.gaussian_filter(rough, 4.0)).astype(np.float32)


def cut(scene, y, x, noise=8.0, seed=0):
    picture = scene[y : y + 200, x : x + 200]
    return (picture + np.random.default_rng(seed).normal(0, noise, (200, 200))).astype(np.float32)


INNER = (slice(15, -15), slice(15, -15))


def mean_of(frame, neighbours):
    return Excess.of(frame, neighbours).mean_beside(frame)


def error(found, clean):
    return np.std((found - clean)[INNER])


def test_neighbours_are_laid_over_the_frame_and_their_noise_is_averaged(scene):
    clean, frame = cut(scene, 20, 20, 0), cut(scene, 20, 20, seed=9)
    others = [cut(scene, 20 + 2 * k, 20 - 3 * k, seed=k) for k in (1, 2, 3)]
    found = register(frame, others)
    assert [step for _, step in found] == [pytest.approx((-2 * k, 3 * k), abs=0.3) for k in (1, 2, 3)]
    mean = mean_of(frame, found)
    assert error(mean, clean) < 0.75 * error(frame, clean)
    assert error(mean, clean) < 0.5 * error(np.mean(others, axis=0), clean)


def test_a_neighbour_that_fits_nowhere_is_left_out(scene):
    other = np.random.default_rng(5).normal(100, 20, (200, 200)).astype(np.float32)
    assert register(cut(scene, 20, 20), [other]) == []


def test_where_something_has_moved_the_frame_stands_in_its_neighbours_place(scene):
    frame, other = cut(scene, 20, 20, seed=1), cut(scene, 20, 20, seed=2)
    frame[60:90, 60:90] -= 80
    other[110:140, 110:140] -= 80
    mean = mean_of(frame, [(other, (0.0, 0.0))])
    np.testing.assert_allclose(mean[62:88, 62:88], frame[62:88, 62:88], atol=0.5)
    np.testing.assert_allclose(mean[112:138, 112:138], frame[112:138, 112:138], atol=0.5)
    assert np.abs(mean - frame)[150:, 20:100].mean() > 2  # noise is averaged elsewhere


def test_a_blank_frame_is_left_out_and_a_brighter_one_is_not(scene):
    frame, blank = cut(scene, 20, 20, seed=1), np.random.default_rng(3).normal(300, 8, (200, 200))
    assert register(frame, [blank]) == []
    brighter = cut(scene, 20, 20, seed=2) + 40
    mean = mean_of(frame, register(frame, [brighter]))
    assert abs((mean - frame).mean()) < 1
    assert np.abs(mean - frame).mean() > 2


def test_edges_that_no_neighbour_shows_are_those_of_the_frame(scene):
    frame = cut(scene, 20, 20, seed=1)
    mean = mean_of(frame, [(cut(scene, 30, 20, seed=2), (-10.0, 0.0))])
    np.testing.assert_array_equal(mean[:9], frame[:9])
    assert np.isfinite(mean).all()


def test_frames_without_noise_are_shown_alone(scene):
    frame = cut(scene, 20, 20, 0)
    stack = stack_with_neighbours([(frame, (0.0, 0.0))], frame, [])
    assert stack.dtype == np.float32
    np.testing.assert_array_equal(stack, np.stack([frame] * 3))


def test_the_channels_are_before_frame_and_after(scene):
    clean = cut(scene, 20, 20, 0)
    frame, before, after = (cut(scene, 20, 20, seed=seed) for seed in range(3))
    stack = stack_with_neighbours([(before, (0.0, 0.0))], frame, [(after, (0.0, 0.0))])
    for channel, expected in zip(stack, (before, frame, after), strict=True):
        assert np.corrcoef((channel - clean).ravel(), (expected - clean).ravel())[0, 1] > 0.9


def test_a_frame_that_hardly_shows_anything_is_shown_as_the_mean_with_its_neighbours(scene):
    clean = cut(scene, 20, 20, 0)
    frames = [cut(scene, 20, 20, noise=150.0, seed=seed) for seed in range(9)]
    sides = [[(other, (0.0, 0.0)) for other in some] for some in (frames[:4], frames[5:])]
    stack = stack_with_neighbours(sides[0], frames[4], sides[1])
    assert error(stack[1], clean) < 0.5 * error(frames[4], clean)
    assert error(stack[1], clean) < 0.8 * error(stack[0], clean)


def test_a_faint_disc_that_moved_is_not_averaged_away():
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:120, :120]
    discs = [np.hypot(y - 60, x - 30 - 30 * k) < 9 for k in range(3)]
    before, frame, after = (rng.normal(0, 10, disc.shape) - 12 * disc for disc in discs)
    stack = stack_with_neighbours([(before, (0.0, 0.0))], np.float32(frame), [(after, (0.0, 0.0))])
    for channel in stack:
        assert channel[discs[1]].mean() == pytest.approx(-12, abs=2.5)
        for elsewhere in (discs[0], discs[2]):
            assert abs(channel[elsewhere].mean()) < 2.5


def test_what_the_frame_does_not_show_no_neighbour_shows_in_its_place(scene):
    frame = cut(scene, 20, 20, seed=1)
    frame[:50] = np.nan
    stack = stack_with_neighbours([(cut(scene, 20, 20, seed=2), (0.0, 0.0))], frame, [])
    assert np.isnan(stack[:, :50]).all()
    assert np.isfinite(stack[:, 50:]).all()


def test_in_boxes_neighbours_count_as_in_the_whole_and_elsewhere_the_frame_stands(scene):
    frame = cut(scene, 20, 20, seed=9)
    sides = [register(frame, [cut(scene, 20 + k, 20 - k, seed=k)]) for k in (1, 2)]
    boxes = [(slice(0, 80), slice(60, 150)), (slice(60, 130), slice(100, 200))]
    found = stack_in_boxes(sides[0], frame, sides[1], boxes)
    whole = stack_with_neighbours(sides[0], frame, sides[1])
    is_inside = np.zeros(frame.shape, bool)
    for box in boxes:
        is_inside[box] = True
    for place in (0, 2):
        gained = np.abs(whole[place] - frame)[is_inside].mean()
        assert (
            np.abs(found[place] - whole[place])[is_inside].mean() < 0.1 * gained
        )  # noise is told by the box
        np.testing.assert_array_equal(found[place][~is_inside], frame[~is_inside])
    np.testing.assert_array_equal(found[1], frame)
