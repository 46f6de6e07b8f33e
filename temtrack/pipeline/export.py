"""Tracked particles as files of other programs: gather what is exported, and write it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from temtrack.errors import UsageError, warn
from temtrack.formats.export import find_exporter
from temtrack.formats.export.content import ExportContent
from temtrack.formats.store.atomic import check_output_folder
from temtrack.formats.store.run import open_run
from temtrack.pipeline.analyze import facts_of, ids_of, tables_of
from temtrack.pipeline.options import TableOptions
from temtrack.pipeline.request import Request


def export_run(masks: Path, to: str, out: Path, options: TableOptions, request: Request) -> ExportContent:
    """Write a masks folder with its tracks and merges in another program's format; tell what gets lost.

    Tables beside the masks are used, and measured where they are missing.

    Raises
    ------
    InputError
        Where masks or tables cannot be read.
    OutputError
        Where the export cannot be written, or something else lies there.
    UsageError
        Where it would lie among the masks, or a package is missing.
    """
    exporter = find_exporter(to)
    if masks.resolve() in (out.resolve(), *out.resolve().parents):
        raise UsageError(
            f"-o {out}: lies in {masks}, where it could be taken for masks; choose another place"
        )
    check_output_folder(out.parent, force=True)  # the export may stand beside other files
    exporter.check_target(out, request.may_overwrite)
    run = open_run(masks)
    tables = tables_of(run, options, None, request.progress)
    facts = facts_of(run, "export", options, request.command)
    made_from = Path(run.movie.name) if run.movie else run.path
    content = ExportContent(tables, ids_of(run, tables), made_from, facts, request.progress)
    exporter.write(out, content)
    for loss in (*exporter.describe_losses(content), *_gaps(content)):
        warn(f"{masks}: {loss}")
    return content


def _gaps(content: ExportContent) -> Iterator[str]:
    """Say what an importer would miss."""
    if len(content.particles) == 0:
        yield "the masks hold no particle in any frame; the export is empty"
    if content.graph.n_unseen:
        yield f"{content.graph.n_unseen} parents of lineage.json are in no mask before their child"
