"""TrackMate's XML, as Fiji opens it: spots with contours, and an edge from each parent into its child.

A track of TrackMate is all that merges and splits join; a spot's name is the particle's id in the masks.
Lengths are in nm where the pixel size is known, else in pixels; times in s where they are known, else in
frames.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO
from xml.etree.ElementTree import Element, SubElement, tostring

import numpy as np
from numpy.typing import NDArray

from temtrack.formats.export import Exporter
from temtrack.formats.export.content import ExportContent
from temtrack.formats.store.atomic import whole_file
from temtrack.imaging.labels import bounding_boxes
from temtrack.masks import Labels

#: Layout of the file, that of this version of TrackMate.
_VERSION = "7.11.1"

#: A contour lies nowhere further from the particle's edge.
_CONTOUR_WITHIN_PX = 0.5

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


def _describe_losses(content: ExportContent) -> list[str]:
    """Say so where one number cannot tell the times of the frames."""
    if _seconds(content) is None or content.interval_s is not None:
        return []
    return [
        "TrackMate holds one time between frames, and these differ: it is given their mean; POSITION_T of"
        " each spot is exact"
    ]


def _seconds(content: ExportContent) -> NDArray[np.float64] | None:
    """Return the times of the frames, where there are several."""
    return content.seconds if content.n_frames > 1 else None


def _write(path: Path, content: ExportContent) -> None:
    """Write the XML, spots of one frame at a time."""
    space = "pixel" if content.pixel_size_nm is None else "nm"
    time = "frame" if _seconds(content) is None else "s"
    log = _element("Log")
    log.text = "".join(f"{name}: {fact}\n" for name, fact in content.facts.items())
    with whole_file(path) as part, part.open("w", encoding="utf-8") as file:
        file.write(f'<?xml version="1.0" encoding="UTF-8"?>\n<TrackMate version="{_VERSION}">\n')
        _put(file, [log])
        file.write(f'<Model spatialunits="{space}" timeunits="{time}">\n')
        _put(file, [_declarations()])
        file.write(f'<AllSpots nspots="{len(content.particles)}">\n')
        _put(file, _spots(content))
        file.write("</AllSpots>\n<AllTracks>\n")
        n_tracks = _put(file, _tracks(content))
        file.write("</AllTracks>\n")
        ids = (_element("TrackID", TRACK_ID=index) for index in range(n_tracks))
        _put(file, [_element("FilteredTracks", *ids)])
        file.write("</Model>\n")
        views = (_element("GUIState", state="ConfigureViews"), _element("DisplaySettings"))
        _put(file, [_settings(content), *views])
        file.write("</TrackMate>\n")


def _element(tag: str, /, *children: Element, **attributes: object) -> Element:
    """Return an element; attributes that are NaN are left out."""
    element = Element(tag, {name: _text(value) for name, value in attributes.items() if value == value})
    element.extend(children)
    return element


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.9g}"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _put(file: TextIO, elements: Iterable[Element]) -> int:
    """Write elements as they come, a line each, and return how many there were."""
    n_elements = 0
    for element in elements:
        file.write(tostring(element, "unicode") + "\n")
        n_elements += 1
    return n_elements


def _declarations() -> Element:
    groups = {"Spot": _SPOT_FEATURES, "Edge": _EDGE_FEATURES, "Track": _TRACK_FEATURES}
    declared = _element("FeatureDeclarations")
    for group, features in groups.items():
        part = SubElement(declared, f"{group}Features")
        for feature, (dimension, is_whole) in features.items():
            name = feature.replace("_", " ").capitalize()
            words = {"feature": feature, "name": name, "shortname": name}
            part.append(_element("Feature", **words, dimension=dimension, isint=is_whole))
    return declared


def _spots(content: ExportContent) -> Iterator[Element]:
    """Yield the spots of each frame, each with the contour of its particle."""
    scale, seconds = content.pixel_size_nm or 1.0, _seconds(content)
    for t, labels, rows in content.walk():
        time = float(t if seconds is None else seconds[t])
        contours = _contours(labels)
        spots = _element("SpotsInFrame", frame=t)
        row: Any
        for row in rows.itertuples():
            contour = (contours[row.particle_id] - [row.x_px, row.y_px]) * scale
            spot = _element(
                "Spot",
                ID=row.Index,
                name=row.particle_id,
                QUALITY=float(row.area_px),  # by which TrackMate filters
                POSITION_X=row.x_px * scale,
                POSITION_Y=row.y_px * scale,
                POSITION_Z=0.0,
                POSITION_T=time,
                FRAME=row.frame,
                RADIUS=row.equivalent_diameter_px / 2 * scale,
                VISIBILITY=1,
                AREA=row.area_px * scale**2,
                PERIMETER=row.perimeter_px * scale,
                CIRCULARITY=row.circularity,
                SOLIDITY=row.solidity,
                PARTICLE_ID=row.particle_id,
                ROI_N_POINTS=len(contour),
            )
            spot.text = " ".join(f"{value:.6g}" for value in contour.ravel())
            spots.append(spot)
        yield spots


def _contours(labels: Labels) -> dict[int, NDArray[np.float64]]:
    """Return the longest contour of each particle, (N, 2) points (x, y) in px, by its id."""
    from skimage.measure import approximate_polygon, find_contours

    contours = {}
    for particle_id, (rows, columns) in bounding_boxes(labels).items():
        padded = np.pad(labels[rows, columns] == particle_id, 1)
        longest = max(find_contours(padded.astype(np.float64), 0.5), key=len)
        corners = approximate_polygon(longest, _CONTOUR_WITHIN_PX)[:-1]
        contours[particle_id] = corners[:, ::-1] + [columns.start - 1, rows.start - 1]
    return contours


def _tracks(content: ExportContent) -> Iterator[Element]:
    """Yield each track with its edges; a track of one spot has none and is not told."""
    edges = content.graph.edges
    of_edges = content.graph.find_lineages()[edges[:, 0]]
    order = np.argsort(of_edges, kind="stable")
    _, first = np.unique(of_edges[order], return_index=True)
    for index, track in enumerate(np.split(edges[order], first)[1:]):
        ends = ({"SPOT_SOURCE_ID": source, "SPOT_TARGET_ID": target} for source, target in track.tolist())
        links = (_element("Edge", **pair) for pair in ends)
        yield _element("Track", *links, name=f"Track_{index}", TRACK_INDEX=index, TRACK_ID=index)


def _settings(content: ExportContent) -> Element:
    """Return the image's size and what TrackMate needs to go on by hand; detection and tracking are done."""
    height, width = content.tables.field_px
    scale, seconds = content.pixel_size_nm or 1.0, _seconds(content)
    folder = content.source.parent
    image = _element(
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
        timeinterval=1.0 if seconds is None else float(np.diff(seconds).mean()),
    )
    ends = {"xend": width - 1, "yend": height - 1, "zend": 0, "tend": content.n_frames - 1}
    radii = content.particles["equivalent_diameter_px"] / 2 * scale
    radius = float(radii.median()) if len(radii) else 1.0
    analyzers = (_element(name) for name in ("SpotAnalyzers", "EdgeAnalyzers", "TrackAnalyzers"))
    return _element(
        "Settings",
        image,
        _element("BasicSettings", xstart=0, ystart=0, zstart=0, tstart=0, **ends),
        _element("DetectorSettings", DETECTOR_NAME="MANUAL_DETECTOR", RADIUS=radius),
        _element("InitialSpotFilter", feature="QUALITY", value=0.0, isabove=True),
        _element("SpotFilterCollection"),
        _element("TrackerSettings", TRACKER_NAME="MANUAL_TRACKER"),
        _element("TrackFilterCollection"),
        _element("AnalyzerCollection", *analyzers),
    )


EXPORTER = Exporter(_write, (".xml",), describe_losses=_describe_losses)
