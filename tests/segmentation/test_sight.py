from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from temtrack.segmentation.scale import Prediction
from temtrack.segmentation.sight import (
    DOUBT,
    BlobEvidence,
    Sight,
    SightEstimate,
    SightFinder,
    busiest,
    common_sight,
    facts_of,
)


def discs(bright, support):
    """Discs 12 px wide on an even or steeply uneven background: an image in [0, 1]."""
    y, x = np.mgrid[:240, :240].astype(np.float32)
    inside = (y % 48 - 24) ** 2 + (x % 48 - 24) ** 2 < 36
    background = 0.5 + (0.3 * np.sin(x / 40) * np.cos(y / 47) if support else 0)
    return np.clip(background + (0.15 if bright else -0.15) * inside, 0, 1).astype(np.float32), inside


def dark_discs(part, scale):
    """In the place of a network: what is dark is a particle, and those round and 25 to 80 wide are sure."""
    labels, n = ndimage.label(part < np.median(part) - 0.1)
    boxes = ndimage.find_objects(labels)
    areas = np.bincount(labels.ravel())[1:]
    sides = np.array([[ys.stop - ys.start, xs.stop - xs.start] for ys, xs in boxes]).reshape(-1, 2)
    is_round = (areas > 0.7 * sides.prod(axis=1)) & (sides.max(axis=1) <= 1.3 * sides.min(axis=1))
    is_known = is_round & (25 < sides.min(axis=1) * scale) & (sides.max(axis=1) * scale < 80)
    confidence = 0.95 * areas[is_known].sum() / max(areas.sum(), 1)
    return Prediction(labels.astype(np.int32), np.ones(n, np.float32), float(confidence))


def find(grey, **settings):
    return find_with(dark_discs, grey, **settings)


def scored(found, shown, sight):
    return replace(found, scores=np.full(len(found.scores), found.confidence, np.float32))


def find_with(predict, grey, **settings):
    return SightFinder(predict, scored, 2.0, **settings).find(grey)


def test_dark_particles_on_an_even_background_are_shown_as_they_are():
    grey, _ = discs(bright=False, support=False)
    found = find(grey)
    assert (found.sight.is_bright, found.sight.background_px) == (False, None)


@pytest.mark.parametrize("bright", [True, False])
def test_on_a_lumpy_support_the_background_is_flattened_and_the_polarity_found(bright):
    grey, inside = discs(bright, support=True)
    found = find(grey)
    assert found.sight.is_bright is bright
    assert found.sight.background_px is not None
    shown = found.sight.show(grey, 2.0)
    assert np.percentile(shown[inside], 90) < np.percentile(shown[~inside], 10)


def test_a_clear_image_overrules_a_network_that_is_not_sure():
    """Where the network takes the hills of the support for particles, and is not sure, blobs tell."""
    grey, _ = discs(bright=True, support=True)
    hills = np.zeros(grey.shape, np.int32)
    hills[60:180, 60:180] = 1

    def sees_hills(part, scale):
        found = dark_discs(part, scale)
        return found if part.shape != grey.shape or scale > 2 else Prediction(hills, np.ones(1), 0.7)

    assert find_with(sees_hills, grey).sight.is_bright
    evidence = BlobEvidence.of(grey)
    assert evidence.deny(is_bright=False)
    assert not evidence.deny(is_bright=True)


def sees_a_hill(of_particles, of_the_hill):
    """A network that sees particles with one confidence, and where it sees none a hill 220 px wide."""

    def predict(part, scale):
        found = dark_discs(part, scale)
        if found.confidence > 0.5:
            return Prediction(found.labels, found.scores, of_particles)
        hill = np.zeros(part.shape, np.int32)
        hill[10:-10, 10:-10] = 1
        return Prediction(hill, np.ones(1, np.float32), of_the_hill)

    return predict


