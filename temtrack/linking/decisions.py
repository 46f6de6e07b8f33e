"""Decide the first undecided frame, once its look-ahead is known: fragments, new tracks, merges."""

from __future__ import annotations

import numpy as np

from temtrack.imaging.registration import shift_pixels
from temtrack.lineage import MIN_CHILD_FRAMES, Merge
from temtrack.linking.config import LinkingConfig
from temtrack.linking.evidence import area_sigma
from temtrack.linking.fates import classify_origin
from temtrack.linking.hypotheses import MergeDecision, broken_in_first_frame, decide_merges, is_lasting
from temtrack.linking.records import FrameRecord, Observation, TrackState
from temtrack.linking.state import LinkerState
from temtrack.linking.under_segmentation import divide_detection, neck_ratio
from temtrack.linking.vanishing import decide_vanished

#: A particle has ended in its fragments where the second largest has at least this share of the largest.
COMPARABLE_FRACTION = 0.4

#: A particle has broken for good where its fragments are seen in at least so many frames.
MIN_SPLIT_FRAMES = 2

#: A neck whose half width is less than this share of the smaller one's radius may be mere contact.
MAX_NECK_OF_CONTACT = 0.4


def decide_first_frame(state: LinkerState, config: LinkingConfig) -> None:
    """Decide what begins and merges in the first undecided frame, and finalize the frame."""
    _resolve_fragments(state, config)
    if state.window[0].frame == 0:
        _divide_joined(state, config)
        for fragment, whole in broken_in_first_frame(state.window, config):
            state.rename({fragment: whole})
    _resolve_appearances(state, config)
    _decide_merges(state, config)
    record = state.window[0]
    if record.is_informative and not record.is_low_recall:
        state.last_informative = record.frame
    state.contacts.go_on(record.frame, record.contacts, record.near)
    state.decided.append(state.lineage_builder.finalize(record))
    state.window.pop(0)
    state.forget_ended()


def _decide_merges(state: LinkerState, config: LinkingConfig) -> None:
    """Tell the merges of the first undecided frame: in shared detections, then over gaps.

    In the movie's last frames only those in contact before are told: what seems one may be a joint segment.
    """
    n_sharing = len(state.window[0].under_segmented)
    merges = decide_merges(state.window, state.known(), state.noise, config)
    is_proven = sum(r.is_informative for r in state.window) >= MIN_CHILD_FRAMES
    if not is_proven:
        merges = [m for m in merges if state.contacts.contact_frame(m.parents) is not None]
    for decision in merges:
        _apply_merge(state, decision)
    if len(state.window) >= config.look_ahead_frames:
        state.noise.n_lasting += len(merges)
        state.noise.n_passing += max(n_sharing - len(merges), 0)
    if not is_proven:
        return  # what the last frames lack may just be missed
    vanished, later = decide_vanished(
        state.window, state.known(), state.last_informative, state.noise, config
    )
    for decision in vanished:
        for i in sorted(decision.gone):
            track = state.known()[i]
            track.last_seen = state.last_informative
            if i in state.tracks:
                state.end([track])
        _apply_merge(state, decision)
    for i, frame in later.items():
        state.keep_until(i, frame)


def _resolve_fragments(state: LinkerState, config: LinkingConfig) -> None:
    """Tell fragments that stay apart, a split, from those of one bad outline, which are joined again."""
    by_whole: dict[int, list[int]] = {}
    for fragment, whole in state.window[0].fragments.items():
        by_whole.setdefault(whole, []).append(fragment)
    for whole, fragments in by_whole.items():
        apart = [p for p in fragments if _is_split_off(state.window, p, whole, config)]
        state.rename({p: whole for p in fragments if p not in apart})
        if apart:
            _resolve_split(state, whole, apart)


def _divide_joined(state: LinkerState, config: LinkingConfig) -> None:
    """Divide what a thin neck joins in the first frame and stays apart from the next one on.

    Two that touch are taken for one far more often than one breaks.
    """
    first, *later = state.window
    if not later:
        return
    for fragment, whole in list(later[0].fragments.items()):
        if not (_is_split_off(later, fragment, whole, config) and first.is_seen(whole)):
            continue
        mask, back = first.mask_of(whole), (-later[0].step_px[0], -later[0].step_px[1])
        members = np.zeros(mask.shape, np.int32)
        for i in (whole, fragment):
            members[shift_pixels(later[0].mask_of(i), back)] = i
        shared = divide_detection(mask, members)
        parts = [np.argwhere(shared == i) for i in (whole, fragment)]
        if all(map(len, parts)) and neck_ratio(np.argwhere(mask), *parts) < MAX_NECK_OF_CONTACT:
            first.divide(whole, fragment, shared == fragment)
            del later[0].fragments[fragment]
            state.known()[whole].forget(first.frame)


