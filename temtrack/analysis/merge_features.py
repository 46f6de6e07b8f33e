"""What bears a merge out or speaks against it, from the rows of the particles alone."""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields

import numpy as np
from numpy.typing import NDArray

from temtrack.analysis.particles import ParticleHistory
from temtrack.analysis.shape import Reals
from temtrack.lineage import Merge
from temtrack.linking.evidence import N_AREA_FRAMES, Vanishing, nats_for_merge, tree_gaps
from temtrack.linking.noise import MovieNoise

#: Frames on each side of a merge whose median counts: one odd contour then changes nothing.
N_FRAMES = 3

#: A child has had time to relax after so many frames.
_RELAXED_AFTER_FRAMES = 10

#: Life, in frames, that already says 1 - 1/e of what a long one says.
_LASTING_FRAMES = 5.0

#: Features are cut off from and to these values, beyond which they say nothing more; some at others.
_LIMITS = (-2.0, 2.0)
_LIMITS_OF = {"evidence": (-12.0, 6.0), "gap": (-6.0, 6.0)}

#: Outlines jitter, so the largest of many areas is greater than the last by about so much, as a logarithm.
_JITTER_LOG = 0.3

#: Others may have been merged with that are at most so many times the movie's scale of gaps away.
_NEAR_SCALES = 2.0

#: What came into the area of the child from two frames before on is not told by how far it moved.
_MAX_PULL_FRAMES = 2

#: The confidence was fitted on children that lie at the common centre of their parents.
_PINNED_FRACTION = 0.0


@dataclass(frozen=True)
class MergeFeatures:
    """What bears a merge out, or speaks against it; NaN where it could not be measured.

    Parameters
    ----------
    evidence
        How much likelier areas and places are if the largest parent took up the others than if they
        vanished beside it, in nats, by how areas and places scatter in this movie.
    gap
        Widest gap between the parents in their last frames, over the movie's scale of gaps.
    n_rivals
        Logarithm of 1 + the other particles as near to the smaller parents.
    at_border
        Share of the child's first and the parents' last frames in which the border cuts one of them.
    area_misfit
        How far the child's area over that of its parents lies outside of what conserved volume allows: 1
        at contact, ``(sum r^3)^(2/3) / sum r^2`` once relaxed, r being the parents' radii.
    child_life, parent_life
        How long the child, and the parent seen most briefly, lasted; from 0 to 1. One that is there in the
        movie's first or last frame may have lasted.
    waist
        What the child lacks of its convex hull just after the merge: 1 - solidity.
    relaxation
        Logarithm of the child's aspect ratio just after the merge over that some frames later; NaN where
        none was seen later.
    parent_stretch
        Logarithm of the greatest aspect ratio among the parents: halves of one particle are long.
    shrinkage
        Logarithm of the smallest parent's greatest area over its last, beyond what outlines jitter: large
        where it was dissolving.
    """

    evidence: float
    gap: float
    n_rivals: float
    at_border: float
    area_misfit: float
    child_life: float
    parent_life: float
    waist: float
    relaxation: float
    parent_stretch: float
    shrinkage: float