@pytest.mark.parametrize(
    ("of_particles", "of_the_hill"),
    [(0.7, 0.85), (0.45, 0.85)],
    ids=["less sure", "vouched for by blobs"],
)
def test_many_likely_particles_count_for_more_than_one_of_which_the_network_is_surer(
    of_particles, of_the_hill
):
    """A hill of the support is seen, and particles that stand out, of which each is a blob."""
    grey, _ = discs(bright=True, support=True)
    found = find_with(sees_a_hill(of_particles, of_the_hill), grey)
    assert found.sight.is_bright
    assert found.sight.background_px is not None


@pytest.mark.parametrize(("confidence", "is_doubtful"), [(DOUBT + 0.01, False), (DOUBT - 0.01, True)])
def test_a_network_that_is_hardly_sure_says_so(confidence, is_doubtful):
    grey, inside = discs(bright=False, support=False)
    labels = ndimage.label(inside)[0].astype(np.int32)

    def predict(part, scale):
        return Prediction(labels, np.ones(labels.max(), np.float32), confidence)

    assert find_with(predict, grey).is_doubtful is is_doubtful


def test_an_image_without_blobs_tells_nothing():
    evidence = BlobEvidence.of(np.full((90, 90), 0.5, np.float32))
    assert evidence.diameter_px(is_bright=True) is None
    assert not evidence.deny(is_bright=False)


def test_a_polarity_that_is_given_is_kept_and_one_that_contradicts_the_image_is_told():
    grey, _ = discs(bright=True, support=True)
    assert not find(grey, polarity="bright").is_contradicted
    told = find(grey, polarity="dark")
    assert told.is_contradicted
    assert not told.sight.is_bright


def test_a_network_that_knows_no_flattened_background_is_shown_one_only_where_it_sees_nothing():
    grey, _ = discs(bright=False, support=True)
    assert find(grey).sight.background_px is not None
    assert find(grey, sure=0.0).sight.background_px is None
    grey, _ = discs(bright=True, support=False)
    assert find(grey, sure=0.0).sight.is_bright


def test_a_scale_that_is_given_is_kept():
    grey, _ = discs(bright=True, support=True)
    found = find(grey, scale=2.5)
    assert found.sight.scale == 2.5
    assert found.sight.is_bright


def test_an_inverted_image_is_shown_as_its_negative():
    grey, _ = discs(bright=True, support=False)
    shown = [Sight(is_bright=bright).show(grey if bright else 1 - grey, 2.0) for bright in (True, False)]
    np.testing.assert_allclose(*shown)


def test_a_frame_with_its_neighbours_is_shown_as_one():
    grey, _ = discs(bright=True, support=True)
    stack, sight = np.stack([grey] * 3), Sight(1.0, True, 12.0)
    np.testing.assert_allclose(sight.show(stack, 2.0)[1], sight.show(grey, 2.0), atol=1e-5)
    as_one = find_with(lambda part, scale: dark_discs(part[1], scale), stack)
    assert as_one.sight == find(grey).sight


def test_the_busiest_window_is_where_grey_values_differ():
    grey = np.zeros((100, 140), np.float32)
    grey[70:80, 100:120] = np.random.default_rng(0).random((10, 20))
    window = busiest(grey, 40)
    assert grey[window].shape == (40, 40)
    assert grey[window].sum() == pytest.approx(grey.sum())
    assert busiest(np.stack([grey] * 3), 40) == window
    assert grey[busiest(grey, 500)].shape == grey.shape


def test_one_sight_for_a_movie_is_that_of_most_frames_at_their_mean_scale():
    flat = [SightEstimate(Sight(scale, True, px), 0.7) for scale, px in ((2.0, 10.0), (8.0, 40.0))]
    common = common_sight([*flat, SightEstimate(Sight(1.0), 0.9), None])
    assert common == Sight(pytest.approx(4.0), True, pytest.approx(20.0))
    assert common_sight([None]) is None


def test_a_record_tells_one_way_or_one_for_each_frame():
    dark, flat = Sight(2.0), Sight(2.0, True, 9.0)
    assert facts_of([dark, dark]) == {"rescale": 2.0, "polarity": "dark", "background_px": None}
    assert facts_of([dark, flat, None]) == {
        "rescale": [2.0, 2.0, None],
        "polarity": ["dark", "bright", None],
        "background_px": [None, 9.0, None],
    }
