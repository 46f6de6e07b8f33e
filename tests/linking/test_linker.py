from functools import cache

import numpy as np
import pytest
from cases import CASES
from cases.scene import Disc, draw

from temtrack.imaging.labels import LabelImage, compact, measure_regions
from temtrack.linking.config import LinkingConfig
from temtrack.linking.linker import Linker
from temtrack.linking.masks import link_masks
from temtrack.metrics.tracks import match_tracks


def shuffled(masks, seed=0):
    rng = np.random.default_rng(seed)
    for labels in masks:
        table = np.zeros(labels.max() + 1, np.int64)
        ids = np.unique(labels[labels > 0])
        table[ids] = rng.permutation(ids.size) + 1
        yield table[labels]


def link(masks, config=None):
    linked = link_masks(shuffled(masks), config)
    return list(linked), linked.lineage


@cache
def linked(name):
    return link(next(case for case in CASES if case.name == name).segments)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
class TestEveryCase:
    def test_merges_with_frames_parents_and_contact(self, case):
        frames, lineage = linked(case.name)
        true_of = match_tracks((f.labels for f in frames), case.truth).true_of_found()
        found = [(m.frame, true_of[m.child], {true_of[p] for p in m.parents}) for m in lineage.merges]
        assert found == [(m.frame, m.child, set(m.parents)) for m in case.merges]
        for merge, true in zip(lineage.merges, case.merges, strict=True):
            assert case.is_contact(merge.contact_frame, true.contact_frame)

    def test_every_track_with_fate_origin_and_parents(self, case):
        frames, lineage = linked(case.name)
        true_of = match_tracks((f.labels for f in frames), case.truth).true_of_found()

        def told(track):
            return track.fate, track.origin, {true_of[p] for p in track.parents}

        assert {true_of[t.id]: told(t) for t in lineage.tracks} == {
            t.id: (t.fate, t.origin, set(t.parents)) for t in case.lineage.tracks
        }

    def test_gap_filled_masks_cover_no_particle(self, case):
        frames, _ = linked(case.name)
        for f, seen in zip(frames, case.segments, strict=True):
            assert not seen[np.isin(f.labels, f.gap_filled_ids)].any()

    def test_lineage_and_masks_agree(self, case):
        frames, lineage = linked(case.name)
        assert [f.frame for f in frames] == list(range(len(case.truth)))
        seen = {}
        for f in frames:
            for i in np.unique(f.labels)[1:].tolist():
                seen.setdefault(i, []).append(f.frame)
        assert {i: list(range(s[0], s[-1] + 1)) for i, s in seen.items()} == seen
        assert {t.id: (t.start, t.end) for t in lineage.tracks} == {i: (s[0], s[-1]) for i, s in seen.items()}


@pytest.mark.parametrize("case", [c for c in CASES if c.observed is None], ids=lambda case: case.name)
def test_no_particle_of_clean_masks_is_lost(case):
    frames, _ = linked(case.name)
    matches = match_tracks((f.labels for f in frames), case.truth)
    assert matches.recall == matches.precision == 1
    assert matches.n_switches == 0


def test_ids_of_gap_filled_masks_are_marked():
    case = next(c for c in CASES if c.name == "missed for 3")
    frames, lineage = link(case.segments)
    (moving,) = [
        t.id
        for t in lineage.tracks
        if (frames[8].labels == t.id).any() and frames[8].gap_filled_ids == (t.id,)
    ]
    assert [f.frame for f in frames if f.gap_filled_ids] == [8, 9, 10]
    assert (frames[9].labels == moving).sum() > 100


def test_a_gap_beyond_the_limit_ends_the_track_at_its_last_sighting():
    case = next(c for c in CASES if c.name == "missed for 3")
    frames, lineage = link(case.segments, LinkingConfig(max_gap_frames=2))
    fates = sorted((t.start, t.end, t.fate, t.origin) for t in lineage.tracks)
    assert fates == [
        (0, 7, "lost", "present"),
        (0, 19, "present", "present"),
        (11, 19, "present", "appeared"),
    ]
    assert all(f.gap_filled_ids == () for f in frames)


@pytest.mark.parametrize(("last_radius_px", "fate"), [(9.0, "lost"), (7.0, "dissolved")])
def test_what_was_shrinking_when_it_was_seen_last_has_dissolved(last_radius_px, fate):
    """Before it is too faint to be found it has lost two fifths of its area, not half."""
    radii = np.linspace(9.0, last_radius_px, 10)
    masks = np.concatenate(
        [draw([Disc(1, 20, 20, 9), Disc(2, 20, 60, r)], 1) for r in radii] + [draw([Disc(1, 20, 20, 9)], 12)]
    )
    _, lineage = link(masks)
    assert [(t.end, t.fate) for t in lineage.tracks] == [(21, "present"), (9, fate)]


