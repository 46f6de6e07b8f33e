"""From bodies and their pictures to ids and a lineage: how both generators tell the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import center_of_mass

from scenarios.regime import Floats, Labels
from temtrack.lineage import Fate, Lineage, Merge, Origin, Track

#: A particle is in the field where at least so many of its pixels are.
LEAST_AREA_PX = 4
#: One that comes back into the field after at most so many frames is the same track.
MAX_ABSENCE_FRAMES = 3


@dataclass
class Body:
    """A particle in itself, wherever the field is: first and last frame, how it came and went, from whom.

    ``contact_frame`` is that of its parents, ``None`` where no frame shows them in contact.
    """

    first: int
    last: int
    origin: Origin = "present"
    fate: Fate = "present"
    parents: tuple[int, ...] = ()
    contact_frame: int | None = None


def tell_truth(bodies: list[Body], areas_px: Floats, drawn: list[Labels]) -> tuple[list[Labels], Lineage]:
    """Give ids in the order of appearance; ``drawn`` has body numbers plus one, ``areas_px`` is (T, K)."""
    n_frames = len(drawn)
    seen = np.array([np.bincount(d.ravel(), minlength=len(bodies) + 1)[1:] for d in drawn])
    # what lies wholly in the field is in it, covered by a neighbour or not
    seen = seen >= np.minimum(LEAST_AREA_PX, np.maximum(areas_px, 1))
    spans = sorted(
        (start, k, end) for k in range(len(bodies)) for start, end in _spans(np.flatnonzero(seen[:, k]))
    )
    ids = np.zeros((n_frames, len(bodies) + 1), dtype=np.int32)
    tracks, merges = [], []
    for number, (start, k, end) in enumerate(spans, start=1):
        ids[start : end + 1, k + 1] = number
        body = bodies[k]
        born = start == body.first
        parents = tuple(int(ids[start - 1, p + 1]) for p in body.parents) if born else ()
        parents = tuple(p for p in parents if p)
        origin: Origin = "present" if start == 0 else body.origin if born else "entered"
        if origin == "merge" and len(parents) < 2:
            raise AssertionError("a merge outside the field: the generator has to keep its pairs inside")
        fate: Fate = "present" if end == n_frames - 1 else body.fate if end == body.last else "left"
        tracks.append(Track(number, start, end, origin, fate, parents))
        if parents:
            y, x = center_of_mass(drawn[start] == k + 1)
            merges.append(Merge(start, number, parents, body.contact_frame, float(y), float(x)))
    masks = [ids[t][labels] for t, labels in enumerate(drawn)]
    merges.sort(key=lambda merge: (merge.frame, merge.child))
    return masks, Lineage(n_frames, tuple(tracks), tuple(merges))


def _spans(frames: Labels) -> list[tuple[int, int]]:
    if not frames.size:
        return []
    cuts = np.flatnonzero(np.diff(frames) > MAX_ABSENCE_FRAMES + 1) + 1
    return [(int(part[0]), int(part[-1])) for part in np.split(frames, cuts)]
