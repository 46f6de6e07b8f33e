"""A small tracked run with something to correct of each kind, drawn so that it is checked by hand."""

import numpy as np
from cases.scene import Disc, along, draw

from temtrack.analysis.particles import ParticleHistory, measure_particles
from temtrack.formats.store.lineage import write_lineage
from temtrack.formats.store.masks import mask_name, write_mask
from temtrack.formats.store.run import write_run
from temtrack.imaging.labels import LabelImage
from temtrack.lineage import Lineage, Merge, Track
from temtrack.masks import Run, masks_of_arrays
from temtrack.provenance import Provenance
from temtrack.review.edited import EditedRun

N_FRAMES, SHAPE = 12, (96, 120)

DISCS = [
    Disc(1, 25, along((0, 18), (5, 24)), 9, 0, 5),
    Disc(2, 25, along((0, 50), (5, 44)), 8, 0, 5),
    Disc(3, 25, 35, 12, 6),  # the child of both
    Disc(4, 70, 20, 8),
    Disc(5, 70, 45, 6, 0, 6),  # goes on as 6
    Disc(6, 70, along((7, 46), (11, 48)), 6, 7),
    Disc(7, 70, 70, 5),
    Disc(8, 70, 88, 7),
    Disc(9, 25, 90, 10),
    Disc(10, 25, 105, 4, 3, 8),  # beside 9, which it touches
    Disc(11, 88, 110, 3, 4, 6),  # a speck
]
MASKS = draw(DISCS, N_FRAMES, SHAPE)


def make_lineage():
    lives = {disc.id: (disc.first, min(disc.last, N_FRAMES - 1)) for disc in DISCS}
    origins = {3: "merge", 6: "appeared", 10: "nucleated", 11: "appeared"}
    fates = {1: "merged", 2: "merged", 5: "lost", 10: "dissolved", 11: "lost"}
    tracks = (
        Track(i, *life, origins.get(i, "present"), fates.get(i, "present"), (1, 2) if i == 3 else ())
        for i, life in lives.items()
    )
    return Lineage(N_FRAMES, tuple(tracks), (Merge(6, 3, (1, 2), None, 25.0, 35.0),))


def make_edited(masks=MASKS, lineage=None, frames=None):
    """Return a run to correct; of masks alone each id is present all along."""
    rows = [measure_particles(LabelImage(labels), None, t, frozenset()) for t, labels in enumerate(masks)]
    columns = {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
    return EditedRun(
        masks_of_arrays(masks),
        ParticleHistory(columns),
        lineage or make_lineage(),
        frames,
        ["good"] * len(masks),
    )


def place(run, one, movie_frame):
    return run.place(one, run.frames.index(movie_frame))


def check(run):
    """Fail where masks and family tree of a corrected run contradict each other."""
    lineage = run.lineage()
    tracks = {track.id: track for track in lineage.tracks}
    present = [set(np.unique(labels).tolist()) - {0} for labels in run.masks]
    assert set().union(*present) == set(tracks)
    for track in tracks.values():
        there = [t for t, ids in enumerate(present) if track.id in ids]
        assert (track.start, track.end) == (there[0], there[-1])
        assert (track.fate == "present") == (track.end == lineage.n_frames - 1)
        assert track.origin != "present" or track.start == 0
        assert set(track.parents) <= set(tracks)
        assert (track.origin in ("merge", "split")) == bool(track.parents)
    for merge in lineage.merges:
        assert len(set(merge.parents)) == len(merge.parents) >= 2
        assert tracks[merge.child].start == merge.frame
        assert tracks[merge.child].parents == merge.parents
        assert all(tracks[one].end < merge.frame and tracks[one].fate == "merged" for one in merge.parents)
    merged = {one for merge in lineage.merges for one in merge.parents}
    assert {track.id for track in tracks.values() if track.fate == "merged"} == merged
    for t, ids in enumerate(present):
        assert set(run.particles(t)) == ids
        for one, (y, x, area) in run.particles(t).items():
            pixels = np.argwhere(run.labels(t) == one)
            np.testing.assert_allclose([y, x, area], [*pixels.mean(axis=0), len(pixels)])


def did(run, correction):
    """Apply a correction, check what it leaves, and return the tracks by their ids."""
    correction.apply(run)
    check(run)
    return {track.id: track for track in run.lineage().tracks}


def write_scene(folder, **frames):
    """Write masks, lineage and record, as `temtrack track` leaves them."""
    folder.mkdir(parents=True)
    for t, labels in enumerate(MASKS):
        write_mask(folder / mask_name(t), labels)
    write_lineage(folder / "lineage.json", make_lineage())
    record = {"quality": ["good"] * N_FRAMES, "gap_filled": {}, **frames}
    write_run(folder, Provenance("track", "temtrack track"), frames=record)
    return folder


def make_run():
    return Run(masks_of_arrays(MASKS), make_lineage(), gap_filled={}, quality=["good"] * N_FRAMES)
