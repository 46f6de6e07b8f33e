import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from temtrack.imaging.labels import LabelImage
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
    painted = paint_runs(RunLengths(*map(np.concatenate, zip(*runs, strict=True))), below.shape)
    np.testing.assert_array_equal(painted, np.where(above > 0, above, below))


@given(label_images)
def test_pixels_of_ids_are_where_they_stand(labels):
    np.testing.assert_array_equal(LabelImage(labels).pixels_of([1, 3]), np.argwhere(np.isin(labels, [1, 3])))
