"""Record what the embedded networks reach on the inputs of ``tests/accuracy``: no change may fall below it.

Run ``make accuracy`` after weights were replaced or a result was changed on purpose (some minutes on two
cores; the real data must lie beside the checkout). Without ``--record`` it only shows the figures and what is
worse than recorded; ``--only vmamba`` measures what has that in its name, and keeps the rest of the record.
"""

from __future__ import annotations

import argparse

from accuracy import gate
from accuracy.inputs import CROWD_SEED, MOVIES_SEED, SCENES_SEED
from results import BenchmarkResult, ResultTable, Row, write_result

TITLES = {
    ("f1", "pq"): "Segmentation, pooled over all particles",
    ("f1",): "Segmentation beside boxes",
    ("n_switches", "merge_f1"): "Tracking: id switches, and F1 of merges within 3 frames",
    ("ids_right",): "Share of ids right from the first mask alone",
}


def main() -> None:
    """Measure and print, or record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", action="store_true", help="write tests/accuracy/recorded.json")
    parser.add_argument("--only", default="", metavar="WORD", help="measure only what has this in its name")
    arguments = parser.parse_args()
    recorded = gate.read_recorded() if gate.RECORDED.exists() else {}
    figures = dict(recorded)
    for name, measure in gate.measurements().items():
        if arguments.only in name:
            figures[name] = measure()
            told = ", ".join(f"{figure} {value:.4g}" for figure, value in figures[name].items())
            losses = gate.find_losses(figures[name], recorded.get(name, {}))
            print(f"{name}: {told}", *losses, sep="\n  worse: ", flush=True)
            if arguments.record:
                write_result(gate.RECORDED, result_of(figures))


def result_of(figures: dict[str, gate.Figures]) -> BenchmarkResult:
    """Put the figures into a table."""
    tables: dict[tuple[str, ...], list[Row]] = {}
    for name, row in sorted(figures.items(), key=lambda one: list(gate.measurements()).index(one[0])):
        model, _, what = name.rpartition(" on ")
        digits = {column: round(value, 4) for column, value in row.items()}
        tables.setdefault(tuple(row), []).append({"model": model, "input": what, **digits})
    return BenchmarkResult(
        title="What every change is held to: no figure may fall by more than 0.01",
        data=(
            "12 simulated scenes of 256 px, of which vmamba sees 4; validation images of the paper (5), EMPS "
            "(36, of which swin-unet sees the middle 512 px of 18 and vmamba 384 px of 6) and HAADF (4, of "
            "which both see the middle 320 px; with boxes: a particle is found where its centre lies in one "
            "and its width is within a factor of 2); a simulated movie of 40 frames with merges; 24 frames "
            "of 30 look-alikes, propagated from the first mask alone"
        ),
        split="none of it was in training",
        seed=f"scenes {SCENES_SEED}, movies {MOVIES_SEED}, look-alikes {CROWD_SEED}",
        tables=[ResultTable(TITLES[columns], rows) for columns, rows in tables.items()],
        command="make accuracy",
    )


if __name__ == "__main__":
    main()
