"""TrackMate's XML, as Fiji opens it: spots with outlines, and an edge from each parent into its child.

A track of TrackMate is all that merges and splits join; a spot's name is the particle's id in the masks.
Lengths are in nm where the pixel size is known, else in pixels; times in s where they are known, else in
frames.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.sax.saxutils import XMLGenerator
from xml.sax.xmlreader import AttributesImpl

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from temtrack.formats.export.content import ExportContent
from temtrack.formats.export.target import FileTarget
from temtrack.formats.store.atomic import whole_file
from temtrack.imaging.labels import bounding_boxes
from temtrack.masks import Labels
from temtrack.progress import Progress

TARGET = FileTarget((".xml",))

#: Layout of the file, that of this version of TrackMate.
_VERSION = "7.11.1"

#: An outline lies nowhere further from the particle's edge.
_OUTLINE_WITHIN_PX = 0.5

#: Features that are declared: their dimension, and whether they are whole numbers.
_SPOT_FEATURES = {
    "QUALITY": ("QUALITY", False),
    "POSITION_X": ("POSITION", False),
    "POSITION_Y": ("POSITION", False),
    "POSITION_Z": ("POSITION", False),
    "POSITION_T": ("TIME", False),
    "FRAME": ("NONE", True),
    "RADIUS": ("LENGTH", False),
    "VISIBILITY": ("NONE", True),
    "AREA": ("AREA", False),
    "PERIMETER": ("LENGTH", False),
    "CIRCULARITY": ("NONE", False),
    "SOLIDITY": ("NONE", False),
    "PARTICLE_ID": ("NONE", True),
}
_EDGE_FEATURES = {"SPOT_SOURCE_ID": ("NONE", True), "SPOT_TARGET_ID": ("NONE", True)}
_TRACK_FEATURES = {"TRACK_INDEX": ("NONE", True), "TRACK_ID": ("NONE", True)}


def describe_losses(content: ExportContent) -> list[str]:
    """Say so where one number cannot tell the times of the frames."""
    if content.mean_interval_s is None or content.is_even:
        return []
    return [
        "TrackMate holds one time between frames, and these differ: it is given their mean; POSITION_T of"
        " each spot is exact"
    ]


def write_export(path: Path, content: ExportContent, progress: Progress) -> None:
    """Write the XML, spots of one frame at a time.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    with whole_file(path) as part, part.open("w", encoding="utf-8") as file:
        xml = _Xml(XMLGenerator(file, "UTF-8", short_empty_elements=True))
        with xml.element("TrackMate", version=_VERSION):
            with xml.element("Log"):
                xml.text("".join(f"{name}: {fact}\n" for name, fact in content.facts.items()))
            time = "frame" if content.mean_interval_s is None else "s"
            space = "pixel" if content.pixel_size_nm is None else "nm"
            with xml.element("Model", spatialunits=space, timeunits=time):
                _declare_features(xml)
                _write_spots(xml, content, progress)
                _write_tracks(xml, content)
            _write_settings(xml, content)
            xml.empty("GUIState", state="ConfigureViews")
            xml.empty("DisplaySettings")


class _Xml:
    """Writes elements one after another; attributes that are ``None`` or NaN are left out."""

    def __init__(self, generator: XMLGenerator) -> None:
        self._generator = generator
        generator.startDocument()

    @contextmanager
    def element(self, name: str, /, **attributes: object) -> Iterator[None]:
        known = {key: _text(value) for key, value in attributes.items() if not _is_missing(value)}
        self._generator.startElement(name, AttributesImpl(known))
        yield
        self._generator.endElement(name)
        self._generator.ignorableWhitespace("\n")

    def empty(self, name: str, /, **attributes: object) -> None:
        with self.element(name, **attributes):
            pass

    def text(self, text: str) -> None:
        self._generator.characters(text)


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.9g}"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _declare_features(xml: _Xml) -> None:
    groups = {"Spot": _SPOT_FEATURES, "Edge": _EDGE_FEATURES, "Track": _TRACK_FEATURES}
    with xml.element("FeatureDeclarations"):
        for group, features in groups.items():
            with xml.element(f"{group}Features"):
                for feature, (dimension, is_whole) in features.items():
                    name = feature.replace("_", " ").capitalize()
                    words = {"feature": feature, "name": name, "shortname": name}
                    xml.empty("Feature", **words, dimension=dimension, isint=is_whole)


