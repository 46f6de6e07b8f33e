"""Leave frames, particles and small ones out of a run; and how far that moves what was measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from temtrack.errors import InputError
from temtrack.kinetics.estimate import Estimate
from temtrack.kinetics.observed import ObservedRun


def leave_out(
    run: ObservedRun,
    frames: Iterable[int] = (),
    ids: Iterable[int] = (),
    min_diameter_px: float = 0.0,
    min_score: float = 0.0,
) -> ObservedRun:
    """Return a run without some frames and particles, and without particles while they are small or unsure.

    What has no score is kept. Nothing is measured in such frames, as in bad ones. Merges of which a particle
    is left out altogether are left out too.

    Raises
    ------
    InputError
        Where a frame or an id does not exist, there is no score, or nothing is left.
    """
    frames, ids = frozenset(frames), frozenset(ids)
    if unknown := sorted(one for one in frames if not 0 <= one < run.n_frames):
        raise InputError(
            f"--exclude-frames: there is no frame {unknown[0]}; frames are 0 to {run.n_frames - 1}"
        )
    known = set(run.particles["particle_id"].tolist())
    if unknown := sorted(ids - known):
        raise InputError(
            f"--exclude-ids: no particle has the id {unknown[0]}; see tracks.parquet for those there are"
        )
    rows = run.particles
    keeps = ~rows["particle_id"].isin(ids) & (rows["equivalent_diameter_px"] >= min_diameter_px)
    if min_score > 0:
        keeps &= ~(_scores(rows) < min_score)
    kept = set(rows.loc[keeps, "particle_id"].tolist())
    if (known and not kept) or len(frames | run.bad_frames) >= run.n_frames:
        raise InputError(
            "nothing is left to measure: exclude fewer frames and ids, or allow smaller particles"
        )
    merges = run.merges
    if merges is not None and len(kept) < len(known):
        whole = [
            {child, *parents} <= kept
            for child, parents in zip(merges["child_id"], merges["parent_ids"], strict=True)
        ]
        merges = merges[np.array(whole, dtype=bool)]
    return replace(
        run,
        particles=rows[keeps],
        tracks=run.tracks[run.tracks["particle_id"].isin(kept)],
        merges=merges,
        bad_frames=run.bad_frames | frames,
    )


def _scores(rows: pd.DataFrame) -> pd.Series:
    if "score" not in rows or rows["score"].isna().all():
        raise InputError(
            "--min-score: no particle has a score, as of `otsu` and of masks that were given; track with"
            " another model of `temtrack models`, or leave particles out by --min-diameter"
        )
    return rows["score"]


def measure_sensitivity(rows: Sequence[Estimate], varied: Mapping[str, Sequence[Estimate]]) -> list[Estimate]:
    """Tell by how much each quantity of the whole run changes, by the words for what was varied."""
    found = []
    for words, others in varied.items():
        known = {one.quantity: one for one in others if one.is_of_run}
        for row in rows:
            if not row.is_of_run or row.value is None or row.quantity not in known:
                continue
            other = known[row.quantity]
            change = None if other.value is None else other.value - row.value
            found.append(
                Estimate(
                    f"sensitivity_of_{row.quantity}",
                    row.unit,
                    f"change of the value {words}",
                    row.source,
                    value=change,
                    n=other.n,
                    reason=other.reason if change is None else None,
                )
            )
    return found