class MergeScene:
    """A movie's particles and how they scatter, in which its merges are measured."""

    def __init__(self, history: ParticleHistory) -> None:
        self.history = history
        area = history.columns["area_px"]
        self.radius_px = float(np.sqrt(np.median(area) / np.pi)) if len(area) else float("nan")
        self.noise, self._field_yx = _measure_noise(history)
        frames = history.columns["frame"]
        self._ends = (int(frames.min()), int(frames.max())) if len(frames) else (0, 0)

    @property
    def area_scatter(self) -> float:
        """Standard deviation of the logarithm of a particle's area from frame to frame."""
        return self.noise.area_log()

    @property
    def motion(self) -> float:
        """Standard deviation of a particle's steps along an axis beside those of all, in usual radii."""
        return self.noise.motion_px(self.radius_px) / self.radius_px

    def features(self, merge: Merge) -> MergeFeatures:
        """Measure the features of a merge whose child and parents have masks."""
        history, frame = self.history, merge.frame
        areas = np.array([_median(history.before(i, frame, "area_px")[-N_FRAMES:]) for i in merge.parents])
        ratio = measure_area_ratio(merge, history)
        radii = np.sqrt(areas)
        relaxed = (radii**3).sum() ** (2 / 3) / (radii**2).sum()
        last = history.before(merge.parents[int(np.argmin(areas))], frame, "area_px")
        stretches = _stretches(merge.child, frame, history)
        own = [_stretch_before(i, frame, history) for i in merge.parents]
        child_life, parent_life = self._lives(merge)
        at = np.array([self._place_before(i, frame) for i in merge.parents])
        gap = float(tree_gaps(at, radii / np.sqrt(np.pi)).max(initial=-np.inf))
        scale = self.noise.gap_scale_px(self.radius_px)
        features = MergeFeatures(
            evidence=self._evidence(merge, at, gap),
            gap=gap / scale,
            n_rivals=self._count_rivals(merge, at, radii / np.sqrt(np.pi), _NEAR_SCALES * scale),
            at_border=self._share_at_border(merge),
            area_misfit=max(relaxed - ratio, ratio - 1, 0.0),
            child_life=child_life,
            parent_life=parent_life,
            waist=1 - _median(history.since(merge.child, frame, "solidity")[:N_FRAMES]),
            relaxation=_relaxation(stretches),
            parent_stretch=float(np.nanmax(own)) if np.isfinite(own).any() else np.nan,
            shrinkage=max(float(np.log(last.max() / np.median(last[-N_FRAMES:]))) - _JITTER_LOG, 0.0),
        )
        least, most = np.array([_LIMITS_OF.get(one.name, _LIMITS) for one in fields(MergeFeatures)]).T
        return MergeFeatures(*np.clip(astuple(features), least, most).tolist())

    def _lives(self, merge: Merge) -> tuple[float, float]:
        """Return how long the child and the briefest parent lasted, from 0 to 1, for all that is seen."""
        first, last = self._ends
        since = self.history.since(merge.child, merge.frame, "frame")
        before = [self.history.before(i, merge.frame, "frame") for i in merge.parents]
        child = 1.0 if since[-1] == last else _lasting(len(since))
        return child, min(1.0 if frames[0] == first else _lasting(len(frames)) for frames in before)

    def _share_at_border(self, merge: Merge) -> float:
        """Return in which share of its first frames the child, or of their last a parent, is cut."""
        history, frame = self.history, merge.frame
        before = [history.before(i, frame, "touches_border")[-N_FRAMES:] for i in merge.parents]
        after = history.since(merge.child, frame, "touches_border")[:N_FRAMES]
        return float(max(np.mean(cut) for cut in (*before, after)))

    def _evidence(self, merge: Merge, at: NDArray[np.float64], gap_px: float) -> float:
        """Return how much likelier the areas and places of a merge are than those of none, in nats."""
        history, frame = self.history, merge.frame
        before = [history.before(i, frame, "area_px")[-N_AREA_FRAMES:] for i in merge.parents]
        after = history.since(merge.child, frame, "area_px")[:N_AREA_FRAMES]
        areas = np.array([np.median(a) for a in before])
        largest = int(np.argmax(areas))
        way = areas @ at / areas.sum() - at[largest]
        length = float(np.hypot(*way))
        pull = None
        if length > 0 and self._last_frame(merge.parents[largest], frame) >= frame - _MAX_PULL_FRAMES:
            child = np.array([history.since(merge.child, frame, name)[0] for name in ("y_px", "x_px")])
            pull = float((child - at[largest]) @ way / length), length
        seen = Vanishing(
            other_px=float(areas[largest]),
            gone_px=float(areas.sum() - areas[largest]),
            after_px=float(np.median(after)),
            n_before=min(len(a) for a in before),
            n_after=len(after),
            pull=pull,
            gap_px=gap_px,
            log_odds=0.0,
        )
        return nats_for_merge(seen, self.noise, self.radius_px, _PINNED_FRACTION)

    def _last_frame(self, particle_id: int, frame: int) -> int:
        """Return the last frame before another in which a particle was seen."""
        return int(self.history.before(particle_id, frame, "frame")[-1])

    def _place_before(self, particle_id: int, frame: int) -> tuple[float, float]:
        """Return where a particle would be in a frame, moved with the field since it was last seen."""
        last = self._last_frame(particle_id, frame)
        y, x = (float(self.history.before(particle_id, frame, name)[-1]) for name in ("y_px", "x_px"))
        dy, dx = self._field_yx[last + 1 : frame + 1].sum(axis=0)
        return y + dy, x + dx

    def _count_rivals(
        self, merge: Merge, at: NDArray[np.float64], radii: NDArray[np.float64], near_px: float
    ) -> float:
        """Return the logarithm of 1 + how many other particles are near to the parents but the largest."""
        columns = self.history.columns
        rows = self.history.in_frame(merge.frame - 1)
        rows = rows[~np.isin(columns["particle_id"][rows], merge.parents)]
        others = np.stack([columns["y_px"][rows], columns["x_px"][rows]], axis=1)
        own = np.sqrt(columns["area_px"][rows] / np.pi)
        near = [
            np.linalg.norm(others - at[k], axis=1) - own - radii[k] < near_px
            for k in range(len(at))
            if k != int(np.argmax(radii))
        ]
        return float(np.log1p(np.sum(near)))