def _write_spots(xml: _Xml, content: ExportContent, progress: Progress) -> None:
    scale = content.pixel_size_nm or 1.0
    with xml.element("AllSpots", nspots=len(content.particles)):
        for t, labels, rows in content.walk(progress):
            time = t if content.mean_interval_s is None or content.seconds is None else content.seconds[t]
            outlines = _outlines(labels)
            with xml.element("SpotsInFrame", frame=t):
                row: Any
                for row in rows.itertuples():
                    outline = (outlines[row.particle_id] - [row.x_px, row.y_px]) * scale
                    features = _spot_features(row, scale, float(time))
                    with xml.element("Spot", **features, ROI_N_POINTS=len(outline)):
                        xml.text(" ".join(f"{value:.6g}" for value in outline.ravel()))


def _spot_features(row: Any, scale: float, time: float) -> Mapping[str, object]:
    """Return what TrackMate knows of a spot; it filters by quality, for which the number of pixels stands."""
    return {
        "ID": row.Index,
        "name": row.particle_id,
        "QUALITY": float(row.area_px),
        "POSITION_X": row.x_px * scale,
        "POSITION_Y": row.y_px * scale,
        "POSITION_Z": 0.0,
        "POSITION_T": time,
        "FRAME": row.frame,
        "RADIUS": row.equivalent_diameter_px / 2 * scale,
        "VISIBILITY": 1,
        "AREA": row.area_px * scale**2,
        "PERIMETER": row.perimeter_px * scale,
        "CIRCULARITY": row.circularity,
        "SOLIDITY": row.solidity,
        "PARTICLE_ID": row.particle_id,
    }


def _outlines(labels: Labels) -> dict[int, NDArray[np.float64]]:
    """Return the longest outline of each particle, (N, 2) points (x, y) in px, by its id."""
    from skimage.measure import approximate_polygon, find_contours

    outlines = {}
    for particle_id, (rows, columns) in bounding_boxes(labels).items():
        padded = np.pad(labels[rows, columns] == particle_id, 1)
        longest = max(find_contours(padded.astype(np.float64), 0.5), key=len)
        corners = approximate_polygon(longest, _OUTLINE_WITHIN_PX)[:-1]
        outlines[particle_id] = corners[:, ::-1] + [columns.start - 1, rows.start - 1]
    return outlines


def _write_tracks(xml: _Xml, content: ExportContent) -> None:
    edges = content.graph.edges
    of_edges = content.graph.find_lineages()[edges[:, 0]]
    order = np.argsort(of_edges, kind="stable")
    _, first = np.unique(of_edges[order], return_index=True)
    tracks = np.split(edges[order], first)[1:]
    with xml.element("AllTracks"):
        for index, track in enumerate(tracks):
            with xml.element("Track", name=f"Track_{index}", TRACK_INDEX=index, TRACK_ID=index):
                for source, target in track.tolist():
                    xml.empty("Edge", SPOT_SOURCE_ID=source, SPOT_TARGET_ID=target)
    with xml.element("FilteredTracks"):
        for index in range(len(tracks)):
            xml.empty("TrackID", TRACK_ID=index)


def _write_settings(xml: _Xml, content: ExportContent) -> None:
    """Write the image's size and what TrackMate needs to go on by hand; detection and tracking are done."""
    height, width = content.field_px
    scale = content.pixel_size_nm or 1.0
    last = content.n_frames - 1
    radii = content.particles["equivalent_diameter_px"] / 2 * scale
    folder = content.source.parent
    with xml.element("Settings"):
        xml.empty(
            "ImageData",
            filename=content.source.name,
            folder="" if folder == Path() else folder,
            width=width,
            height=height,
            nslices=1,
            nframes=content.n_frames,
            pixelwidth=scale,
            pixelheight=scale,
            voxeldepth=1.0,
            timeinterval=1.0 if content.mean_interval_s is None else content.mean_interval_s,
        )
        edges = {"xstart": 0, "xend": width - 1, "ystart": 0, "yend": height - 1, "zstart": 0, "zend": 0}
        xml.empty("BasicSettings", **edges, tstart=0, tend=last)
        xml.empty("DetectorSettings", DETECTOR_NAME="MANUAL_DETECTOR", RADIUS=_middle(radii))
        xml.empty("InitialSpotFilter", feature="QUALITY", value=0.0, isabove=True)
        xml.empty("SpotFilterCollection")
        xml.empty("TrackerSettings", TRACKER_NAME="MANUAL_TRACKER")
        xml.empty("TrackFilterCollection")
        with xml.element("AnalyzerCollection"):
            for group in ("SpotAnalyzers", "EdgeAnalyzers", "TrackAnalyzers"):
                xml.empty(group)


def _middle(radii: pd.Series[float]) -> float:
    return float(radii.median()) if len(radii) else 1.0