def test_spurious_detections_do_not_excuse_a_particle_that_is_gone():
    """They are missed in the next frames; that makes no frame of low recall, in which no gap counts."""
    masks = draw([*(Disc(i, 12, 12 * i, 5) for i in range(1, 7)), Disc(7, 40, 20, 6)], 30)
    masks[4:16][masks[4:16] == 7] = 0
    for t in range(30):
        y, x = 30 + 10 * (t % 4), 36 + 10 * (t // 4 % 6)
        masks[t, y : y + 2, x : x + 2] = 8
    _, lineage = link(masks)
    assert {(0, 3), (16, 29)} <= {(track.start, track.end) for track in lineage.tracks}


def test_a_spurious_detection_of_one_frame_is_dropped():
    case = CASES[0]
    masks = case.truth.copy()
    masks[5, 50:53, 50:53] = 77
    frames, lineage = link(masks)
    assert len(lineage.tracks) == len(np.unique(case.truth)) - 1
    assert not frames[5].labels[50:53, 50:53].any()


def a_square():
    labels = np.zeros((20, 20), np.int32)
    labels[5:12, 5:12] = 1
    return LabelImage(labels)


def test_frames_come_out_after_the_look_ahead_and_memory_stays_bounded():
    linker = Linker()
    detections, propagated = a_square(), None
    n_out = 0
    for _ in range(50):
        propagated = linker.push(propagated, detections)
        n_out += len(list(linker.finished()))
        assert len(linker.state.window) < linker.config.look_ahead_frames
    assert n_out == 50 - linker.config.look_ahead_frames + 1
    lineage = linker.finish()
    assert [(t.start, t.end) for t in lineage.tracks] == [(0, 49)]


def test_frames_said_to_be_blank_end_nothing():
    linker = Linker()
    labels = linker.push(None, a_square())
    for _ in range(6):
        labels = linker.push(labels, LabelImage(np.zeros((20, 20), np.int32)), is_blank=True)
    linker.push(labels, a_square())
    lineage = linker.finish()
    assert [(t.start, t.end, t.fate) for t in lineage.tracks] == [(0, 7, "present")]
    assert [len(f.gap_filled_ids) for f in linker.finished()] == [0, *[1] * 6, 0]


def test_a_movie_of_one_frame_and_one_of_none():
    frames, lineage = link(CASES[0].truth[:1])
    assert len(frames) == 1
    assert {t.fate for t in lineage.tracks} == {"present"}
    frames, lineage = link(CASES[0].truth[:0])
    assert (frames, lineage.n_frames, lineage.tracks) == ([], 0, ())


def test_thousands_of_ids_keep_their_identity():
    y, x = np.indices((600, 600))
    grid = (1 + (y // 12) * 50 + x // 12) * (((y % 12) < 8) & ((x % 12) < 8))
    masks = np.stack([np.roll(grid, (t, -t), (0, 1))[20:580, 20:580] for t in range(3)])
    frames, _ = link(masks)
    matches = match_tracks((f.labels for f in frames), masks)
    assert matches.n_switches == 0
    assert measure_regions(frames[-1].labels).ids.size > 2000
    assert frames[-1].labels.dtype == np.int32


def test_two_that_the_tracker_loses_as_they_become_one_are_its_parents():
    """The child begins beside two that are gone: its own new track is no parent."""
    y, x = np.mgrid[:120, :200]

    def drawn(*particles):
        out = np.zeros((120, 200), np.int32)
        for particle, row, column, radius in particles:
            out[np.hypot(y - row, x - column) < radius] = particle
        return out

    linker, labels = Linker(), None
    others = [(10 + n, 100, 20 + 30 * n, 8) for n in range(6)]
    for t in range(40):
        pair = [(1, 40, 30, 9), (2, 40, 52, 9)] if t < 10 else [(1, 40, 41, 12.7)]
        propagated = labels and labels.labels
        if t == 10:  # the tracker puts them far off
            lost = np.where(labels.labels[:80] > 0, np.roll(labels.labels[:80], 120, axis=1), 0)
            propagated = np.vstack([lost, labels.labels[80:]])
        detections, _ = compact(drawn(*others, *pair))
        labels = linker.push(None if propagated is None else LabelImage(propagated), LabelImage(detections))
    lineage = linker.finish()
    (merge,) = lineage.merges
    parents = {track.id for track in lineage.tracks if (track.start, track.end) == (0, 9)}
    assert (merge.frame, set(merge.parents)) == (10, parents)
    assert len(parents) == 2


def discs(*places):
    y, x = np.mgrid[:80, :120]
    out = np.zeros((80, 120), np.int32)
    for n, (cx, radius) in enumerate(places, 1):
        out[np.hypot(y - 40, x - cx) < radius] = n
    return out


def test_two_that_cross_part_as_who_they_were_though_one_was_propagated_into_both():
    linker, labels, large, small, apart = Linker(), None, 1, 2, []
    for t in range(24):
        true = discs((60, 14), (98 - 4 * t, 9))
        shared = abs(38 - 4 * t) < 23
        propagated = np.zeros_like(true) if labels is None else labels.copy()
        if shared:  # the tracker loses sight of the small one bit by bit
            y, x = np.nonzero(labels == small)
            propagated[y[: y.size // 2], x[: y.size // 2]] = large
        detections = (true > 0).astype(np.int32) if shared else true
        labels = linker.push(LabelImage(propagated), LabelImage(detections)).labels
        if not shared:
            large, small = labels[40, 66 if t < 9 else 54], labels[40, 98 - 4 * t]
            apart.append((large, small))
    assert len(set(apart)) == 1
    assert {track.fate for track in linker.finish().tracks} == {"present"}
