"""Where which tracker works: merges and ids over the step per frame, crowding, misses and noise.

Run ``PYTHONPATH=tests python benchmarks/linking.py`` (about an hour on one core, ``--jobs`` for more), after
``pip install .[benchmark]``; a tracker whose package is missing is named and left out. Every tracker gets
masks whose ids tell nothing, and tells ids and merges; see ``rivals.py`` to add one. In each cell of the grid
those settings of a tracker are taken, of all that ``rivals.py`` names, with which it finds most merges in
movies of one generator; what is told is its score in movies of another generator, with other physics and
other seeds. temtrack has no settings. Frames, for trackers that look at any, are drawn from the true masks.

The last table is of a real movie: merges that people labelled, with ids renumbered in every frame. It needs
the project's real data, and settings come from simulated movies of that kind.
"""

from __future__ import annotations

import argparse
import csv
import sys
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from disturbances import shuffled
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from real_data import REAL_DATA
from results import BenchmarkResult, ResultTable, Row, add_json_option, publish, read_result
from rivals import RIVALS, Rival
from scenarios import REGIMES, Regime, Scenario, fitting, judging
from scipy.ndimage import gaussian_filter
from seen import Labels, Seen, Settings

from temtrack.formats.store.masks import read_labels
from temtrack.lineage import Merge
from temtrack.metrics.merges import MergeScore, match_merges
from temtrack.metrics.overlaps import measure_overlaps
from temtrack.metrics.pooling import Pooled, fraction
from temtrack.metrics.tracks import match_detections

#: Seeds of the movies that settings are chosen on, and of those that are judged. Those from 8000 on and those
#: from 9100 to 9214 were looked at while linking was changed.
FITTING_SEED, JUDGING_SEED = 4000, 9600

#: A merge is found where it lies at most so many frames from a true one.
TOLERANCE_FRAMES = 1

#: Root mean square step per frame, in units of the mean diameter.
STEPS = (0.05, 0.1, 0.25, 0.5, 1.0)

#: Movies of 30 particles of 8 px, in which some dissolve and some pass each other; long enough to meet.
BASE = Regime(
    n_frames=80, n_particles=30, gap=3.0, merges=8, passing=1, dissolutions=2, miss_rate=0.02, area_noise=0.05
)

#: What is harder than in the plain movies, by itself: neighbours at 0.8 diameters, misses, noisy areas.
CONDITIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "crowded": {"gap": 0.8},
    "missing 15 %": {"miss_rate": 0.15},
    "area noise 15 %": {"area_noise": 0.15, "outline_px": 0.6},
}

#: Simulated movies like the real one: contacts that nobody filmed.
LIKE_REAL = replace(REGIMES["unfilmed_contacts"], n_frames=60, n_particles=40)

MEASURES = {
    "f1": f"Merge F1 within {TOLERANCE_FRAMES} frame",
    "exact_parents": "Exact parent sets, of the merges found",
    "switches": "Id switches per 10,000",
}

#: What was seen of the real movie's switches by `temtrack`, each looked at beside the table of its particles.
REAL_NOTE = (
    "Of the 39 switches of `temtrack` 20 lie where the labels give two ids to one particle, 13 where an id "
    "of theirs jumps by two to five diameters or from a particle to a speck, 2 after gaps of 16 and 18 "
    "frames, 4 in one contact that parts again."
)

#: Columns that name a cell.
KEYS = "movies", "step / diameter", "true merges"

#: Trackers that are left out unless they are asked for: slow ones.
ON_REQUEST = ("temtrack, deaot-t",)


@dataclass(frozen=True)
class TrueMovie:
    """What is seen of a movie, and what is true."""

    seen: Seen
    true: Sequence[Labels]
    merges: Sequence[Merge]


@dataclass(frozen=True)
class LinkingScore(Pooled):
    """Merges and ids of one tracker; add scores to pool movies."""

    merges: MergeScore = field(default_factory=MergeScore)
    n_switches: int = 0
    n_matched: int = 0

    def row(self) -> dict[str, float | None]:
        """Return the `MEASURES`; ``None`` for what means nothing, as the parents where no merge was found."""
        values = {
            "f1": self.merges.f1,
            "exact_parents": self.merges.exact_parents_fraction,
            "switches": fraction(1e4 * self.n_switches, self.n_matched),
        }
        return {name: None if np.isnan(value) else value for name, value in values.items()}


