"""Link every scene of the case bank (``tests/cases``) and print which passes in what.

Run ``make cases``; it ends with exit code 1 where one fails. *Events* are the merges by child
and set of parents, *lineage* is first and last frame and parents of every track.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

import numpy as np
from cases import CASES, Case
from numpy.typing import NDArray
from results import BenchmarkResult, ResultTable, add_json_option, publish

from temtrack.linking.masks import link_masks
from temtrack.metrics.tracks import match_tracks

#: First frame, last frame and parents of a track.
Span = tuple[int, int, frozenset[int]]


def renumbered(masks: NDArray[np.int32]) -> Iterator[NDArray[np.int64]]:
    """Yield the frames with ids permuted in each, so that no id tells anything."""
    rng = np.random.default_rng(0)
    for labels in masks:
        yield np.append(0, 1 + rng.permutation(int(labels.max(initial=0))))[labels]


def check(case: Case) -> dict[str, bool]:
    """Link a scene and tell for each part of its right answer whether it was found."""
    linked = link_masks(renumbered(case.segments))
    frames = [frame.labels for frame in linked]
    found, true = linked.lineage, case.lineage
    names = match_tracks(frames, case.truth).true_of_found()

    def ids(some: tuple[int, ...]) -> frozenset[int]:
        return frozenset(names.get(i, -i) for i in some)

    events = {(ids((m.child,)), ids(m.parents)): m for m in found.merges}
    wanted = {(frozenset({m.child}), frozenset(m.parents)): m for m in true.merges}
    pairs = [(events[key], wanted[key]) for key in events.keys() & wanted.keys()]
    all_events = len(pairs) == len(found.merges) == len(true.merges)
    uncertain = case.uncertainty_frames
    spans = {ids((t.id,)): (t.start, t.end, ids(t.parents)) for t in found.tracks}
    true_spans = {frozenset({t.id}): (t.start, t.end, frozenset(t.parents)) for t in true.tracks}
    fates = {(ids((t.id,)), t.fate) for t in found.tracks}
    origins = {(ids((t.id,)), t.origin) for t in found.tracks}
    return {
        "events": all_events,
        "merge frame": all_events and all(a.frame == b.frame for a, b in pairs),
        "contact frame": all_events
        and all(case.is_contact(a.contact_frame, b.contact_frame) for a, b in pairs),
        "lineage": spans.keys() == true_spans.keys()
        and all(_is_span(spans[i], true_spans[i], uncertain) for i in spans),
        "fates": fates == {(frozenset({t.id}), t.fate) for t in true.tracks},
        "origins": origins == {(frozenset({t.id}), t.origin) for t in true.tracks},
    }


def _is_span(found: Span, true: Span, uncertain_frames: int) -> bool:
    return found[::2] == true[::2] and abs(found[1] - true[1]) <= uncertain_frames


def main() -> None:
    """Check all, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_json_option(parser)
    arguments = parser.parse_args()
    checks = {case.name: check(case) for case in CASES}
    rows = [
        {"case": name, **{what: "pass" if yes else "FAIL" for what, yes in passed.items()}}
        for name, passed in checks.items()
    ]
    result = BenchmarkResult(
        title="The case bank",
        data="tiny named scenes, linked from their masks alone",
        split="-",
        seed="0",
        tables=[ResultTable(f"{len(CASES)} cases", rows)],
    )
    publish(result, arguments.json)
    sys.exit(not all(all(passed.values()) for passed in checks.values()))


if __name__ == "__main__":
    main()
