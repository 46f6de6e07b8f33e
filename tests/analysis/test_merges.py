import numpy as np
import pytest

from temtrack.analysis.merges import AreaHistory, measure_area_ratio, measure_merges, score_merge
from temtrack.lineage import Lineage, Merge


def rows(*tracks):
    """Particle rows from (id, first frame, areas) of each track."""
    parts = [
        (np.arange(start, start + len(a)), np.full(len(a), one), np.array(a)) for one, start, a in tracks
    ]
    frame, ids, area = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(frame, kind="stable")
    return {"frame": frame[order], "particle_id": ids[order], "area_px": area[order]}


EVENT = Merge(frame=10, child=3, parents=(1, 2), contact_frame=8, y_px=4.0, x_px=5.0)
GOOD = rows((1, 0, [100] * 10), (2, 0, [100] * 10), (3, 10, [190, 180, 170, 160, 160, 160]))


def test_area_ratio_takes_medians_on_both_sides():
    assert measure_area_ratio(EVENT, AreaHistory(GOOD)) == pytest.approx(180 / 200)


def test_area_ratio_where_a_parents_id_was_kept_on():
    kept = rows((1, 0, [100] * 10 + [190, 180, 170]), (2, 0, [100] * 10))
    event = Merge(frame=10, child=1, parents=(1, 2), contact_frame=8, y_px=4.0, x_px=5.0)
    assert measure_area_ratio(event, AreaHistory(kept)) == pytest.approx(180 / 200)


def test_score_falls_with_area_that_does_not_close_and_with_short_lives():
    good = score_merge(EVENT, AreaHistory(GOOD))
    one_vanished = rows((1, 0, [100] * 10), (2, 0, [100] * 10), (3, 10, [100] * 6))
    flicker = rows((1, 0, [100] * 10), (2, 9, [100]), (3, 10, [180]))
    assert 0.9 < good <= 1
    assert score_merge(EVENT, AreaHistory(one_vanished)) < 0.5 * good
    assert score_merge(EVENT, AreaHistory(flicker)) < 0.5 * good


def test_missing_masks_leave_the_ratio_null_and_the_score_zero():
    history = AreaHistory(rows((1, 0, [100] * 10), (3, 10, [100])))
    assert np.isnan(measure_area_ratio(EVENT, history))
    assert score_merge(EVENT, history) == 0


def test_rows_stand_in_the_order_of_frames():
    first = Merge(frame=5, child=9, parents=(7, 8, 6), contact_frame=5, y_px=0.0, x_px=0.0)
    table = measure_merges(GOOD, Lineage(16, (), (EVENT, first)))
    assert table["frame"] == [5, 10]
    assert table["event_id"].tolist() == [1, 2]
    assert table["parent_ids"] == [[7, 8, 6], [1, 2]]
    assert table["n_parents"] == [3, 2]
