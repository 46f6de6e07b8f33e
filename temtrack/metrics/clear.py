"""The CLEAR MOT measures, tracks mostly tracked or lost, and CHOTA: how well tracks keep their identity.

Detections are matched as by the Cell Tracking Challenge (see `ctc`), and a parent with one only child goes on
in it, as where a particle is out of sight for a while. So the measures are those of py-ctcmetrics 1.3, but
for one: there a true track that is never found counts as mostly tracked, here as mostly lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from temtrack.metrics.assignment import distinct_pairs
from temtrack.metrics.ctc import places_of_kin
from temtrack.metrics.overlaps import Detections, MovieOverlaps
from temtrack.metrics.pooling import fraction
from temtrack.metrics.tracks import TrackMatches, cover_detections

#: A true track is mostly tracked from the first fraction of its detections on, mostly lost below the second.
MOSTLY_TRACKED, MOSTLY_LOST = 0.8, 0.2


@dataclass(frozen=True)
class ClearScore:
    """What is wrong with the tracks, and two scores that are no counts.

    Parameters
    ----------
    n_true
        True detections.
    n_missed
        Those that nothing covers.
    n_false
        Found detections that cover nothing.
    n_doubled
        True detections that a found one covers beside another.
    n_switches
        How often a true track's found id differs from its last one.
    motp
        MOTP, multiple object tracking precision: the mean IoU of matched detections, 1 where all outlines
        are the true ones; NaN where none match. As in `mota`'s source, with IoU in place of distance.
    held
        (T,) of each true track, the greatest fraction of its detections that one found track covers.
    chota
        See `_score_chota`.
    """

    n_true: int
    n_missed: int
    n_false: int
    n_doubled: int
    n_switches: int
    motp: float
    held: NDArray[np.float64]
    chota: float

    @property
    def mota(self) -> float:
        """MOTA, multiple object tracking accuracy: 1 less all that is wrong over the true detections.

        Wrong are detections missed, false and doubled, and id switches; so it may be below 0, and is NaN
        without a true detection. Bernardin & Stiefelhagen 2008, 'Evaluating Multiple Object Tracking
        Performance: The CLEAR MOT Metrics', doi:10.1155/2008/246309.
        """
        n_wrong = self.n_missed + self.n_false + self.n_doubled + self.n_switches
        return 1 - fraction(n_wrong, self.n_true)

    @property
    def mt(self) -> float:
        """MT, mostly tracked: fraction of the true tracks of which one found track covers 80 % or more.

        Li et al. 2009, 'Learning to Associate: HybridBoosted Multi-Target Tracker for Crowded Scene',
        doi:10.1109/CVPR.2009.5206735.
        """
        return fraction((self.held >= MOSTLY_TRACKED).sum(), self.held.size)

    @property
    def ml(self) -> float:
        """ML, mostly lost: fraction of the true tracks of which no found track covers 20 %; as `mt`."""
        return fraction((self.held < MOSTLY_LOST).sum(), self.held.size)


def score_clear(
    overlaps: MovieOverlaps, found_parents: Mapping[int, int], true_parents: Mapping[int, int]
) -> ClearScore:
    """Score tracks; ``found_parents`` and ``true_parents`` name the parents, of ids that have one."""
    found, found_parents = _join_only_children(overlaps.found, found_parents)
    true, true_parents = _join_only_children(overlaps.true, true_parents)
    overlaps = replace(overlaps, found=found, true=true)
    matches, covering = cover_detections(overlaps), np.unique(overlaps.found_row[overlaps.is_covered])
    true_id, _, pair = distinct_pairs(matches.true, matches.found)
    n_common, length = np.bincount(pair), np.bincount(true.id)
    held = np.zeros(length.size)
    np.maximum.at(held, true_id, n_common / length[true_id])
    return ClearScore(
        n_true=len(true),
        n_missed=len(true) - matches.frame.size,
        n_false=len(found) - covering.size,
        n_doubled=matches.frame.size - covering.size,
        n_switches=matches.n_switches,
        motp=fraction(overlaps.iou[overlaps.is_covered].sum(), matches.frame.size),
        held=held,
        chota=_score_chota(overlaps, matches, found_parents, true_parents),
    )


def _score_chota(
    overlaps: MovieOverlaps,
    matches: TrackMatches,
    found_parents: Mapping[int, int],
    true_parents: Mapping[int, int],
) -> float:
    """Return CHOTA, Cell-HOTA: HOTA in which all ancestors and descendants of a track are the same identity.

    The square root of the sum over all matches of ``A = TPA / (TPA + FNA + FPA)``, over matches, missed and
    false detections. TPA counts the matches of the true track's family with the found one's, FNA and FPA all
    else of either family. NaN without any detection. Kaiser et al. 2024, 'CHOTA: A Higher Order Accuracy
    Metric for Cell Tracking', doi:10.48550/arXiv.2408.11571.
    """
    true_id, found_id, pair = distinct_pairs(matches.true, matches.found)
    n_true, n_found = (int(side.id.max(initial=-1)) + 1 for side in (overlaps.true, overlaps.found))
    n_common = np.bincount(pair)
    table = sparse.coo_array((n_common, (true_id, found_id)), (n_true, n_found)).tocsr()
    is_false = np.ones(len(overlaps.found), bool)
    is_false[overlaps.found_row[overlaps.is_covered]] = False
    of_found = np.bincount(matches.found, minlength=n_found)
    of_found += np.bincount(overlaps.found.id[is_false], minlength=n_found)
    true_kin, found_kin = _families(true_parents, n_true), _families(found_parents, n_found)
    if not n_common.size:
        return fraction(0, len(overlaps.true) + len(overlaps.found))
    common = (true_kin @ table @ found_kin).tocsr()[true_id, found_id]
    of_both = (true_kin @ np.bincount(overlaps.true.id))[true_id] + (found_kin @ of_found)[found_id]
    n_all = len(overlaps.true) + int(is_false.sum())
    return float(np.sqrt(fraction((n_common * common / (of_both - common)).sum(), n_all)))


def _join_only_children(
    detections: Detections, parents: Mapping[int, int]
) -> tuple[Detections, dict[int, int]]:
    """Give a parent and its only child one id; return new ids, from 0, and the parents that are left."""
    ids, place = np.unique(detections.id, return_inverse=True)
    parent, child = places_of_kin(ids, parents)
    is_only = np.bincount(parent, minlength=ids.size)[parent] == 1
    ends = parent[is_only], child[is_only]
    graph = sparse.coo_array((np.ones(ends[0].size), ends), (ids.size, ids.size))
    track = connected_components(graph, directed=False)[1].astype(np.int64)
    left = track[child[~is_only]].tolist(), track[parent[~is_only]].tolist()
    return replace(detections, id=track[place]), dict(zip(*left, strict=True))


def _families(parents: Mapping[int, int], n: int) -> sparse.csr_array:
    """Return (N, N), 1 where two tracks are the same or one descends from the other."""
    pairs = [(child, ancestor) for child in parents for ancestor in _ancestors(child, parents)]
    child, ancestor = np.array(pairs, np.int64).reshape(-1, 2).T
    alone = np.arange(n)
    rows, columns = np.concatenate([alone, child, ancestor]), np.concatenate([alone, ancestor, child])
    return sparse.coo_array((np.ones(rows.size, np.int64), (rows, columns)), (n, n)).tocsr()


def _ancestors(track: int, parents: Mapping[int, int]) -> Iterator[int]:
    seen = {track}  # a damaged table may go round in circles
    while (track := parents.get(track, track)) not in seen:
        seen.add(track)
        yield track
