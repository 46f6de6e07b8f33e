"""What a person sees of a segmented image: its particles drawn on it, and a table of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from temtrack.analysis.particles import measure_particles
from temtrack.formats.store.atomic import check_output_file, whole_file
from temtrack.formats.store.tables import calibration_metadata, write_table
from temtrack.imaging.labels import LabelImage
from temtrack.masks import Sightings
from temtrack.movie import Movie
from temtrack.provenance import Provenance
from temtrack.tables import SEGMENTED

if TYPE_CHECKING:
    import pyarrow as pa

    from temtrack.segmentation.model import Segmentation

OVERLAY_SUFFIX, TABLE_SUFFIX, CSV_SUFFIX = "_overlay.png", "_particles.parquet", "_particles.csv"
MASK_SUFFIX, SHEET_STEM = "_mask.tif", "contact_sheet"


@dataclass(frozen=True)
class Shown:
    """What is written beside the mask of an image: its overlay and table, and the table as CSV too."""

    overlay: bool = True
    csv: bool = False

    def paths(self, target: Path) -> dict[str, Path]:
        """Return the files of an image whose results go to ``target``, a path without ending."""
        wanted = {OVERLAY_SUFFIX: self.overlay, TABLE_SUFFIX: self.overlay, CSV_SUFFIX: self.csv}
        return {end: target.with_name(target.name + end) for end, is_wanted in wanted.items() if is_wanted}

    def check(self, target: Path, may_overwrite: bool) -> None:
        """Refuse to overwrite a file that is there, unless that is allowed."""
        for path in self.paths(target).values():
            check_output_file(path, may_overwrite)

    def write(self, target: Path, movie: Movie, found: Segmentation, record: Provenance) -> None:
        """Write what is wanted of an image's particles.

        Raises
        ------
        OutputError
            If a file cannot be written.
        """
        image, paths = movie.read_frame(0), self.paths(target)
        if OVERLAY_SUFFIX in paths:
            write_picture(paths[OVERLAY_SUFFIX], movie, image, found.labels)
        if TABLE_SUFFIX in paths or CSV_SUFFIX in paths:
            table = table_of(movie, image, found)
        if TABLE_SUFFIX in paths:
            facts = record.metadata() | calibration_metadata(movie.calibration)
            write_table(paths[TABLE_SUFFIX], table, facts)
        if CSV_SUFFIX in paths:
            with whole_file(paths[CSV_SUFFIX]) as part:
                table.to_pandas().to_csv(part, index=False)


NOTHING_SHOWN = Shown(overlay=False)


def is_result(path: Path) -> bool:
    """Return whether an image is named like a result, not like one to segment."""
    is_sheet = path.suffix == ".png" and path.stem.startswith(SHEET_STEM)
    return is_sheet or path.name.endswith((MASK_SUFFIX, OVERLAY_SUFFIX))


def write_sheet(folder: Path, masks: Sequence[tuple[Path, int, bool]]) -> list[Path]:
    """Draw the overlays beside masks small on one sheet in a folder, or on several where they are many.

    Each mask goes with its number of particles, and whether it is unlike the others.

    Raises
    ------
    OutputError
        Where it cannot be written, or would overwrite another picture.
    """
    from temtrack.report.contact_sheet import Cell, write_contact_sheets

    cells = []
    for mask, n, is_odd in masks:
        stem = mask.name.removesuffix(MASK_SUFFIX)
        cells.append(Cell(mask.with_name(stem + OVERLAY_SUFFIX), f"{stem}: {n}", is_odd))
    there = [cell for cell in cells if cell.overlay.exists()]
    return write_contact_sheets(folder / f"{SHEET_STEM}.png", there) if there else []


def table_of(movie: Movie, image: NDArray[Any], found: Segmentation) -> pa.Table:
    """Return the table of an image's particles, each with its score."""
    seen = Sightings.of(found.labels, found.scores)
    columns = measure_particles(LabelImage(found.labels), image, frame=0, sightings=seen)
    wanted = {column.name for column in SEGMENTED.columns if column.is_measured}
    measured = {name: values for name, values in columns.items() if name in wanted}
    return SEGMENTED.fill(measured, movie.calibration)


def write_picture(path: Path, movie: Movie, image: NDArray[Any], labels: NDArray[np.int32]) -> None:
    """Draw the contours and ids of an image's particles on it, as PNG."""
    from PIL import Image

    from temtrack.report.overlay import Overlay

    picture = Image.fromarray(Overlay(movie, None).draw(0, image, labels))
    with whole_file(path) as part:
        picture.save(part, format="PNG", compress_level=1)  # of a large image higher ones take seconds
