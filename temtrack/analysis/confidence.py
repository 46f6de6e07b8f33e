"""How sure a merge is, what became of a particle, and where it came from.

A merge has a logistic function of a few physical features; of the events given a confidence of 0.9 nine in
ten are true. A merged parent and its child are as sure as their merge, other tracks as sure as such tracks
were on simulated movies with poor masks. ``benchmarks/confidence.py`` fits the coefficients, counts the
fractions and prints the reliability diagram. All of it holds for masks of the kinds simulated there.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import asdict, dataclass
from typing import Protocol

import numpy as np

from temtrack.analysis.merge_features import MergeScene, measure_area_ratio
from temtrack.analysis.particles import ParticleHistory
from temtrack.analysis.refit import Refit
from temtrack.lineage import Lineage, Merge, Track


@dataclass(frozen=True)
class Logistic:
    """A logistic function of standardised features, ``1 / (1 + exp(-(b + sum w (x - mean) / scale)))``.

    Parameters
    ----------
    intercept
        b.
    terms
        By feature its mean, scale and weight w.
    """

    intercept: float
    terms: Mapping[str, tuple[float, float, float]]

    def __call__(self, values: Mapping[str, float]) -> float:
        """Return the probability; a feature that is NaN counts as average."""
        x, (mean, scale, weight) = (
            [values[name] for name in self.terms],
            np.array(list(self.terms.values())).T,
        )
        logit = self.intercept + np.nansum(weight * (x - mean) / scale)
        return float(1 / (1 + np.exp(-logit)))


#: Fitted by ``benchmarks/confidence.py``, on the fields of `MergeFeatures`.
MODEL = Logistic(
    intercept=1.994,
    terms={
        "evidence": (5.443, 1.641, 0.5262),
        "gap": (0.302, 0.7886, 0.1703),
        "n_rivals": (0.1996, 0.4146, 0.02609),
        "at_border": (0.06349, 0.2344, -0.3977),
        "area_misfit": (0.03582, 0.134, -0.2898),
        "child_life": (0.9712, 0.1025, 0.8214),
        "parent_life": (0.9136, 0.1449, 0.3467),
        "waist": (0.07064, 0.07854, -1.387),
        "relaxation": (0.3667, 0.2418, 0.9783),
        "parent_stretch": (0.1531, 0.2266, -0.4363),
        "shrinkage": (0.07012, 0.2684, -0.4233),
    },
)

#: What the movies of the fit were like, by property of `MergeScene`: from, to, and what it is.
FITTED: Mapping[str, tuple[float, float, str]] = {
    "radius_px": (2.5, np.inf, "usual radius in px"),
    "area_scatter": (0.0, 0.25, "scatter of areas from frame to frame"),
    "motion": (0.0, 1.2, "step per frame in radii"),
}


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


class MergeJudge:
    """Tells how sure the merges of a movie are, or why nobody knows.

    Of those that a person ``reviewed``, by frame and child, it is sure; the others are as sure as a ``refit``
    to such answers says, where there is one.
    """

    def __init__(
        self,
        history: ParticleHistory,
        reviewed: Set[tuple[int, int]] = frozenset(),
        refit: Refit | None = None,
    ) -> None:
        self._scene, self._reviewed, self._refit = MergeScene(history), reviewed, refit
        self._unlike = self._find_unlike()
        self._known: dict[Merge, tuple[float, str | None]] = {}

    def _find_unlike(self) -> str | None:
        """Return what of the movie is unlike all that was fitted on."""
        for name, (low, high, what) in FITTED.items():
            value = getattr(self._scene, name)
            if not low <= value <= high:
                return f"{what} {value:.3g}: fitted on {low:.3g} to {high:.3g}"
        return None

    def is_reviewed(self, merge: Merge) -> bool:
        """Return whether a person accepted, mended or added a merge."""
        return (merge.frame, merge.child) in self._reviewed

    def judge(self, merge: Merge) -> tuple[float, str | None]:
        """Return how likely a merge is true, 0 to 1, or NaN and why it is not known."""
        if self.is_reviewed(merge):
            return 1.0, None
        fitted, reason = self.judge_unreviewed(merge)
        return fitted if self._refit is None else self._refit.apply(fitted), reason

    def judge_unreviewed(self, merge: Merge) -> tuple[float, str | None]:
        """Return the same as fitted on simulated movies, whatever a person said."""
        if merge not in self._known:
            self._known[merge] = self._judge(merge)
        return self._known[merge]

    def _judge(self, merge: Merge) -> tuple[float, str | None]:
        if np.isnan(measure_area_ratio(merge, self._scene.history)):
            return float("nan"), "no mask of the child or of a parent"
        if self._unlike is not None:
            return float("nan"), self._unlike
        return MODEL(asdict(self._scene.features(merge))), None


class Judge(Protocol):
    """Tells how sure merges are."""

    def judge(self, merge: Merge) -> tuple[float, str | None]:
        """Return how likely a merge is true, 0 to 1, or NaN and why it is not known."""


def predict_fate_confidence(lineage: Lineage, judge: Judge) -> dict[int, float]:
    """Return for each track how likely its fate is right; one whose fate is unknown is left out."""
    merged = {i: judge.judge(m)[0] for m in lineage.merges for i in m.parents}
    told = {
        t.id: merged.get(t.id) if t.fate == "merged" else _fraction(t, FATE_FRACTIONS.get(t.fate))
        for t in lineage.tracks
    }
    return {i: confidence for i, confidence in told.items() if confidence is not None}


def predict_origin_confidence(lineage: Lineage, judge: MergeJudge) -> dict[int, float]:
    """Return for each track how likely its origin is right; one whose origin is unknown is left out."""
    born = {m.child: judge.judge(m)[0] for m in lineage.merges}
    told = {
        t.id: born.get(t.id) if t.origin == "merge" else _fraction(t, ORIGIN_FRACTIONS.get(t.origin))
        for t in lineage.tracks
    }
    return {i: confidence for i, confidence in told.items() if confidence is not None}


def _fraction(track: Track, fractions: tuple[float, float] | None) -> float | None:
    return None if fractions is None else fractions[track.end - track.start + 1 > SHORT_FRAMES]
