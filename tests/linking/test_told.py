"""What a person told of a frame: it is a particle; and where all was told, nothing else is there."""

import numpy as np
import pytest
from cases.scene import Disc, draw

from temtrack.formats.store.fit import fitted
from temtrack.imaging.labels import LabelImage
from temtrack.linking.linker import Linker
from temtrack.linking.told import Told
from temtrack.masks import masks_of_arrays

N_FRAMES = 14
THREE = [Disc(1, 20, 20, 6), Disc(2, 20, 60, 6), Disc(3, 60, 20, 6)]


def link(masks, told):
    """Link masks, each particle propagated to where it was; return labels, gap-filled ids and lineage."""
    linker, before, found = Linker(), None, []
    for t, labels in enumerate(masks):
        before = linker.push(before, LabelImage(labels).numbered(), told=told.get(t))
        found += linker.finished()
    lineage = linker.finish()
    found += linker.finished()
    return np.stack([f.labels for f in found]), [f.gap_filled_ids for f in found], lineage


def test_of_two_specks_only_the_one_pointed_at_is_a_particle():
    specks = [Disc(4, 60, 60, 3, 5, 5), Disc(5, 80, 40, 3, 5, 5)]
    masks = draw([*THREE, *specks], N_FRAMES, (96, 96))
    labels, _, lineage = link(masks, {5: Told(masks[5] == 4)})
    assert labels[5][60, 60] > 0 == labels[5][80, 40]
    assert len(lineage.tracks) == 4


@pytest.mark.parametrize("lacks", [5, 13])
@pytest.mark.parametrize("is_all", [False, True])
def test_where_all_was_told_nothing_is_filled_in(lacks, is_all):
    masks = draw(THREE, N_FRAMES, (96, 96))
    masks[lacks][masks[lacks] == 2] = 0
    labels, filled, lineage = link(masks, {lacks: Told(masks[lacks] > 0, is_all)})
    one = labels[0][20, 60]
    assert (labels[lacks][20, 60] == one) != is_all
    assert filled[lacks] == (() if is_all else (one,))
    assert (labels[:lacks, 20, 60] == one).all()
    assert (labels[lacks + 1 :, 20, 60] == one).all()
    (track,) = (track for track in lineage.tracks if track.id == one)
    is_gone = is_all and lacks == N_FRAMES - 1
    assert (track.end, track.fate) == ((12, "lost") if is_gone else (13, "present"))
    assert all(fitted(masks_of_arrays(labels), lineage, is_whole=not is_all)[t].any() for t in range(14))
