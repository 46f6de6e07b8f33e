"""A run on one page: gather what the page shows, and write it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from temtrack.errors import warn
from temtrack.formats.fingerprint import fingerprint
from temtrack.formats.store.run import open_run
from temtrack.formats.store.tables import calibration_metadata, read_metadata, read_table
from temtrack.kinetics.comparison import compare_estimates
from temtrack.kinetics.observed import ObservedRun, observe
from temtrack.masks import Run
from temtrack.pipeline.analyze import facts_of, ids_of, tables_of
from temtrack.pipeline.find_movie import find_movie
from temtrack.pipeline.kinetics import read_estimates
from temtrack.pipeline.options import TableOptions
from temtrack.pipeline.request import Request
from temtrack.report.page.build import Beside, PageSource, write_page
from temtrack.report.page.lineage import lineage_of
from temtrack.review.corrections import MergeAccepted, MergeRejected
from temtrack.review.log import head_of, in_words
from temtrack.review.places import Place


def write_report(page: Path, masks: Path, movie: str | None, options: TableOptions, request: Request) -> Run:
    """Write the page of a masks folder; tables beside the masks are used, or measured where they are missing.

    The movie is shown, where it is ``None`` that of the tracker's run, where it still lies unchanged.

    Raises
    ------
    InputError
        Where masks, tables or the movie that was given cannot be read or do not fit.
    OutputError
        Where the page cannot be written.
    """
    run = open_run(masks)
    write_page(page, [_source(run, None, movie, options, request)], request.progress)
    return run


def write_reports(
    page: Path, masks: Mapping[str, Path], options: TableOptions, request: Request
) -> list[Run]:
    """Write several masks folders, by a title for each, on one page that shows one of them at a time.

    Each with the movie of its tracker's run; where kinetics lie beside the masks of all, these stand beside
    each other.

    Raises
    ------
    InputError
        Where masks, tables or the movie that was given cannot be read or do not fit.
    OutputError
        Where the page cannot be written.
    """
    runs = {title: open_run(path) for title, path in masks.items()}
    sources = (_source(run, title, None, options, request) for title, run in runs.items())
    write_page(page, sources, request.progress, _beside(runs))
    return list(runs.values())


def _beside(runs: Mapping[str, Run]) -> list[Beside]:
    """Return the quantities of whole runs beside each other, where the kinetics of all are known."""
    if any(_read_beside(run, "kinetics", "masks_sha256") is None for run in runs.values()):
        return []
    known = {title: read_estimates(run.path / "kinetics.parquet") for title, run in runs.items()}
    found: dict[str, Beside] = {}
    for one in compare_estimates(known):
        row = one.estimate
        told = found.setdefault(row.quantity, Beside(row.quantity, row.unit, {}))
        found[row.quantity] = replace(told, values={**told.values, one.run: (row.value, row.low, row.high)})
    return [told for told in found.values() if any(value for value, *_ in told.values.values())]


def _source(
    run: Run, title: str | None, movie: str | None, options: TableOptions, request: Request
) -> PageSource:
    shown = find_movie(run, movie)
    tables = tables_of(run, options, shown, request.progress)
    observed = observe(tables)
    facts = facts_of(run, "report", options, request.command)
    return PageSource(
        title=title or (run.path.resolve().name if shown is None else shown.path.name),
        masks=ids_of(run, tables),
        movie=shown,
        run=observed,
        frames=tables.frames.to_pandas(),
        kinetics=_read_beside(run, "kinetics", "masks_sha256"),
        drift=_read_beside(run, "drift", "movie_sha256"),
        facts=facts | calibration_metadata(tables.calibration),
        corrections=_corrections(run, observed),
    )


def _corrections(run: Run, observed: ObservedRun) -> dict[str, Any]:
    """Return what a reader of the page may say of the merges, as `temtrack correct --from` takes it."""
    rows = observed.particles.set_index(["particle_id", "frame"])[["y_px", "x_px", "area_px"]].sort_index()
    frames = run.frame_range or range(observed.n_frames)

    def place(one: int, t: int, is_first: bool) -> Place:
        life = rows.loc[one].index
        seen = life[life >= t][0] if is_first else life[life < t][-1]
        return Place(frames[seen], *(float(value) for value in rows.loc[(one, seen)]))

    answers = []
    for merge in lineage_of(observed).merges:
        child = place(merge.child, merge.frame, is_first=True)
        parents = tuple(place(one, merge.frame, is_first=False) for one in merge.parents)
        answers.append([in_words(one) for one in (MergeAccepted(child, parents), MergeRejected(child))])
    return {"head": head_of(run), "answers": answers}


def _read_beside(run: Run, name: str, made_from: str) -> pd.DataFrame | None:
    """Read a further table of the folder; none where it is not there or was made from something else.

    ``made_from`` is the fact in its metadata that tells: ``masks_sha256``, or ``movie_sha256``.
    """
    path = run.path / f"{name}.parquet"
    if not path.is_file():
        return None
    known = {"masks_sha256": fingerprint(run.masks.files), "movie_sha256": run.movie and run.movie.sha256}
    if read_metadata(path).get(made_from) != known[made_from]:
        warn(f"{path}: tells of another run than the masks in the folder; it is left out")
        return None
    return read_table(path)
