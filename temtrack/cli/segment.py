"""`temtrack segment`: find the particles of images and movies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from temtrack.cli import options, output
from temtrack.cli.inputs import Job, find_path, gather
from temtrack.cli.output import Row
from temtrack.cli.runner import RunOptions, Task, Work, run_each, show_lines
from temtrack.errors import InputError, UsageError
from temtrack.pipeline.options import SegmentOptions

if TYPE_CHECKING:
    from temtrack.pipeline.segment import SegmentStage

_DEFAULT = SegmentOptions()


def segment(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="IN...",
            help="Images, folders, quoted patterns, stacks, videos; - for a list on stdin.",
        ),
    ],
    output_folder: options.Output = None,
    model: options.Model = _DEFAULT.model,
    tta: options.Tta = _DEFAULT.tta,
    diameter: options.Diameter = _DEFAULT.diameter,
    rescale: options.Rescale = _DEFAULT.rescale,
    points: Annotated[
        Path | None,
        typer.Option(
            "--points", metavar="CSV", help="Only the particles at these points (columns x,y in px)."
        ),
    ] = None,
    boxes: Annotated[
        Path | None,
        typer.Option("--boxes", metavar="CSV", help="Only those in these boxes (columns x0,y0,x1,y1 in px)."),
    ] = None,
    min_area_px: options.MinArea = _DEFAULT.min_area_px,
    pixel_size_nm: options.PixelSize = _DEFAULT.pixel_size_nm,
    scale_bar_nm: options.ScaleBar = _DEFAULT.scale_bar_nm,
    keep_annotations: options.KeepAnnotations = _DEFAULT.keep_annotations,
    device: options.Device = options.DeviceName.auto,
    resume: options.Resume = False,
    shard: options.ShardOf = None,
    keep_going: options.KeepGoing = True,
    force: options.Force = False,
    dry_run: options.DryRun = False,
    as_json: options.JsonOfInputs = False,
) -> None:
    """Find the particles of images and movies.

    An image gives STEM_mask.tif beside it or in DIR. A movie gives mask0000.tif
    and so on, in STEM_masks/ beside it or in DIR/STEM/. A folder or a pattern
    stands for each of its images. Of many inputs, batch.jsonl beside the masks
    tells what has become of each; one that fails does not stop the others.
    """
    from temtrack.formats.prompts import read_boxes, read_points
    from temtrack.formats.readers import read_movie
    from temtrack.formats.store.atomic import check_output_folder
    from temtrack.formats.store.run import fingerprint

    if points and boxes:
        raise UsageError("--points and --boxes are two ways to name particles; give one of them")
    chosen = gather(inputs, shard, _expand, beside=output_folder is None)
    chosen.refuse_for_many("--points", points)
    chosen.refuse_for_many("--boxes", boxes)
    how = SegmentOptions(
        model=model,
        tta=tta,
        diameter=diameter,
        rescale=rescale,
        min_area_px=min_area_px,
        points=None if points is None else read_points(points),
        boxes=None if boxes is None else read_boxes(boxes),
        keep_annotations=keep_annotations,
        pixel_size_nm=pixel_size_nm,
        scale_bar_nm=scale_bar_nm,
    )

    def load() -> Work:
        from temtrack.pipeline.segment import SegmentStage

        stage = SegmentStage.load(how, device)
        if output_folder is not None:  # of many, each one's own place in it is looked at in its turn
            check_output_folder(output_folder, force or chosen.many)
        movie_suffix = "_masks" if output_folder is None else ""
        return lambda job: _segment_one(stage, movie_suffix, job)

    task = Task(
        how,
        load=load,
        target=lambda job: (output_folder or job.source.parent) / job.name,
        content=lambda job: fingerprint(read_movie(job.source).origins),
        show=_show,
    )
    run_each("segment", chosen, task, RunOptions(resume, keep_going, force, as_json, dry_run))


def _segment_one(stage: SegmentStage, movie_suffix: str, job: Job) -> Row:
    """Segment one image or movie; return its counts."""
    summary = stage.segment_file(
        job.source,
        job.place,
        output.command_line(),
        may_overwrite=job.may_overwrite,
        movie_suffix=movie_suffix,
        progress=output.with_progress,
    )
    return {"output": str(summary.place), **summary.row()}


def _expand(text: str) -> list[Path]:
    """Return the files that an input stands for, without the masks of an earlier run among them."""
    from temtrack.formats.readers import dm_folder
    from temtrack.formats.readers.images import is_pattern, list_images
    from temtrack.pipeline.segment import MASK_SUFFIX

    path = Path(text)
    if dm_folder.can_read(path):
        return [path]
    if not path.is_dir() and not is_pattern(path):
        return find_path(text)
    images = [p for p in list_images(path) if not p.name.endswith(MASK_SUFFIX)]
    if not images:
        raise InputError(f"{path}: holds masks only; give the images themselves")
    return images


def _show(rows: Sequence[Row], together: Row) -> None:
    show_lines(rows, together)
    n_unknown = sum(row["pixel_size_nm"] is None for row in rows)
    if n_unknown:
        output.tell(
            f"pixel size unknown for {n_unknown} of {len(rows)} inputs; give it as --pixel-size 0.21nm"
        )