@dataclass(frozen=True)
class Judged:
    """A tracker's score and the settings that it had; no score where it failed on a movie."""

    score: LinkingScore | None
    settings: Settings


@dataclass(frozen=True)
class Cell:
    """One cell of the grid."""

    condition: str
    step: float

    @property
    def regime(self) -> Regime:
        """What its movies are like."""
        return replace(BASE, step=self.step, **CONDITIONS[self.condition])


def simulated(scenario: Scenario, seed: int) -> TrueMovie:
    """Return what is seen of a simulated movie; its frames are drawn from the true masks."""
    rng = np.random.default_rng((seed, 2))
    frames = [picture_of(labels, rng) for labels in scenario.masks]
    return TrueMovie(Seen(scenario.observed, frames), scenario.masks, scenario.lineage.merges)


def picture_of(labels: Labels, rng: np.random.Generator) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Draw dark particles on a bright, noisy ground."""
    clean = 190 - 110 * gaussian_filter((labels > 0).astype(float), 0.7)
    return np.clip(clean + rng.normal(0, 8, labels.shape), 0, 255).astype(np.uint8)


def real_movie(folder: Path) -> TrueMovie:
    """Read a movie of the real data whose merges people labelled, and renumber its ids in every frame."""
    true = [read_labels(path).astype(np.int32) for path in sorted((folder / "masks").iterdir())]
    with (folder / "events.csv").open(encoding="utf-8", newline="") as file:
        merges = [
            Merge(
                frame=int(row["frame"]),
                child=int(row["child"]),
                parents=tuple(int(one) for one in row["parents"].split("+")),
                contact_frame=None,  # nobody labelled it
                y_px=float(row["y"]),
                x_px=float(row["x"]),
            )
            for row in csv.DictReader(file)
        ]
    return TrueMovie(Seen(list(shuffled(true, np.random.default_rng(0)))), true, merges)


def score(rival: Rival, settings: Settings, movies: Sequence[TrueMovie]) -> LinkingScore | None:
    """Link movies and score them together; ``None`` where the tracker fails, and why on stderr."""
    total = LinkingScore()
    for movie in movies:
        try:
            labels, lineage = rival.link(movie.seen, **settings)
        except Exception as error:  # whatever another program raises: the others go on
            print(f"{rival.link.__name__} {settings}: {error!r}", file=sys.stderr)
            return None
        matches = match_detections(measure_overlaps(labels, movie.true))
        merges = match_merges(lineage.merges, movie.merges, matches, TOLERANCE_FRAMES)
        total += LinkingScore(merges, matches.n_switches, matches.frame.size)
    return total


def choose(rival: Rival, movies: Sequence[TrueMovie]) -> Settings:
    """Return the settings with the greatest merge F1 and, of equals, the fewest id switches."""
    choices = rival.choices()
    if len(choices) == 1:
        return choices[0]
    scores = [(score(rival, settings, movies), settings) for settings in choices]
    known = [(one.row(), settings) for one, settings in scores if one is not None]
    if not known:
        return choices[0]
    return max(known, key=lambda one: (one[0]["f1"] or 0.0, -(one[0]["switches"] or 0.0)))[1]


def judge(names: Sequence[str], fit: Sequence[TrueMovie], judged: Sequence[TrueMovie]) -> dict[str, Judged]:
    """Score each tracker at the settings that are best on other movies."""
    chosen = {name: choose(RIVALS[name], fit) for name in names}
    return {name: Judged(score(RIVALS[name], chosen[name], judged), chosen[name]) for name in names}


def judge_cell(cell: Cell, names: Sequence[str], n_fitting: int, n_judging: int) -> dict[str, Judged]:
    """Make the movies of a cell and score the trackers."""
    warnings.simplefilter("ignore")  # other programs' words on themselves
    fit = [simulated(fitting.scenario(cell.regime, s), s) for s in _seeds(FITTING_SEED, n_fitting)]
    judged = [simulated(judging.scenario(cell.regime, s), s) for s in _seeds(JUDGING_SEED, n_judging)]
    return judge(names, fit, judged)


def _seeds(first: int, n: int) -> range:
    return range(first, first + n)


def grid_tables(results: dict[Cell, dict[str, Judged]]) -> Iterator[ResultTable]:
    """Yield a table for each measure: a row for each cell, a column for each tracker."""
    for key, title in MEASURES.items() if results else ():
        rows = [
            {
                **dict(zip(KEYS, (cell.condition, f"{cell.step:g}", _n_merges(told)), strict=True)),
                **{name: None if one.score is None else one.score.row()[key] for name, one in told.items()},
            }
            for cell, told in results.items()
        ]
        yield ResultTable(title, rows)


def _n_merges(told: dict[str, Judged]) -> int:
    """Return the true merges of a cell's movies."""
    merges = next(one.score.merges for one in told.values() if one.score is not None)
    return len(merges.matches) + len(merges.missed)


