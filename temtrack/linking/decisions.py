"""Settle the first undecided frame, once its look-ahead is known: pieces, beginnings, merges."""

from __future__ import annotations

import numpy as np

from temtrack.lineage import Merge
from temtrack.linking.config import LinkingConfig
from temtrack.linking.evidence import Verdict, broken_in_first_frame, is_lasting, judge_fusions
from temtrack.linking.fates import tell_origin
from temtrack.linking.records import FrameRecord, Sighting, TrackState
from temtrack.linking.state import LinkerState

#: Pieces of a broken particle are of a kind, and it has ended, where the second has this share of the first.
COMPARABLE_SHARE = 0.4

#: A particle has broken for good where its pieces are seen in at least so many frames.
MIN_SPLIT_FRAMES = 2


def decide_first_frame(state: LinkerState, config: LinkingConfig) -> None:
    """Settle what begins and merges in the first undecided frame and let the frame go out."""
    _settle_pieces(state, config)
    if state.window[0].frame == 0:
        for piece, whole in broken_in_first_frame(state.window, config):
            state.rename({piece: whole})
    _settle_beginnings(state, config)
    for verdict in judge_fusions(state.window, state.known(), config):
        _settle_fusion(state, verdict)
    record = state.window[0]
    state.contacts.go_on(record.frame, record.contacts, record.near)
    state.decided.append(state.pedigree.emit(record))
    state.window.pop(0)
    state.forget_ended()


def _settle_pieces(state: LinkerState, config: LinkingConfig) -> None:
    """Tell pieces that stay apart, a split, from those of one bad outline, which are joined again."""
    by_whole: dict[int, list[int]] = {}
    for piece, whole in state.window[0].pieces.items():
        by_whole.setdefault(whole, []).append(piece)
    for whole, pieces in by_whole.items():
        apart = [p for p in pieces if _is_split_off(state.window, p, whole, config)]
        state.rename({p: whole for p in pieces if p not in apart})
        if apart:
            _settle_split(state, whole, apart)


def _is_split_off(window: list[FrameRecord], piece: int, whole: int, config: LinkingConfig) -> bool:
    """Tell whether a piece keeps a segment that the whole has no share in; one frame alone proves nothing."""
    shown = [r for r in window if r.is_informative and (r.is_seen(piece) or r.is_seen(whole))]
    apart = [r.is_seen(piece) and whole not in r.fused_with(piece) for r in shown]
    return sum(apart) >= MIN_SPLIT_FRAMES and is_lasting(apart, config)


def _settle_split(state: LinkerState, whole: int, pieces: list[int]) -> None:
    """Keep lasting pieces as tracks; where they are comparable in size, the whole has ended in them."""
    record = state.window[0]
    areas = sorted((record.area_px[i] for i in (whole, *pieces)), reverse=True)
    if areas[1] >= COMPARABLE_SHARE * areas[0] and whole in state.known():
        rest = state.new_id()
        _replace(state, (whole,), rest)
        state.pedigree.add_fate(whole, "split")
        pieces = [*pieces, rest]
    for piece in pieces:
        state.pedigree.add_origin(piece, "split", (whole,))


def _settle_beginnings(state: LinkerState, config: LinkingConfig) -> None:
    """Tell new particles from specks, which are removed."""
    record = state.window[0]
    informative = [r for r in state.window if r.is_informative]
    others = [record.area_px[i] for i in record.area_px.keys() - record.born]
    usual_area_px = float(np.median(others)) if others else float("nan")
    specks = {}
    for new in record.born:
        n_seen = sum(r.is_seen(new) for r in informative)
        needs = min(config.min_seen_frames, len(informative))
        if record.frame == 0 or new in record.at_border or n_seen >= needs:
            state.pedigree.add_origin(new, tell_origin(new, state.window, usual_area_px))
        else:
            specks[new] = 0
    if specks:
        state.rename(specks)


def _settle_fusion(state: LinkerState, verdict: Verdict) -> None:
    """Make one child of the parents, and end those that vanished in it without bringing area."""
    record = state.window[0]
    tracks = state.known()
    parents = sorted(verdict.parents, key=lambda i: (-tracks[i].area_before(record.frame), i))
    contact_frame = state.contacts.contact_frame(verdict.parents, record.frame)
    survivor = parents[0]
    if len(parents) > 1:
        survivor = state.new_id()
        _replace(state, tuple(parents), survivor)
        y, x = np.argwhere(record.mask_of(survivor)).mean(axis=0)
        merge = Merge(record.frame, survivor, tuple(parents), contact_frame, float(y), float(x))
        state.pedigree.add_merge(merge)
    for gone in sorted(verdict.vanished):
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
        n_missing=min(t.n_missing for t in old),
        touches_border=any(t.touches_border for t in old),
    )
    for record in state.window:
        if record.is_informative and record.is_seen(new) and not record.fused_with(new):
            y, x = np.nonzero(record.mask_of(new))
            track.see(
                Sighting(record.frame, float(y.size), float(y.mean()), float(x.mean())), track.touches_border
            )
    if is_live:
        state.tracks[new] = track
    else:
        state.end([track])
