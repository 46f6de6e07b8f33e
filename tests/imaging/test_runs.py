import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from temtrack.imaging.labels import LabelImage, measure_gaps
from temtrack.imaging.runs import RunLengths, encode_run_lengths, paint_runs

label_images = arrays(np.int32, (5, 9), elements=st.integers(0, 4))


@given(label_images, st.dictionaries(st.integers(1, 4), st.integers(0, 4)))
def test_renamed_labels_have_the_runs_that_they_show(labels, new_ids):
    renamed = LabelImage(labels).renamed(new_ids)
    np.testing.assert_array_equal(
        renamed.labels, np.array([0, *(new_ids.get(i, i) for i in range(1, 5))])[labels]
    )
    for known, shown in zip(
        vars(renamed.runs).values(), vars(encode_run_lengths(renamed.labels)).values(), strict=True
    ):
        np.testing.assert_array_equal(known, shown)


@given(label_images, label_images)
def test_runs_painted_later_lie_on_top(below, above):
    runs = [vars(encode_run_lengths(labels)).values() for labels in (below, above)]
    both = RunLengths(*map(np.concatenate, zip(*runs, strict=True)))
    painted, seen = paint_runs(both, below.shape[1]), encode_run_lengths(np.where(above > 0, above, below))
    for known, shown in zip(vars(painted).values(), vars(seen).values(), strict=True):
        np.testing.assert_array_equal(known, shown)


@given(label_images, st.permutations([1, 2, 3, 4]), st.integers(0, 2))
def test_what_was_measured_is_right_in_other_ids(labels, new_ids, max_gap):
    image = LabelImage(labels)
    assert image.regions.ids.size == image.ids.size
    image.gaps(max_gap)
    renamed = image.without_pixels().renamed(dict(zip([1, 2, 3, 4], new_ids, strict=True)))
    plain = LabelImage(renamed.labels)
    np.testing.assert_array_equal(renamed.gaps(max_gap), plain.gaps(max_gap))
    np.testing.assert_array_equal(renamed.region, plain.region)
    for known, measured in zip(vars(renamed.regions).values(), vars(plain.regions).values(), strict=True):
        np.testing.assert_array_equal(known, measured)


@given(label_images, st.integers(0, 2))
def test_ids_too_high_for_a_key_of_two_have_the_same_gaps(labels, max_gap):
    high = np.where(labels > 0, labels + (np.int64(1) << 40), 0)
    off = np.array([1 << 40, 1 << 40, 0])
    np.testing.assert_array_equal(measure_gaps(high, max_gap), measure_gaps(labels, max_gap) + off)


@given(label_images)
def test_pixels_of_ids_are_where_they_stand(labels):
    np.testing.assert_array_equal(LabelImage(labels).pixels_of([1, 3]), np.argwhere(np.isin(labels, [1, 3])))
