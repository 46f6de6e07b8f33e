"""COCO's json of instances: an image for each frame, an annotation with its pixels for each particle.

Pixels stand as uncompressed run lengths, column by column from the upper left, background first, which
pycocotools, detectron2 and the like read. Frames are named ``NAME_0000.tif`` and so on after the movie;
beside COCO's keys, ``frame`` and ``particle_id`` are those of the tables.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from temtrack.formats.export.content import ExportContent
from temtrack.formats.export.graph import Ints
from temtrack.formats.export.target import FileTarget
from temtrack.formats.store.atomic import whole_file
from temtrack.imaging.labels import encode_run_lengths
from temtrack.masks import Labels
from temtrack.progress import Progress

TARGET = FileTarget((".json",))

_CATEGORIES = [{"id": 1, "name": "particle", "supercategory": "particle"}]


def describe_losses(content: ExportContent) -> list[str]:
    """Say that merges are left out, where there are any."""
    return content.describe_lost_merges("COCO")


def write_export(path: Path, content: ExportContent, progress: Progress) -> None:
    """Write the json, one frame at a time.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    with whole_file(path) as part, part.open("w", encoding="utf-8") as file:
        head = {"info": dict(content.facts), "images": _images(content), "categories": _CATEGORIES}
        file.write(json.dumps(head)[:-1])
        _write_list(file, "annotations", _annotations(content, progress))
        file.write("}\n")


def _images(content: ExportContent) -> list[dict[str, Any]]:
    height, width = content.field_px
    images = []
    for t in range(content.n_frames):
        image = {"id": t + 1, "file_name": f"{content.source.stem}_{t:04d}.tif", "frame": t}
        image |= {"height": height, "width": width}
        if content.pixel_size_nm is not None:
            image["pixel_size_nm"] = content.pixel_size_nm
        if content.seconds is not None:
            image["time_s"] = float(content.seconds[t])
        images.append(image)
    return images


def _write_list(file: TextIO, name: str, entries: Iterator[dict[str, Any]]) -> None:
    file.write(f', "{name}": [')
    for number, entry in enumerate(entries):
        file.write((",\n" if number else "\n") + json.dumps(entry))
    file.write("]")


def _annotations(content: ExportContent, progress: Progress) -> Iterator[dict[str, Any]]:
    size = list(content.field_px)
    for t, labels, rows in content.walk(progress):
        pixels = dict(_pixels(labels))
        for row, particle_id in zip(rows.index.tolist(), rows["particle_id"].tolist(), strict=True):
            counts, bbox, area = pixels[particle_id]
            yield {
                "id": row + 1,  # pycocotools takes an annotation 0 for none
                "image_id": t + 1,
                "category_id": 1,
                "segmentation": {"size": size, "counts": counts},
                "bbox": bbox,
                "area": area,
                "iscrowd": 0,
                "particle_id": particle_id,
            }


def _pixels(labels: Labels) -> Iterator[tuple[int, tuple[list[int], list[int], int]]]:
    """Yield by id the run lengths of its pixels, its box (x, y, width, height) and its area."""
    height, width = labels.shape
    runs = encode_run_lengths(np.ascontiguousarray(labels.T))  # of which a row is a column of the image
    order = np.argsort(runs.ids, kind="stable")
    ids, first = np.unique(runs.ids[order], return_index=True)
    for particle_id, rows in zip(ids.tolist(), np.split(order, first)[1:], strict=True):
        x, y, n_px = runs.y_px[rows], runs.x_px[rows], runs.n_px[rows]
        left, top = int(x.min()), int(y.min())
        bbox = [left, top, int(x.max()) + 1 - left, int((y + n_px).max()) - top]
        yield particle_id, (_counts(x * height + y, n_px, height * width), bbox, int(n_px.sum()))


def _counts(starts: Ints, lengths: Ints, n_px: int) -> list[int]:
    """Return the lengths of background and particle in turn; runs that meet at a column's end are one."""
    places, n = np.unique(np.concatenate([starts, starts + lengths]), return_counts=True)
    ends = places[n == 1]
    rest = n_px - int(ends[-1])
    return [*np.diff(ends, prepend=0).tolist(), *([rest] if rest else [])]