def settings_table(names: Sequence[str]) -> ResultTable:
    """Return the settings that are tried of each tracker."""
    rows = [
        {
            "tracker": name,
            "settings tried": "; ".join(
                f"{key} {', '.join(map(str, values))}" for key, values in RIVALS[name].settings.items()
            )
            or "none",
        }
        for name in names
    ]
    note = (
        "Lengths in median diameters. trackpy and the Hungarian assignment know no merges: an ended track is "
        "given to the neighbour whose area grew most nearly by its own, if the two differ by `misfit` times "
        "it at most. So it is for tobac, but where `misfit` is `None` its own `merge_split_MEST` tells."
    )
    return ResultTable("Settings", rows, note)


def real_table(names: Sequence[str], n_fitting: int) -> ResultTable:
    """Return a row for each tracker on the real movie, which has no frames."""
    title = "Real movie, 18 merges that people labelled (pt_cod), ids renumbered in every frame"
    folder = REAL_DATA / "merges" / "pt_cod"
    if not folder.is_dir():
        reason = f"left out: {folder.name} is not beside this checkout"
        return ResultTable(title, [{"tracker": "-"}], reason)
    names = [name for name in names if not RIVALS[name].needs_frames]
    fit = [simulated(fitting.scenario(LIKE_REAL, s), s) for s in _seeds(FITTING_SEED, n_fitting)]
    rows = []
    for name, one in judge(names, fit, [real_movie(folder)]).items():
        told = {} if one.score is None else one.score.row()
        merges = MergeScore() if one.score is None else one.score.merges
        settings = ", ".join(f"{key} {value}" for key, value in one.settings.items())
        rows.append(
            {
                "tracker": name,
                **{title: told.get(key) for key, title in MEASURES.items()},
                "found": len(merges.matches),
                "false": len(merges.false),
                "settings": settings or "-",
            }
        )
    return ResultTable(title, rows, REAL_NOTE)


def with_earlier(tables: Sequence[ResultTable], earlier: Sequence[ResultTable]) -> list[ResultTable]:
    """Add what an earlier result has of other trackers, as columns of the same cells or as rows."""
    of_title = {table.title: table.rows for table in earlier}
    whole = []
    for table in tables:
        rows, others = table.rows, of_title.get(table.title, [])
        if KEYS[0] in rows[0]:
            cells = {_cell_of(row): row for row in others}
            rows = [
                {**row, **{k: v for k, v in cells.get(_cell_of(row), {}).items() if k not in row}}
                for row in rows
            ]
        else:
            known = {row["tracker"] for row in rows}
            rows = [*rows, *(row for row in others if row["tracker"] not in known)]
        whole.append(replace(table, rows=rows))
    return whole


def _cell_of(row: Row) -> tuple[str, ...]:
    return tuple(row[key] for key in KEYS)


def draw(tables: Sequence[ResultTable], path: Path) -> None:
    """Draw each measure over the step, a column for each kind of movie, a line for each tracker."""
    mpl.use("Agg")
    conditions = list(dict.fromkeys(row[KEYS[0]] for row in tables[0].rows))
    names = [name for name in tables[0].rows[0] if name not in KEYS]
    size = 3.2 * len(conditions) + 1.8, 2.6 * len(tables)
    figure, axes = plt.subplots(len(tables), len(conditions), figsize=size, sharex=True, squeeze=False)
    for table, line in zip(tables, axes, strict=True):
        for condition, ax in zip(conditions, line, strict=True):
            rows = [row for row in table.rows if row[KEYS[0]] == condition]
            _draw_lines(ax, rows, names)
            if table.title == MEASURES["switches"]:
                ax.set_yscale("symlog", linthresh=10)
                ax.set_ylim(bottom=0)
            else:
                ax.set_ylim(-0.03, 1.03)
        line[0].set_ylabel(table.title.replace(", ", ",\n"))
    for condition, top, bottom in zip(conditions, axes[0], axes[-1], strict=True):
        top.set_title(condition)
        bottom.set_xlabel("step per frame / diameter")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="center right", frameon=False)
    figure.tight_layout(rect=(0, 0, 1 - 1.8 / size[0], 1))
    figure.savefig(path, dpi=110)


