"""`temtrack demo`: the whole pipeline on the embedded movie, beside its truth."""

from __future__ import annotations

from pathlib import Path
from shutil import copyfile
from typing import TYPE_CHECKING

import typer

from temtrack.cli import output
from temtrack.cli.command_line import request
from temtrack.cli.options import Device, command
from temtrack.cli.output import Row
from temtrack.models.registry import DEFAULT_MODEL
from temtrack.pipeline.options import AnalyzeOptions, TrackOptions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from temtrack.lineage import Lineage
    from temtrack.metrics.merges import MergeMatch, MergeScore

#: Within so many frames a found merge is shown beside a true one.
TOLERANCE_FRAMES = 3

#: What lies in the folder, and what it is.
_FILES = {
    "masks": "masks and tables",
    "overlay.mp4": "film",
    "merges.png": "key frames",
    "report.html": "page",
}


@command(out=typer.Option("--output", "-o", metavar="DIR", help="Folder for the results."))
def demo(
    out: Path = Path("demo"),
    model: str = DEFAULT_MODEL,
    device: Device = "auto",
    force: bool = False,
    rows_as_json: bool = False,
) -> None:
    """Segment, track and analyse the embedded movie and show the merges beside the truth.

    Writes the movie, masks/ with tables, overlay.mp4 with contours and ids,
    merges.png with the key frames of each merge, and report.html with all of
    it on a page.
    """
    from temtrack.demo import LINEAGE, MOVIE, PIXEL_SIZE_NM
    from temtrack.formats.store.atomic import check_output_folder, whole_file
    from temtrack.formats.store.lineage import read_lineage
    from temtrack.pipeline.analyze import analyze_file
    from temtrack.pipeline.report import write_report
    from temtrack.pipeline.track import track_file
    from temtrack.pipeline.tracking_plan import TrackStage
    from temtrack.report.keyframes import write_keyframes
    from temtrack.report.overlay import write_overlay

    check_output_folder(out, force)
    file, *places = (out / name for name in (MOVIE.name, *_FILES))
    masks, film, keyframes, page = places
    with whole_file(file) as part:
        copyfile(MOVIE, part)
    asked, measured = request(force), AnalyzeOptions()
    stage = TrackStage.load(TrackOptions(model=model, pixel_size_nm=PIXEL_SIZE_NM), device)
    movie, report = track_file(file, masks, stage, asked)
    run, _ = analyze_file(masks, masks, str(file), measured, asked)
    lineage, truth = report.lineage, read_lineage(LINEAGE)
    write_overlay(film, movie, run.masks, lineage)
    write_keyframes(keyframes, movie, run.masks.__getitem__, lineage)
    write_report(page, masks, str(file), measured, asked)
    _show(out, lineage, truth, _compare(lineage, truth, run.masks[0]), rows_as_json)


def _compare(found: Lineage, truth: Lineage, first_mask: NDArray[np.integer]) -> MergeScore:
    """Match the found merges with the true ones; whose id is whose is told from the first frame."""
    from temtrack.demo import FIRST_MASK
    from temtrack.formats.store.masks import read_labels
    from temtrack.metrics.merges import match_merges
    from temtrack.metrics.tracks import match_tracks

    matches = match_tracks([first_mask], [read_labels(FIRST_MASK)])
    return match_merges(found.merges, truth.merges, matches, TOLERANCE_FRAMES)


def _show(folder: Path, found: Lineage, truth: Lineage, score: MergeScore, as_json: bool) -> None:
    summaries = [_summary("found", found), _summary("truth", truth)]
    merges = [_match_row(match) for match in score.matches]
    merges += [{"true_frame": m.frame, "true_parents": list(m.parents)} for m in score.missed]
    merges += [{"found_frame": m.frame, "found_parents": list(m.parents)} for m in score.false]
    if as_json:
        output.show_json({"summary": summaries, "merges": merges})
        return
    output.show_rows(summaries, as_json=False, title="Embedded movie")
    output.show_rows(merges, as_json=False, title="Merges beside the truth (parents in true ids)")
    for name, what in _FILES.items():
        output.show_text(f"{what}: {folder / name}")


def _summary(what: str, lineage: Lineage) -> Row:
    fates = output.count_fates(track.fate for track in lineage.tracks)
    return {"": what, "particles": len(lineage.tracks), "merges": len(lineage.merges), **fates}


def _match_row(match: MergeMatch) -> Row:
    return {
        "true_frame": match.true.frame,
        "found_frame": match.found.frame,
        "true_contact": match.true.contact_frame,
        "found_contact": match.found.contact_frame,
        "true_parents": sorted(match.true.parents),
        "found_parents": sorted(match.found_parents),
        "exact": match.has_exact_parents,
    }
