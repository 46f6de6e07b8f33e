"""`temtrack segment`: find the particles of images and movies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from temtrack.cli import options, output
from temtrack.cli.bars import KeepBars, without_bars
from temtrack.cli.inputs import Job, find_path, gather
from temtrack.cli.output import Row
from temtrack.cli.runner import RunOptions, Task, run_each, show_lines
from temtrack.cli.tally import Tally
from temtrack.errors import InputError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from temtrack.movie import Movie
    from temtrack.segmentation.segmenter import Segmenter

_MASK_SUFFIX = "_mask.tif"


def segment(
    ctx: typer.Context,
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="IN...",
            help="Images, folders, quoted patterns, stacks, videos; - for a list on stdin.",
        ),
    ],
    output_folder: options.Output = None,
    model: options.Model = options.DEFAULT_MODEL,
    scale: Annotated[
        str, typer.Option("--scale", metavar="auto|FACTOR", help="Factor to resize by for the model.")
    ] = "auto",
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
    min_area_px: options.MinArea = None,
    pixel_size_nm: options.PixelSize = None,
    scale_bar_nm: options.ScaleBar = None,
    once: Annotated[
        bool,
        typer.Option("--once", help="Look at an image once, not twice: in half the time, less exactly."),
    ] = False,
    keep_bars: KeepBars = False,
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
    from temtrack.formats.readers import read_movie
    from temtrack.formats.store.atomic import check_output_folder
    from temtrack.formats.store.fingerprint import fingerprint
    from temtrack.segmentation.segmenter import Segmenter

    questions = _Questions(_parse_scale(scale), once, *_read_prompts(points, boxes), min_area_px)
    chosen = gather(inputs, shard, _expand, beside=output_folder is None)
    chosen.refuse_for_many("--points", points)
    chosen.refuse_for_many("--boxes", boxes)

    def load() -> _Work:
        segmenter = Segmenter(model, device, tta=not once)
        if questions.prompted and not segmenter.takes_prompts:
            raise UsageError(
                f"--model {model}: takes no --points or --boxes; use one that does, as effsam-tiny"
            )
        if output_folder is not None:  # of many, each one's own place in it is looked at in its turn
            check_output_folder(output_folder, force or chosen.many)
        read = partial(read_movie, pixel_size_nm=pixel_size_nm, scale_bar_nm=scale_bar_nm)
        movie_name = "_masks" if output_folder is None else ""
        return _Work(segmenter, questions, movie_name, read, keep_bars)

    task = Task(
        load=load,
        target=lambda job: (output_folder or job.source.parent) / job.name,
        content=lambda job: fingerprint(read_movie(job.source).origins),
        show=_show,
    )
    run_each(ctx, chosen, task, RunOptions(resume, keep_going, force, as_json, dry_run))


@dataclass(frozen=True)
class _Questions:
    """What the model is asked of each image; ``points`` (N, 2) y, x and ``boxes`` (N, 4) y0, x0, y1, x1."""

    scale: float | None
    once: bool
    points: NDArray[np.float64] | None
    boxes: NDArray[np.float64] | None
    min_area_px: int | None

    @property
    def prompted(self) -> bool:
        """Whether single particles are asked for."""
        return self.points is not None or self.boxes is not None

    def ask(self, segmenter: Segmenter, image: NDArray[Any]) -> NDArray[np.int32]:
        """Return the labels of an image; with prompts, an id tells which prompt it answers."""
        from temtrack.imaging.labels import filter_fragments

        if not self.prompted:
            return segmenter.segment(image, self.scale, self.min_area_px).labels
        labels = segmenter.predict_prompts(image, self.points, self.boxes).labels
        if self.min_area_px:
            labels = filter_fragments(labels, min_area_fraction=0.0, min_area_px=self.min_area_px)
        return labels

    def refuse_outside(self, movie: Movie) -> None:
        """Refuse prompts that lie outside the image, and prompts for a movie."""
        import numpy as np

        if not self.prompted:
            return
        if movie.n_frames > 1:
            raise InputError(f"{movie.path}: is a movie; --points and --boxes name places in one image")
        corners = [p.reshape(-1, 2) for p in (self.points, self.boxes) if p is not None]
        yx = np.concatenate(corners)
        outside = ((yx < 0) | (yx > (movie.height, movie.width))).any(axis=1)
        if outside.any():
            y, x = yx[outside][0]
            raise InputError(
                f"{movie.path}: prompt x={x:g}, y={y:g} lies outside the image, {movie.width} px wide and "
                f"{movie.height} px high"
            )


@dataclass
class _Work:
    """Segments one source after another and gives a row of results for each."""

    segmenter: Segmenter
    questions: _Questions
    movie_name: str
    read: Callable[[Path], Movie]
    keep_bars: bool

    def __call__(self, job: Job) -> Row:
        movie = without_bars(self.read(job.source), self.keep_bars)
        self.questions.refuse_outside(movie)
        tally = Tally(movie)
        write = self._write_image if movie.n_frames == 1 else self._write_movie
        target = write(movie, job, tally)
        tally.warn_of_emptiness()
        return {"output": str(target), **tally.measures()}

    def _write_image(self, movie: Movie, job: Job, tally: Tally) -> Path:
        from temtrack.formats.store.atomic import check_output_file, remove_leftovers
        from temtrack.formats.store.masks import write_mask

        target = job.place.with_name(job.place.name + _MASK_SUFFIX)
        check_output_file(target, job.may_overwrite)
        if job.begun:
            remove_leftovers(target.parent, target.name)  # its own: others may be at work in the folder
        labels = self._labels(movie, movie.read_frame(0))
        write_mask(target, labels, self._facts(movie))
        tally.add(labels)
        return target

    def _write_movie(self, movie: Movie, job: Job, tally: Tally) -> Path:
        from temtrack.formats.store.atomic import check_output_folder, remove_leftovers
        from temtrack.formats.store.lock import locked
        from temtrack.formats.store.masks import mask_name, remove_masks, write_mask
        from temtrack.formats.store.provenance import write_run

        target = job.place.with_name(job.place.name + self.movie_name)
        check_output_folder(target, job.may_overwrite)
        with locked(target):
            remove_leftovers(target)
            remove_masks(target)
            for t, image in enumerate(output.with_progress(movie, "segmenting", movie.n_frames, "frames")):
                labels = self._labels(movie, image)
                write_mask(target / mask_name(t), labels)
                tally.add(labels)
            write_run(target, self._facts(movie))
        return target

    def _labels(self, movie: Movie, image: NDArray[Any]) -> NDArray[np.int32]:
        from temtrack.imaging.annotations import mask_out

        return mask_out(self.questions.ask(self.segmenter, image), movie.burned_in)

    def _facts(self, movie: Movie) -> dict[str, object]:
        from temtrack.pipeline.workflow import segmentation_facts

        asked = self.questions
        parameters = {"scale": asked.scale or "auto", "once": asked.once, "min_area_px": asked.min_area_px}
        segmenter = self.segmenter
        return segmentation_facts(
            movie, segmenter.spec.name, segmenter.sha256, parameters, output.command_line()
        )


def _parse_scale(text: str) -> float | None:
    """Return the factor, or ``None`` for ``auto``: the model chooses it from the particles' own size."""
    if text == "auto":
        return None
    try:
        factor = float(text)
    except ValueError:
        factor = float("nan")
    if not 0.05 <= factor <= 20:
        raise UsageError(f"--scale {text!r}: allowed are auto, or a factor from 0.05 to 20")
    return factor


def _read_prompts(
    points: Path | None, boxes: Path | None
) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]:
    from temtrack.formats.prompts import read_boxes, read_points

    if points and boxes:
        raise UsageError("--points and --boxes are two ways to name particles; give one of them")
    return read_points(points) if points else None, read_boxes(boxes) if boxes else None


def _expand(text: str) -> list[Path]:
    """Return the files that an input stands for, without the masks of an earlier run among them."""
    from temtrack.formats.readers import dm_folder
    from temtrack.formats.readers.images import is_pattern, list_images

    path = Path(text)
    if dm_folder.can_read(path):
        return [path]
    if not path.is_dir() and not is_pattern(path):
        return find_path(text)
    images = [p for p in list_images(path) if not p.name.endswith(_MASK_SUFFIX)]
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
