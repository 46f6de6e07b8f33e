"""A run on one page of HTML that opens anywhere, offline: movie, events, figures and tables."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import pandas as pd

from temtrack.formats.store.atomic import whole_file
from temtrack.kinetics.observed import ObservedRun
from temtrack.masks import Masks
from temtrack.movie import Movie
from temtrack.progress import Progress, silent
from temtrack.report.page.encoding import compressed, in_json, plain, records, rounded
from temtrack.report.page.frames import draw_frames, list_closeups
from temtrack.report.page.lineage import lineage_of, list_merges, list_tracks
from temtrack.report.page.numbers import measure_drift, measure_ridges, measure_sizes
from temtrack.report.page.pictures import choose_frames
from temtrack.report.page.tables import describe_table, has_csv, write_csv

#: In the order in which the page runs them.
_SCRIPTS = ("svg", "runs", "data", "view", "zoom", "movie", "figures", "explore", "events", "tables", "page")


@dataclass(frozen=True)
class PageSource:
    """All that a page shows.

    Parameters
    ----------
    title
        Name of the run.
    masks
        Ids (T, Y, X), those of the tables.
    movie
        Grey frames; ``None`` for the masks alone.
    run
        Particles, tracks and merges, with scale and time.
    frames
        ``frames.parquet``; a column ``temperature_c`` is shown where there is one.
    kinetics, drift
        ``kinetics.parquet`` and ``drift.parquet`` where they are known; a drift that is unknown
        is measured from the tracks.
    facts
        What was run on what, by name, for the foot of the page.
    corrections
        What a reader may say of the merges, for a log of corrections: its ``head``, and under ``answers`` by
        merge what is written if it is accepted and if it is rejected; ``None`` where nothing can be said.
    """

    title: str
    masks: Masks
    movie: Movie | None
    run: ObservedRun
    frames: pd.DataFrame
    kinetics: pd.DataFrame | None
    drift: pd.DataFrame | None
    facts: Mapping[str, str]
    corrections: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Beside:
    """What a page shows of a quantity of several runs beside each other.

    Parameters
    ----------
    quantity, unit
        What was measured, and in what.
    values
        By the title of the run, value and ends of the 95 % interval; ``None`` where unknown.
    """

    quantity: str
    unit: str
    values: Mapping[str, tuple[float | None, float | None, float | None]]


def write_page(
    path: Path,
    sources: Iterable[PageSource],
    progress: Progress = silent,
    beside: Sequence[Beside] = (),
) -> None:
    """Write the page of one run or several; ``progress`` stands around the masks of each.

    Of several runs, each with a title of its own, the page shows one at a time, and what is told of all
    ``beside`` each other.

    Raises
    ------
    InputError
        Where a mask or a frame cannot be read.
    OutputError
        Where the file cannot be written.
    """
    content = render_page(sources, progress, beside)
    with whole_file(path) as part:
        part.write_text(content, encoding="utf-8")


def render_page(
    sources: Iterable[PageSource], progress: Progress = silent, beside: Sequence[Beside] = ()
) -> str:
    """Return the page as HTML; the same sources give the same bytes."""
    data: dict[str, object] = {}
    parts: dict[str, str] = {}
    runs = []
    for k, source in enumerate(sources):
        of_run, more = _render_run(source, progress)
        prefix = f"run{k}-" if k else ""
        data |= {f"{prefix}{name}": one for name, one in of_run.items()}
        parts |= {f"{prefix}{name}": one for name, one in more.items()}
        runs.append({"title": source.title, "prefix": prefix} | _summary(source))
    title = runs[0]["title"] if len(runs) == 1 else f"{len(runs)} runs"
    told = [asdict(one) for one in beside]
    return _fill_template(title, {"all-runs": {"runs": runs, "beside": told}, **data}, parts)


def _render_run(source: PageSource, progress: Progress) -> tuple[dict[str, object], dict[str, str]]:
    """Return what a page holds of a run: numbers and contours; and pictures and tables, packed."""
    lineage = lineage_of(source.run)
    merges = list_merges(source.run, lineage)
    always = (frame for merge in merges for frame, _ in merge["keyframes"])
    shown = choose_frames(source.run.n_frames, always)
    drawn = draw_frames(source.masks, source.movie, shown, list_closeups(merges), progress)
    tables = dict(_tables(source))
    numbers = {
        **_describe(source),
        "shown_frames": shown.tolist(),
        "merges": merges,
        "corrections": source.corrections,
        "tracks": list_tracks(source.run, lineage),
        "series": _series(source),
        "ridges": measure_ridges(source.run),
        "drift": _drift(source),
        "has_pictures": drawn.picture_size is not None,
        "closeups": [name for name in drawn.pictures if name.startswith("closeup")],
        "tables": [describe_table(name, table) for name, table in tables.items()],
        "notes": list(_notes(source, len(shown), drawn.picture_size)),
    }
    csv = {
        f"csv-{name}": compressed(write_csv(table).encode())
        for name, table in tables.items()
        if has_csv(table)
    }
    return {"numbers": numbers, "contours": drawn.contours}, drawn.pictures | csv


def _fill_template(title: str, data: Mapping[str, object], parts: Mapping[str, str]) -> str:
    """Return the page: ``data`` above the scripts, which need it at once, and ``parts`` below them."""
    folder = resources.files("temtrack.report.page") / "template"
    scripts = [(folder / f"{name}.js").read_text(encoding="utf-8") for name in _SCRIPTS]
    above = [
        f'<script type="application/json" id="{name}">{in_json(one)}</script>' for name, one in data.items()
    ]
    below = [f'<script type="text/plain" id="{name}">{text}</script>' for name, text in parts.items()]
    return Template((folder / "page.html").read_text(encoding="utf-8")).substitute(
        title=html.escape(title),
        style=(folder / "page.css").read_text(encoding="utf-8"),
        script="\n".join(scripts),
        data="\n".join(above),
        parts="\n".join(below),
    )


def _summary(source: PageSource) -> dict[str, Any]:
    """Return what the table of several runs tells of one: first and last values, and numbers of events."""
    run, n, coverage = source.run, source.frames["n_particles"], source.frames["coverage"]
    mean = measure_sizes(run)["mean"].dropna().to_numpy()
    return {
        "n_frames": run.n_frames,
        "seconds": None if run.seconds is None else rounded(run.seconds[-1] - run.seconds[0]),
        "n_particles": [int(n.iloc[0]), int(n.iloc[-1])],
        "n_merges": None if run.merges is None else len(run.merges),
        "mean_diameter": plain(mean[[0, -1]] if mean.size else [None, None], 4),
        "unit": run.length_unit,
        "coverage": plain(coverage.iloc[[0, -1]], 4),
    }


def _describe(source: PageSource) -> dict[str, Any]:
    """Return size, scale and time of the movie, and what was run on what."""
    run = source.run
    height, width = run.field_px
    return {
        "n_frames": run.n_frames,
        "height": height,
        "width": width,
        "seconds": None if run.seconds is None else plain(run.seconds, 8),
        "unit": run.length_unit,
        "unit_per_px": run.unit_per_px,
        "pixel_size_nm": run.pixel_size_nm,
        "kinetics": None if source.kinetics is None else records(source.kinetics),
        "facts": {name: value for name, value in source.facts.items() if value},
    }


def _series(source: PageSource) -> dict[str, Any]:
    """Return what has a value in each frame."""
    frames, particles = source.frames, source.run.particles
    series: dict[str, Any] = {
        name: plain(frames[name].to_numpy()) for name in ("n_particles", "coverage", "n_merges")
    }
    series["size"] = {name: plain(values) for name, values in measure_sizes(source.run).items()}
    words = [word if isinstance(word, str) else None for word in frames["quality"]]
    series["quality"] = words if any(words) else None
    filled = particles.loc[particles["gap_filled"].to_numpy() == True, "frame"]  # noqa: E712  null is not filled
    series["n_gap_filled"] = np.bincount(filled, minlength=source.run.n_frames).tolist()
    has_temperature = "temperature_c" in frames and frames["temperature_c"].notna().any()
    series["temperature_c"] = plain(frames["temperature_c"].to_numpy()) if has_temperature else None
    return series


def _drift(source: PageSource) -> dict[str, Any]:
    """Return the drift in the run's unit of length, and where it comes from."""
    if source.drift is None:
        drift, words = measure_drift(source.run), "Mean step of all whole particles, summed up."
    else:
        drift, words = source.drift, "Way of the picture since the first frame, registered from the images."
    by_frame = drift.set_index("frame").reindex(pd.RangeIndex(source.run.n_frames))
    axes = {name: plain(by_frame[f"{name}_px"].to_numpy() * source.run.unit_per_px) for name in ("y", "x")}
    return {**axes, "words": words}


def _tables(source: PageSource) -> Iterator[tuple[str, pd.DataFrame]]:
    run = source.run
    yield from (("particles", run.particles), ("tracks", run.tracks), ("frames", source.frames))
    others = {"merges": run.merges, "kinetics": source.kinetics, "drift": source.drift}
    yield from ((name, table) for name, table in others.items() if table is not None)


def _notes(source: PageSource, n_shown: int, picture_size: tuple[int, int] | None) -> Iterator[str]:
    """Say what the page leaves out."""
    if n_shown < source.run.n_frames:
        yield (
            f"The movie is too long for a page: {n_shown} of its {source.run.n_frames} frames are shown,"
            " evenly spread, with those around merges. Figures and tables hold all frames."
        )
    if picture_size is None:
        yield "The movie was not at hand: the masks are shown alone. Give it with --movie."
    elif picture_size[0] < source.run.field_px[1]:
        yield "Pictures are reduced to {} x {} px; contours are not.".format(*picture_size)