def measure_area_ratio(merge: Merge, history: ParticleHistory) -> float:
    """Divide the child's area just after the merge by the sum of its parents' just before.

    Medians over up to `N_FRAMES` frames. NaN where the masks lack the child or a parent.
    """
    return measure_ratio(merge, history, "area_px")


def measure_ratio(merge: Merge, history: ParticleHistory, column: str) -> float:
    """Divide a column's value in the child just after a merge by the sum of its parents' just before."""
    child = _median(history.since(merge.child, merge.frame, column)[:N_FRAMES])
    parents = [_median(history.before(one, merge.frame, column)[-N_FRAMES:]) for one in merge.parents]
    return float(child / np.sum(parents))


def _measure_noise(history: ParticleHistory) -> tuple[MovieNoise, NDArray[np.float64]]:
    """Return how whole particles scatter from frame to frame, and the median step (y, x) into each frame."""
    rows, columns = history.by_particle, history.columns
    ids, frames, area = (columns[name][rows] for name in ("particle_id", "frame", "area_px"))
    is_cut = columns["touches_border"][rows].astype(bool)
    follows = (ids[1:] == ids[:-1]) & (frames[1:] == frames[:-1] + 1) & ~is_cut[1:] & ~is_cut[:-1]
    at = np.stack([columns["y_px"][rows], columns["x_px"][rows]], axis=1)
    into, steps = frames[1:][follows], (at[1:] - at[:-1])[follows]
    field = np.zeros((int(frames.max(initial=0)) + 1, 2))
    by_frame = np.argsort(into, kind="stable")
    moved, starts = np.unique(into[by_frame], return_index=True)
    for frame, rows in zip(moved, np.split(by_frame, starts[1:]), strict=False):
        field[frame] = np.median(steps[rows], axis=0)
    noise = MovieNoise()
    noise.learn(steps - field[into], np.log(area[1:] / area[:-1])[follows])
    return noise, field


def _stretches(particle_id: int, frame: int, history: ParticleHistory) -> Reals:
    """Return the logarithm of the aspect ratio from a frame on."""
    major = history.since(particle_id, frame, "major_axis_px")
    return np.asarray(np.log(major / history.since(particle_id, frame, "minor_axis_px")))


def _relaxation(stretches: Reals) -> float:
    """Return how much less stretched a child is some frames after the merge, NaN where none was seen then."""
    later = stretches[N_FRAMES:_RELAXED_AFTER_FRAMES]
    return _median(stretches[:N_FRAMES]) - _median(later[-N_FRAMES:])


def _stretch_before(particle_id: int, frame: int, history: ParticleHistory) -> float:
    major, minor = (history.before(particle_id, frame, f"{axis}_axis_px") for axis in ("major", "minor"))
    return _median(np.log(major / minor)[-N_FRAMES:])


def _median(values: Reals) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")


def _lasting(n_frames: int) -> float:
    return float(1 - np.exp(-n_frames / _LASTING_FRAMES))
