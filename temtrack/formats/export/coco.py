"""COCO's json of instances: an image for each frame, an annotation with its pixels for each particle.

Pixels stand as uncompressed run lengths, column by column from the upper left, background first, which
pycocotools, detectron2 and the like read. Frames are named ``NAME_0000.tif`` and so on after the movie;
beside COCO's keys, ``frame`` and ``particle_id`` are those of the tables.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from temtrack.formats.export import Exporter
from temtrack.formats.export.content import ExportContent, describe_lost_merges
from temtrack.formats.store.atomic import whole_file
from temtrack.imaging.labels import bounding_boxes
from temtrack.imaging.runs import encode_run_lengths
from temtrack.masks import Labels

_CATEGORIES = [{"id": 1, "name": "particle", "supercategory": "particle"}]


def _write(path: Path, content: ExportContent) -> None:
    """Write the json, one frame at a time."""
    head = {"info": dict(content.facts), "images": _images(content), "categories": _CATEGORIES}
    with whole_file(path) as part, part.open("w", encoding="utf-8") as file:
        file.write(json.dumps(head)[:-1] + ', "annotations": [')
        for number, annotation in enumerate(_annotations(content)):
            file.write((",\n" if number else "\n") + json.dumps(annotation))
        file.write("]}\n")


def _images(content: ExportContent) -> list[dict[str, Any]]:
    height, width = content.tables.field_px
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


def _annotations(content: ExportContent) -> Iterator[dict[str, Any]]:
    size = list(content.tables.field_px)
    for t, labels, rows in content.walk():
        counts, boxes = _run_lengths(labels), bounding_boxes(labels)
        row: Any
        for row in rows.itertuples():
            y, x = boxes[row.particle_id]
            yield {
                "id": row.Index + 1,  # pycocotools takes an annotation 0 for none
                "image_id": t + 1,
                "category_id": 1,
                "segmentation": {"size": size, "counts": counts[row.particle_id]},
                "bbox": [x.start, y.start, x.stop - x.start, y.stop - y.start],
                "area": row.area_px,
                "iscrowd": 0,
                "particle_id": row.particle_id,
            }


def _run_lengths(labels: Labels) -> dict[int, list[int]]:
    """Return by id the lengths of background and particle in turn, column by column."""
    runs = encode_run_lengths(labels.T.reshape(1, -1))
    order = np.argsort(runs.ids, kind="stable")
    ids, first = np.unique(runs.ids[order], return_index=True)
    bounds = np.stack([runs.x_px, runs.x_px + runs.n_px], axis=1)[order]
    counts = {}
    for particle_id, part in zip(ids.tolist(), np.split(bounds, first)[1:], strict=True):
        ends = part.ravel()
        rest = labels.size - int(ends[-1])
        counts[particle_id] = [*np.diff(ends, prepend=0).tolist(), *([rest] if rest else [])]
    return counts


EXPORTER = Exporter(_write, (".json",), describe_losses=describe_lost_merges)
