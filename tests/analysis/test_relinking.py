"""Merges from masks alone, on true masks whose ids another program might have given."""

import numpy as np
import pytest
from cases import CASES, Case

from temtrack.analysis.relinking import relink
from temtrack.imaging.labels import map_ids
from temtrack.masks import Run, masks_of_arrays


def kept_on(case: Case) -> dict[int, int]:
    """New ids: a child takes over the least id of its parents, as trackers without merges do."""
    new_ids: dict[int, int] = {}
    for merge in sorted(case.merges, key=lambda merge: merge.frame):
        new_ids[merge.child] = min(new_ids.get(parent, parent) for parent in merge.parents)
    return new_ids


def shuffled(case: Case) -> dict[int, int]:
    ids = np.unique(case.truth[case.truth > 0])
    return dict(
        zip(ids.tolist(), (1 + np.random.default_rng(0).permutation(500)[: len(ids)]).tolist(), strict=True)
    )


@pytest.mark.parametrize("rename", [shuffled, kept_on])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_merges_of_true_masks_come_out_in_the_given_ids(case, rename):
    new_ids = rename(case)
    masks = [map_ids(labels, new_ids) for labels in case.truth]
    lineage = relink(Run(masks_of_arrays(masks)))[0].lineage
    found = {(merge.frame, merge.child, frozenset(merge.parents)) for merge in lineage.merges}
    assert found == {
        (
            merge.frame,
            new_ids.get(merge.child, merge.child),
            frozenset(new_ids.get(parent, parent) for parent in merge.parents),
        )
        for merge in case.merges
    }
