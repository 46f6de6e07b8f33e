"""GEFF, the graph exchange format: a zarr folder with a node per particle and frame and all edges.

Axes are frames and pixels, so that nodes lie on the masks, with the scale to seconds and nanometres where it
is known. Nodes have the columns of the table of particles as properties; edges say whether they are a merge
or a split.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from temtrack.formats.export import Exporter
from temtrack.formats.export.content import ExportContent
from temtrack.formats.export.graph import Kind
from temtrack.formats.store.atomic import whole_folder
from temtrack.tables import PARTICLES

if TYPE_CHECKING:
    from geff_spec import GeffMetadata, PropMetadata

#: What happens to a particle on an edge, beside living on.
_EVENTS = (Kind.merge, Kind.split)

#: By name the values of a property, and where they are missing, if any are.
Properties = dict[str, dict[str, Any]]

#: Names of the axes, and the columns that hold them.
_AXES = {"t": "frame", "y": "y_px", "x": "x_px"}


def _write(path: Path, content: ExportContent) -> None:
    """Write the graph as a zarr folder.

    It is put together in memory, where it takes less than the table of particles: on a disk, zarr's threads
    would go on writing after one of them has failed.
    """
    from geff.core_io import write_arrays
    from zarr.storage import MemoryStore

    graph = content.graph
    nodes = _node_properties(content)
    kinds = {kind.name: graph.kinds == kind for kind in _EVENTS}
    files: dict[str, Any] = {}
    write_arrays(
        MemoryStore(files),
        node_ids=np.arange(len(graph.particle_ids), dtype=np.uint64),
        node_props=nodes,
        edge_ids=graph.edges.astype(np.uint64),
        edge_props={name: {"values": of, "missing": None} for name, of in kinds.items()},
        metadata=_metadata(content, nodes),
    )
    with whole_folder(path) as part:
        for name, buffer in files.items():
            (part / name).parent.mkdir(parents=True, exist_ok=True)
            (part / name).write_bytes(buffer.to_bytes())


def _node_properties(content: ExportContent) -> Properties:
    columns = content.particles.rename(columns={column: axis for axis, column in _AXES.items()})
    known = {name: values for name, values in columns.items() if values.notna().any() or name in _AXES}
    properties = {str(name): _property(values) for name, values in known.items()}
    ids = {"tracklet_id": content.graph.find_tracklets(), "lineage_id": content.graph.find_lineages()}
    return properties | {name: {"values": values, "missing": None} for name, values in ids.items()}


def _property(column: pd.Series[Any]) -> dict[str, NDArray[Any] | None]:
    """Return a column's values, and where they are missing, if any are."""
    missing = column.isna().to_numpy()
    if not missing.any():
        return {"values": column.to_numpy(), "missing": None}
    return {"values": column.fillna(0).infer_objects().to_numpy(), "missing": missing}


def _metadata(content: ExportContent, nodes: Properties) -> GeffMetadata:
    from geff_spec import Axis, GeffMetadata, PropMetadata

    time: dict[str, Any] = {}
    if content.interval_s is not None and content.seconds is not None:
        start = float(content.seconds[0])
        time = {"scale": content.interval_s, "scaled_unit": "second", "offset": start}
    space: dict[str, Any] = {}
    if content.pixel_size_nm is not None:
        space = {"scale": content.pixel_size_nm, "scaled_unit": "nanometer"}
    axes = [Axis(name="t", type="time", unit="frame", **time)]
    axes += [Axis(name=name, type="space", unit="pixel", **space) for name in "yx"]
    edges = {
        k.name: PropMetadata(identifier=k.name, dtype="bool", description=f"is a {k.name}") for k in _EVENTS
    }
    return GeffMetadata(
        directed=True,
        axes=axes,
        node_props_metadata=_describe_nodes(nodes),
        edge_props_metadata=edges,
        track_node_props={"tracklet": "tracklet_id", "lineage": "lineage_id"},
        extra={"temtrack": {"name": content.source.name, **content.facts}},
    )


def _describe_nodes(nodes: Properties) -> dict[str, PropMetadata]:
    """Return unit and meaning of each property, as the tables state them."""
    from geff_spec import PropMetadata

    columns = [one for column in PARTICLES.columns for one in (column, column.twin) if one is not None]
    told = {column.name: (column.unit, column.meaning) for column in columns}
    told |= {axis: told[column] for axis, column in _AXES.items()}
    told["tracklet_id"] = ("", "the same along a path without merge or split")
    told["lineage_id"] = ("", "the same for all particles that merges and splits join")
    return {
        name: PropMetadata(
            identifier=name,
            dtype=str(values["values"].dtype),
            unit=told[name][0] or None,
            description=told[name][1],
        )
        for name, values in nodes.items()
    }


EXPORTER = Exporter(_write, contents=r"nodes|edges|zarr\.json|\.zgroup|\.zattrs|\.zmetadata")