def _draw_lines(ax: Axes, rows: Sequence[Row], names: Sequence[str]) -> None:
    steps = [float(row[KEYS[1]]) for row in rows]
    for k, name in enumerate(names):
        values = [np.nan if row.get(name) is None else row[name] for row in rows]
        style = {"lw": 2.5, "zorder": 3} if name.startswith("temtrack") else {"lw": 1.2}
        ax.plot(steps, values, marker="osv^D<>Pp*"[k % 10], ms=4, label=name, **style)
    ax.set_xscale("log")
    ax.set_xticks(steps, [f"{step:g}" for step in steps])
    ax.minorticks_off()


def main() -> None:
    """Simulate, link, print and draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    usual = [name for name in RIVALS if name not in ON_REQUEST]
    parser.add_argument("--trackers", nargs="+", choices=list(RIVALS), default=usual, metavar="NAME")
    parser.add_argument("--steps", type=float, nargs="+", default=STEPS)
    parser.add_argument(
        "--conditions", nargs="*", default=list(CONDITIONS), metavar="NAME", help="none: no grid"
    )
    parser.add_argument("--movies", type=int, default=3, help="to judge in each cell")
    parser.add_argument("--fitting-movies", type=int, default=1, help="to choose settings on, in each cell")
    parser.add_argument("--jobs", type=int, default=1, help="cells at a time")
    parser.add_argument("--png", type=Path, help="also draw the grid")
    parser.add_argument("--beside", type=Path, metavar="FILE", help="add other trackers of an earlier result")
    add_json_option(parser)
    arguments = parser.parse_args()
    if unknown := set(arguments.conditions) - set(CONDITIONS):
        parser.error(f"no conditions {', '.join(sorted(unknown))}; there are {', '.join(CONDITIONS)}")
    names = [name for name in arguments.trackers if RIVALS[name].is_here]
    missing = [name for name in arguments.trackers if name not in names]
    if missing:
        print(f"not installed, left out: {', '.join(missing)}; pip install .[benchmark]", file=sys.stderr)
    cells = [Cell(condition, step) for condition in arguments.conditions for step in arguments.steps]
    work = partial(judge_cell, names=names, n_fitting=arguments.fitting_movies, n_judging=arguments.movies)
    results = {}
    with ProcessPoolExecutor(arguments.jobs) as pool:
        for cell, told in zip(cells, pool.map(work, cells), strict=True):
            results[cell] = told
            f1 = {
                name: None if one.score is None else round(one.score.merges.f1, 3)
                for name, one in told.items()
            }
            print(f"{cell.condition}, step {cell.step:g}: {f1}", file=sys.stderr, flush=True)
    tables = [*grid_tables(results), real_table(names, arguments.fitting_movies), settings_table(names)]
    notes = [f"{arguments.movies} movies judged in each cell, {arguments.fitting_movies} to choose settings"]
    if missing:
        notes.append(f"not installed, left out: {', '.join(missing)}")
    if arguments.beside is not None:
        earlier = read_result(arguments.beside)
        tables = with_earlier(tables, earlier.tables)
        notes.append(f"trackers other than {', '.join(names)}: commit {earlier.commit}, {earlier.date}")
    if arguments.png is not None and cells:
        draw(tables[: len(MEASURES)], arguments.png)
    result = BenchmarkResult(
        title="Linking: where which tracker works",
        data="simulated masks whose ids tell nothing, and a real movie with merges that people labelled",
        split="settings are chosen on one generator, trackers are judged on another with other physics",
        seed=f"settings from {FITTING_SEED} on, judged from {JUDGING_SEED} on",
        tables=tables,
        note="; ".join(notes),
    )
    publish(result, arguments.json)


if __name__ == "__main__":
    main()