def _is_split_off(window: list[FrameRecord], fragment: int, whole: int, config: LinkingConfig) -> bool:
    """Tell whether a fragment keeps a detection of its own; one frame alone proves nothing."""
    shown = [r for r in window if r.is_informative and (r.is_seen(fragment) or r.is_seen(whole))]
    apart = [r.is_seen(fragment) and whole not in r.sharing_with(fragment) for r in shown]
    return sum(apart) >= MIN_SPLIT_FRAMES and is_lasting(apart, config)


def _resolve_split(state: LinkerState, whole: int, fragments: list[int]) -> None:
    """Keep lasting fragments as tracks; where they are comparable in size, the whole has ended in them."""
    record = state.window[0]
    areas = sorted((record.area_px[i] for i in (whole, *fragments)), reverse=True)
    if areas[1] >= COMPARABLE_FRACTION * areas[0] and whole in state.known():
        rest = state.new_id()
        _replace(state, (whole,), rest)
        state.lineage_builder.add_fate(whole, "split")
        fragments = [*fragments, rest]
    for fragment in fragments:
        state.lineage_builder.add_origin(fragment, "split", (whole,))


def _resolve_appearances(state: LinkerState, config: LinkingConfig) -> None:
    """Tell new particles from spurious detections, which are removed."""
    record = state.window[0]
    informative = [r for r in state.window if r.is_informative]
    others = [record.area_px[i] for i in record.area_px.keys() - record.born]
    usual_area_px = float(np.median(others)) if others else float("nan")
    spurious = {}
    for new in record.born:
        n_seen = sum(r.is_seen(new) for r in informative)
        needs = min(config.min_seen_frames, len(informative))
        is_sure = record.frame == 0 or new in record.at_border or state.known()[new].is_told
        if is_sure or n_seen >= needs:
            state.lineage_builder.add_origin(new, classify_origin(new, state.window, usual_area_px))
        else:
            spurious[new] = 0
    if spurious:
        state.rename(spurious)


def _apply_merge(state: LinkerState, decision: MergeDecision) -> None:
    """Make one child of the parents, and end those that vanished in it without bringing area."""
    record = state.window[0]
    tracks = state.known()
    parents = sorted(decision.parents, key=lambda i: (-tracks[i].area_before(record.frame), i))
    contact_frame = state.contacts.contact_frame(decision.parents)
    for i in decision.fading:
        tracks[i].is_fading = True
    for seen in decision.sure:
        state.noise.learn_merge(seen.other_px, seen.gone_px, seen.after_px, area_sigma(seen, state.noise))
    survivor = parents[0]
    if len(parents) > 1:
        survivor = state.new_id()
        _replace(state, (*parents, *decision.newborn), survivor)
        y, x = np.argwhere(record.mask_of(survivor)).mean(axis=0)
        merge = Merge(record.frame, survivor, tuple(parents), contact_frame, float(y), float(x))
        state.lineage_builder.add_merge(merge)
    for gone in sorted(decision.vanished):
        track = tracks[gone]
        state.rename({gone: survivor})
        track.last_seen = record.frame - 1
        state.end([track])


def _replace(state: LinkerState, old_ids: tuple[int, ...], new: int) -> None:
    """Let a new track take the place of old ones in all undecided frames."""
    old = [state.known()[i] for i in old_ids]
    is_live = any(i in state.tracks for i in old_ids)
    state.rename(dict.fromkeys(old_ids, new))
    track = TrackState(
        id=new,
        born=state.window[0].frame,
        last_seen=max(t.last_seen for t in old),
        gap_frames=min(t.gap_frames for t in old),
        n_seen=max(t.n_seen for t in old),
        touches_border=any(t.touches_border for t in old),
        is_told=any(t.is_told for t in old),
    )
    for record in state.window:
        if record.is_informative and record.is_seen(new) and not record.sharing_with(new):
            y, x = np.nonzero(record.mask_of(new))
            is_cut = track.touches_border
            track.see(Observation(record.frame, float(y.size), float(y.mean()), float(x.mean()), is_cut))
    if is_live:
        state.tracks[new] = track
    else:
        state.end([track])
