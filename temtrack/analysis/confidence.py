"""How sure a merge is, what became of a particle, and where it came from.

A merge has a logistic function of a few physical features; of the events given a confidence of 0.9 nine in
ten are true. A merged parent and its child are as sure as their merge, other tracks as sure as such tracks
were on simulated movies with poor masks. ``benchmarks/confidence.py`` fits the coefficients, counts the
fractions and prints the reliability diagram. All of it holds for masks of the kinds simulated there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass

import numpy as np

from temtrack.analysis.particles import ParticleHistory
from temtrack.analysis.shape import Reals
from temtrack.lineage import Lineage, Merge, Track

#: Frames on each side of a merge whose median counts: one odd contour then changes nothing.
N_FRAMES = 3

#: A child has had time to relax after so many frames.
_RELAXED_AFTER_FRAMES = 10

#: Life, in frames, that already says 1 - 1/e of what a long one says.
_LASTING_FRAMES = 5.0

#: Features are cut off at this value, beyond which they say nothing more.
_MOST = 2.0


@dataclass(frozen=True)
class MergeFeatures:
    """What bears a merge out, or speaks against it; NaN where it could not be measured.

    Parameters
    ----------
    area_misfit
        How far the child's area over that of its parents lies outside of what conserved volume allows: 1
        at contact, ``(sum r^3)^(2/3) / sum r^2`` once relaxed, r being the parents' radii.
    child_life, parent_life
        How long the child, and the parent seen most briefly, lasted; from 0 to 1.
    waist
        What the child lacks of its convex hull just after the merge: 1 - solidity.
    relaxation
        Logarithm of the child's aspect ratio just after the merge over that some frames later.
    parent_stretch
        Logarithm of the greatest aspect ratio among the parents: halves of one particle are long.
    shrinkage
        Logarithm of the smallest parent's greatest area over its last: large where it was dissolving.
    mass_misfit
        Size of the logarithm of the child's optical mass over its parents', which a merge conserves; NaN
        without the movie.
    """

    area_misfit: float
    child_life: float
    parent_life: float
    waist: float
    relaxation: float
    parent_stretch: float
    shrinkage: float
    mass_misfit: float


@dataclass(frozen=True)
class Logistic:
    """A logistic function of standardised features, ``1 / (1 + exp(-(b + sum w (x - mean) / scale)))``."""

    mean: tuple[float, ...]
    scale: tuple[float, ...]
    weight: tuple[float, ...]
    intercept: float

    def __call__(self, values: tuple[float, ...]) -> float:
        """Return the probability; a feature that is NaN counts as average."""
        standard = (np.array(values) - self.mean) / self.scale
        logit = self.intercept + np.nansum(standard * self.weight)
        return float(1 / (1 + np.exp(-logit)))


#: Fitted by ``benchmarks/confidence.py --movies 40``, in the order of the fields of `MergeFeatures`.
MODEL = Logistic(
    mean=(0.01431, 0.9538, 0.9039, 0.06318, 0.3811, 0.1951, 0.04619, 0.06353),
    scale=(0.1345, 0.1422, 0.1621, 0.04217, 0.209, 0.2948, 0.1252, 0.1383),
    weight=(-1.105, 0.8571, 0.2881, -1.009, 2.496, 0.5694, -0.4214, -0.451),
    intercept=1.516,
)


#: Tracks of at most so many frames are often faults of the segmentation.
SHORT_FRAMES = 5

#: Fraction of tracks told a fate that truly have it: of the short ones, of the longer ones. ``lost`` says
#: that nobody knows, and no simulated particle splits, so these have none.
FATE_FRACTIONS: Mapping[str, tuple[float, float]] = {
    "present": (0.872, 0.999),
    "left": (0.889, 0.967),
    "dissolved": (0.714, 0.960),
}

#: The same of origins; ``appeared`` says that nobody knows.
ORIGIN_FRACTIONS: Mapping[str, tuple[float, float]] = {
    "present": (0.786, 0.999),
    "entered": (0.500, 0.992),
    "nucleated": (0.100, 0.953),
}


def measure_features(merge: Merge, history: ParticleHistory) -> MergeFeatures:
    """Measure the features of a merge."""
    areas = np.array([_median(history.before(i, merge.frame, "area_px")[-N_FRAMES:]) for i in merge.parents])
    smallest = merge.parents[int(np.nanargmin(areas))] if np.isfinite(areas).any() else merge.parents[0]
    ratio = measure_area_ratio(merge, history)
    radii = np.sqrt(areas)
    relaxed = (radii**3).sum() ** (2 / 3) / (radii**2).sum()
    last = history.before(smallest, merge.frame, "area_px")
    stretches = _stretches(merge.child, merge.frame, history)
    own = [_stretch_before(i, merge.frame, history) for i in merge.parents]
    lives = [len(history.before(i, merge.frame, "area_px")) for i in merge.parents]
    features = MergeFeatures(
        area_misfit=max(relaxed - ratio, ratio - 1, 0.0) if np.isfinite(ratio) else np.nan,
        child_life=_lasting(len(stretches)),
        parent_life=_lasting(min(lives)),
        waist=1 - _median(history.since(merge.child, merge.frame, "solidity")[:N_FRAMES]),
        relaxation=_median(stretches[:N_FRAMES]) - _median(stretches[:_RELAXED_AFTER_FRAMES][-N_FRAMES:]),
        parent_stretch=float(np.nanmax(own)) if np.isfinite(own).any() else np.nan,
        shrinkage=float(np.log(last.max() / np.median(last[-N_FRAMES:]))) if len(last) else np.nan,
        mass_misfit=_misfit_of_mass(measure_ratio(merge, history, "optical_mass")),
    )
    return MergeFeatures(*np.clip(astuple(features), -_MOST, _MOST).tolist())


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


def predict_confidence(merge: Merge, history: ParticleHistory) -> float:
    """Predict how likely it is that a merge is true; NaN where the masks lack the child or a parent."""
    if np.isnan(measure_area_ratio(merge, history)):
        return float("nan")
    return MODEL(astuple(measure_features(merge, history)))


def _stretches(particle_id: int, frame: int, history: ParticleHistory) -> Reals:
    """Return the logarithm of the aspect ratio from a frame on."""
    major = history.since(particle_id, frame, "major_axis_px")
    return np.asarray(np.log(major / history.since(particle_id, frame, "minor_axis_px")))


def _stretch_before(particle_id: int, frame: int, history: ParticleHistory) -> float:
    major, minor = (history.before(particle_id, frame, f"{axis}_axis_px") for axis in ("major", "minor"))
    return _median(np.log(major / minor)[-N_FRAMES:])


def _median(values: Reals) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")


def _misfit_of_mass(ratio: float) -> float:
    return abs(float(np.log(ratio))) if ratio > 0 else float("nan")


def _lasting(n_frames: int) -> float:
    return float(1 - np.exp(-n_frames / _LASTING_FRAMES))


def predict_fate_confidence(lineage: Lineage, history: ParticleHistory) -> dict[int, float]:
    """Return for each track how likely its fate is right; one whose fate is unknown is left out."""
    merged = {i: predict_confidence(m, history) for m in lineage.merges for i in m.parents}
    told = {
        t.id: merged.get(t.id) if t.fate == "merged" else _fraction(t, FATE_FRACTIONS.get(t.fate))
        for t in lineage.tracks
    }
    return {i: confidence for i, confidence in told.items() if confidence is not None}


def predict_origin_confidence(lineage: Lineage, history: ParticleHistory) -> dict[int, float]:
    """Return for each track how likely its origin is right; one whose origin is unknown is left out."""
    born = {m.child: predict_confidence(m, history) for m in lineage.merges}
    told = {
        t.id: born.get(t.id) if t.origin == "merge" else _fraction(t, ORIGIN_FRACTIONS.get(t.origin))
        for t in lineage.tracks
    }
    return {i: confidence for i, confidence in told.items() if confidence is not None}


def _fraction(track: Track, fractions: tuple[float, float] | None) -> float | None:
    return None if fractions is None else fractions[track.end - track.start + 1 > SHORT_FRAMES]
