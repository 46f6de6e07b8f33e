"""All measures of a result against its truth, reading the masks twice at most."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from temtrack.errors import InputError
from temtrack.formats.store.masks import read_labels
from temtrack.imaging.labels import Labels
from temtrack.lineage import Lineage, Merge
from temtrack.linking.masks import link_masks
from temtrack.masks import Run
from temtrack.metrics.causes import Cause, FalseMergeCauses
from temtrack.metrics.clear import ClearScore, score_clear
from temtrack.metrics.ctc import CtcScore, measure_seg, score_ctc
from temtrack.metrics.fates import FateScore, score_fates
from temtrack.metrics.hota import HotaScore, score_hota
from temtrack.metrics.merges import MergeScore, match_merges
from temtrack.metrics.overlaps import MovieOverlaps, measure_overlaps
from temtrack.metrics.segmentation import SegmentationScore, score_frames
from temtrack.metrics.tracks import TrackMatches, match_detections
from temtrack.progress import Progress, silent

#: Frames by which a found merge may lie beside the true one; the last one is that of the single events.
TOLERANCES = (0, 1, 3)


@dataclass(frozen=True)
class TrackingScore:
    """Identity of the tracks, by each school's measures."""

    matches: TrackMatches
    seg: float
    ctc: CtcScore
    hota: HotaScore
    clear: ClearScore


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

    def rows(self) -> list[dict[str, Any]]:
        """Return each hit, missed and false merge within the widest tolerance, in the order of frames."""
        false = zip(self.widest.false, self.causes, strict=True)
        rows = [
            *(_event_row(m.true, m.found, m.true, exact=m.has_exact_parents) for m in self.widest.matches),
            *(_event_row(true, None, true) for true in self.widest.missed),
            *(_event_row(found, found, None, cause=cause) for found, cause in false),
        ]
        known = ("true_frame", "found_frame")
        return sorted(rows, key=lambda row: next(row[name] for name in known if row[name] is not None))


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
    overlaps = measure_overlaps(found.masks, true.masks, progress, with_boundaries=not true.contours)
    frames, outlined = tuple(range(overlaps.n_frames)), overlaps
    if true.contours:
        frames = tuple(true.contours)
        seen = (found.masks[frame] for frame in frames)
        outlined = measure_overlaps(seen, _read_outlines(true), with_boundaries=True)
    segmentation = tuple(score_frames(outlined))
    if overlaps.n_frames == 1:
        return Evaluation(frames, segmentation, None, None)
    graphs = overlaps, found.ctc_parents, true.ctc_parents
    tracking = TrackingScore(
        match_detections(overlaps),
        measure_seg(outlined),
        score_ctc(*graphs),
        score_hota(overlaps),
        score_clear(*graphs),
    )
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


def _read_outlines(true: Run) -> Iterator[Labels]:
    """Read the frames that a CTC truth outlines well."""
    size = true.masks.height, true.masks.width
    for path in true.contours.values():
        labels = read_labels(path)
        if labels.shape != size:
            raise InputError(
                "{}: is {}x{} px, the other masks {}x{}; give masks of one size".format(
                    path, *labels.shape, *size
                )
            )
        yield labels


def _score_events(found: Run, true: Run, overlaps: MovieOverlaps, progress: Progress) -> EventScore:
    """Score merges and fates in the ids of the lineages, those of linking where a side has none."""
    if found.lineage is not None and true.lineage is not None:
        return score_events(found.lineage, true.lineage, overlaps)
    linked = [(one, link_masks(one.masks)) for one in (found, true)]
    sides = [one.masks if one.lineage else (frame.labels for frame in links) for one, links in linked]
    overlaps = measure_overlaps(sides[0], sides[1], progress)
    found_lineage, true_lineage = (one.lineage or links.lineage for one, links in linked)
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


def _event_row(
    place: Merge,
    found: Merge | None,
    true: Merge | None,
    *,
    exact: bool | None = None,
    cause: Cause | None = None,
) -> dict[str, Any]:
    """Write out a merge that was found, or that is true, or both; what does not apply is ``None``."""
    return {
        "outcome": "hit" if found and true else "missed" if true else "false",
        "true_frame": true.frame if true else None,
        "found_frame": found.frame if found else None,
        "frame_error": found.frame - true.frame if found and true else None,
        "y_px": round(place.y_px, 2),
        "x_px": round(place.x_px, 2),
        "true_parents": sorted(true.parents) if true else None,
        "found_parents": sorted(found.parents) if found else None,
        "exact": exact,
        "cause": cause,
    }
