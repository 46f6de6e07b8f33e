"""`temtrack segment`: find the particles of images and movies."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from temtrack.cli import options, output
from temtrack.cli.batch import Batch
from temtrack.cli.output import Row
from temtrack.cli.tally import Tally
from temtrack.errors import InputError, UsageError

if TYPE_CHECKING:
    from temtrack.movie import Movie
    from temtrack.segmentation.otsu import OtsuSegmenter
    from temtrack.segmentation.segmenter import Segmenter

_MASK_SUFFIX = "_mask.tif"


def segment(
    inputs: Annotated[
        list[str], typer.Argument(metavar="IN", help="Images, folders, quoted patterns, stacks, videos.")
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
    min_area_px: Annotated[
        int, typer.Option("--min-area", min=0, metavar="PX", help="Drop particles of fewer pixels.")
    ] = 0,
    pixel_size_nm: options.PixelSize = None,
    device: options.Device = options.DeviceName.auto,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Find the particles of images and movies.

    An image gives STEM_mask.tif beside it or in DIR. A movie gives mask0000.tif
    and so on, in STEM_masks/ beside it or in DIR/STEM/. A folder or a pattern
    stands for each of its images.
    """
    from temtrack.formats.atomic import check_output_folder
    from temtrack.segmentation.load import load_segmenter

    batch = Batch()
    questions = _Questions(_parse_scale(scale), *_read_prompts(points, boxes), min_area_px)
    sources = [source for found in batch.each(inputs, _expand) for source in found]
    if not sources:
        batch.finish(n_done=0)
    if questions.prompted and len(sources) > 1:
        raise UsageError(f"--points and --boxes name places in one image; {len(sources)} were given")
    segmenter = load_segmenter(model, device)
    if questions.prompted and not segmenter.takes_prompts:
        raise UsageError(f"--model {model}: takes no --points or --boxes; use one that does, as effsam-tiny")
    if output_folder is not None:
        check_output_folder(output_folder, force)
    work = _Work(segmenter, questions, _Place(output_folder, force), pixel_size_nm, only=len(sources) == 1)
    shown = sources if work.only else output.with_progress(sources, "images", total=len(sources))
    rows = list(batch.each(shown, work))
    output.show_rows(rows, as_json=as_json)
    _tell_of_scale(rows)
    batch.finish(n_done=len(rows))


@dataclass(frozen=True)
class _Questions:
    """What the model is asked of each image; ``points`` (N, 2) y, x and ``boxes`` (N, 4) y0, x0, y1, x1."""

    scale: float | None
    points: NDArray[np.float64] | None
    boxes: NDArray[np.float64] | None
    min_area_px: int

    @property
    def prompted(self) -> bool:
        """Whether single particles are asked for."""
        return self.points is not None or self.boxes is not None

    def ask(self, segmenter: Segmenter | OtsuSegmenter, image: NDArray[Any]) -> NDArray[np.int32]:
        """Return the labels of an image; with prompts, an id tells which prompt it answers."""
        from temtrack.labels import filter_fragments

        if not self.prompted:
            return segmenter.segment(image, self.scale, self.min_area_px)
        labels = segmenter.prompt(image, self.points, self.boxes)
        if self.min_area_px > 0:
            labels = filter_fragments(labels, min_area_share=0.0, min_area_px=self.min_area_px)
        return labels

    def refuse_outside(self, movie: Movie) -> None:
        """Refuse prompts that lie outside the image, and prompts for a movie."""
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
class _Place:
    """Where masks go; a place that was written to in this run is not given twice."""

    folder: Path | None
    force: bool
    given: set[Path] = field(default_factory=set)

    def of(self, movie: Movie) -> Path:
        """Return the mask file of an image, or the folder of a movie's masks, ready to be written to."""
        from temtrack.formats.atomic import check_output_file, check_output_folder
        from temtrack.formats.masks import remove_masks

        source, single = movie.path, movie.n_frames == 1
        name = source.stem + (_MASK_SUFFIX if single else "_masks" if self.folder is None else "")
        target = (self.folder or source.parent) / name
        if target in self.given:
            raise InputError(
                f"{source}: its mask would overwrite that of another input, {target}; rename one"
            )
        if single:
            check_output_file(target, self.force)
        else:
            check_output_folder(target, self.force)
            remove_masks(target)
        self.given.add(target)
        return target


@dataclass
class _Work:
    """Segments one source after another and gives a row of results for each."""

    segmenter: Segmenter | OtsuSegmenter
    questions: _Questions
    place: _Place
    pixel_size_nm: float | None
    only: bool

    def __call__(self, source: Path) -> Row:
        from temtrack.formats import read_movie
        from temtrack.formats.masks import mask_name, write_mask

        movie = read_movie(source, self.pixel_size_nm)
        self.questions.refuse_outside(movie)
        target = self.place.of(movie)
        tally = Tally(movie)
        for t, image in enumerate(self._frames(movie)):
            labels = self.questions.ask(self.segmenter, image)
            write_mask(target if movie.n_frames == 1 else target / mask_name(t), labels)
            tally.add(labels)
        tally.warn_of_emptiness()
        return {"input": str(source), "output": str(target), **tally.measures()}

    def _frames(self, movie: Movie) -> Iterable[NDArray[Any]]:
        alone = self.only and movie.n_frames > 1
        return output.with_progress(movie, "frames", total=movie.n_frames) if alone else movie


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
    from temtrack.formats import dm_folder
    from temtrack.formats.images import is_pattern, list_images

    path = Path(text)
    if dm_folder.can_read(path):
        return [path]
    if not path.is_dir() and not is_pattern(path):
        if not path.exists():
            raise InputError(f"{path}: there is no such file or folder; check the name")
        return [path]
    images = [p for p in list_images(path) if not p.name.endswith(_MASK_SUFFIX)]
    if not images:
        raise InputError(f"{path}: holds masks only; give the images themselves")
    return images


def _tell_of_scale(rows: list[Row]) -> None:
    n_unknown = sum(row["pixel_size_nm"] is None for row in rows)
    if n_unknown:
        output.tell(
            f"pixel size unknown for {n_unknown} of {len(rows)} inputs; give it as --pixel-size 0.21nm"
        )
