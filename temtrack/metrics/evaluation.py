"""All measures of a result against its truth, from two walks through the masks at most."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from temtrack.errors import InputError
from temtrack.formats.store.masks import read_labels
from temtrack.imaging.labels import Labels
from temtrack.lineage import Lineage
from temtrack.linking import link_masks
from temtrack.metrics.boundaries import OutlineScore, score_outlines
from temtrack.metrics.causes import Cause, FalseMergeCauses
from temtrack.metrics.ctc import CtcScore, measure_seg, score_ctc
from temtrack.metrics.fates import FateScore, score_fates
from temtrack.metrics.hota import HotaScore, score_hota
from temtrack.metrics.merges import MergeScore, match_merges
from temtrack.metrics.overlaps import MovieOverlaps, OverlapCollector
from temtrack.metrics.segmentation import SegmentationScore, score_frames
from temtrack.metrics.tracks import TrackMatches, match_detections
from temtrack.progress import Progress, silent
from temtrack.run import Run

#: Frames by which a found merge may lie beside the true one; the last one decides what is told singly.
TOLERANCES = (0, 1, 3)


@dataclass(frozen=True)
class TrackingScore:
    """Identity of the tracks, by each school's measures."""

    matches: TrackMatches
    seg: float
    ctc: CtcScore
    hota: HotaScore


@dataclass(frozen=True)
class EventScore:
    """Merges within each of `TOLERANCES`, causes of those false within the widest, fates."""

    merges: dict[int, MergeScore]
    causes: tuple[Cause, ...]
    fates: FateScore

    @property
    def widest(self) -> MergeScore:
        """The merges within the widest tolerance."""
        return self.merges[TOLERANCES[-1]]


@dataclass(frozen=True)
class Evaluation:
    """All measures; tracking and events are ``None`` where there is but one frame.

    ``segmentation`` holds a score for each of ``frames``: all, or those in which a CTC truth outlines well.
    """

    frames: tuple[int, ...]
    segmentation: tuple[SegmentationScore, ...]
    tracking: TrackingScore | None
    events: EventScore | None


def evaluate_masks(found: Run, true: Run, progress: Progress = silent) -> Evaluation:
    """Compare a result with its truth, reading both one frame at a time.

    Where a side has no lineage, its merges and fates are found from its masks alone by `link_masks`.

    Raises
    ------
    InputError
        Where the two differ in the number or the size of frames, or a mask is damaged.
    """
    refuse_misfits(found, true)
    collector, outlines = OverlapCollector(), []
    for found_labels, true_labels in progress(zip(found.masks, true.masks, strict=True), "comparing"):
        collector.add(found_labels, true_labels)
        if not true.contours:
            outlines.append(score_outlines(found_labels, true_labels))
    overlaps = collector.collect()
    frames, outlined = tuple(range(overlaps.n_frames)), overlaps
    if true.contours:
        frames, outlined, outlines = _compare_outlined(found, true)
    segmentation = tuple(score_frames(outlined, outlines))
    if overlaps.n_frames == 1:
        return Evaluation(frames, segmentation, None, None)
    ctc = score_ctc(overlaps, found.ctc_parents, true.ctc_parents)
    tracking = TrackingScore(match_detections(overlaps), measure_seg(outlined), ctc, score_hota(overlaps))
    return Evaluation(frames, segmentation, tracking, _score_events(found, true, overlaps, progress))


def refuse_misfits(found: Run, true: Run) -> None:
    """Refuse masks that are not of the same frames.

    Raises
    ------
    InputError
        Where the two differ in the number or the size of frames.
    """
    found.masks.check_fit(true.masks)
    beyond = [path for frame, path in true.contours.items() if frame >= len(true.masks)]
    if beyond:
        raise InputError(
            f"{beyond[0]}: outlines a frame beyond the last of the {len(true.masks)} in {true.path}"
        )


def _compare_outlined(found: Run, true: Run) -> tuple[tuple[int, ...], MovieOverlaps, list[OutlineScore]]:
    """Compare the frames of which a CTC truth holds outlines."""
    collector, outlines = OverlapCollector(), []
    for frame, path in true.contours.items():
        labels, true_labels = found.masks[frame], read_labels(path)
        if labels.shape != true_labels.shape:
            raise InputError(
                "{}: is {}x{} px, the other masks {}x{}; give masks of one size".format(
                    path, *true_labels.shape, *labels.shape
                )
            )
        collector.add(labels, true_labels)
        outlines.append(score_outlines(labels, true_labels))
    return tuple(true.contours), collector.collect(), outlines


def _score_events(found: Run, true: Run, overlaps: MovieOverlaps, progress: Progress) -> EventScore:
    """Score merges and fates, in the ids of the lineages."""
    found_lineage, true_lineage = found.lineage, true.lineage
    if found_lineage is None or true_lineage is None:
        found_story, true_story = _Story(found), _Story(true)
        collector = OverlapCollector()
        for found_labels, true_labels in progress(zip(found_story, true_story, strict=True), "comparing"):
            collector.add(found_labels, true_labels)
        overlaps = collector.collect()
        found_lineage, true_lineage = found_story.lineage, true_story.lineage
    return score_events(found_lineage, true_lineage, overlaps)


def score_events(found: Lineage, true: Lineage, overlaps: MovieOverlaps) -> EventScore:
    """Score merges and fates; ``overlaps`` in the ids of the two lineages."""
    matches = match_detections(overlaps)
    merges = {d: match_merges(found.merges, true.merges, matches, d) for d in TOLERANCES}
    causes = FalseMergeCauses(overlaps, true)
    return EventScore(
        merges,
        tuple(causes.cause(merge) for merge in merges[TOLERANCES[-1]].false),
        score_fates(found, true, matches),
    )


class _Story:
    """Frames in the ids of a lineage: the given one, or one that linking finds on the way."""

    def __init__(self, tracked: Run) -> None:
        self._masks = tracked.masks
        self._given = tracked.lineage
        self._linked = link_masks(tracked.masks)

    def __iter__(self) -> Iterator[Labels]:
        return iter(self._masks) if self._given is not None else (frame.labels for frame in self._linked)

    @property
    def lineage(self) -> Lineage:
        """The lineage, known once all frames have been taken."""
        return self._linked.lineage if self._given is None else self._given
