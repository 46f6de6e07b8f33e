import json
import math

import numpy as np
from cases import CASES

from temtrack.metrics.document import describe_evaluation
from temtrack.metrics.evaluation import Evaluation
from temtrack.metrics.overlaps import measure_overlaps
from temtrack.metrics.segmentation import score_frames

TRUTH = next(c for c in CASES if c.name == "two fuse").truth[:3]


def evaluation(found, true):
    scores = score_frames(measure_overlaps(found, true, with_boundaries=True))
    return Evaluation(tuple(range(len(true))), tuple(scores), None, None)


def test_pooled_measures_and_means_over_frames():
    found = TRUTH.copy()
    found[2] = 0
    told = describe_evaluation(evaluation(found, TRUTH))
    assert [frame["f1"] for frame in told["frames"]] == [1, 1, 0]
    assert told["segmentation"]["mean"]["f1"] == 2 / 3
    pooled = told["segmentation"]["pooled"]
    assert (pooled["n_true"], pooled["n_found"]) == (9, 6)
    assert math.isclose(pooled["f1"], 2 * 6 / 15)
    assert told["tracking"] is told["merges"] is told["fates"] is None
    json.dumps(told, allow_nan=True)  # plain numbers alone


def test_what_no_frame_tells_is_none():
    empty = np.zeros_like(TRUTH)
    means = describe_evaluation(evaluation(empty, empty))["segmentation"]["mean"]
    assert (means["f1"], means["count_error"]) == (1, None)
