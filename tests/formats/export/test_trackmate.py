import xml.etree.ElementTree as ET

import geff
import numpy as np
import pytest
from export_scene import CHILD, HEIGHT, N_FRAMES, N_NODES, PARENTS, WIDTH, draw_frame
from geff.convert import from_trackmate_xml_to_geff
from skimage.draw import polygon

from temtrack.formats.export.trackmate import EXPORTER


@pytest.fixture
def read(tmp_path):
    """Read the XML with geff's reader of TrackMate files."""

    def read(path):
        from_trackmate_xml_to_geff(path, tmp_path / f"{path.stem}.geff")
        return geff.read(tmp_path / f"{path.stem}.geff")

    return read


def parents_of(graph):
    """Return by child the parents, in ids of the masks; a particle's own next mask is none."""
    ids = {node: data["PARTICLE_ID"] for node, data in graph.nodes(data=True)}
    found = {}
    for source, target in graph.edges:
        if ids[source] != ids[target]:
            found.setdefault(ids[target], set()).add(ids[source])
    return found


def test_all_parents_and_children_come_back(write, read, scene):
    graph, metadata = read(write("trackmate", scene, "t.xml"))
    assert len(graph) == N_NODES
    assert parents_of(graph) == PARENTS
    assert {graph.nodes[n]["name"] for n in graph if graph.nodes[n]["PARTICLE_ID"] == CHILD} == {str(CHILD)}
    assert {axis.unit for axis in metadata.axes} == {"pixel", "frame"}


def test_tracks_are_what_events_join(write, read, scene):
    graph, _ = read(write("trackmate", scene, "t.xml"))
    joined = {}
    for _, data in graph.nodes(data=True):
        joined.setdefault(data["TRACK_ID"], set()).add(data["PARTICLE_ID"])
    assert sorted(joined.values(), key=min) == [{1, 2, 3, CHILD}, {4, 6, 7}, {5}, {8, 9}, {10}]


@pytest.mark.filterwarnings("ignore:.*not in valid OME-Zarr units")  # it would have nm spelt out
def test_lengths_and_times_are_physical_where_known(write, read, scaled):
    graph, metadata = read(write("trackmate", scaled, "t.xml"))
    assert [axis.unit for axis in metadata.axes] == ["nm", "nm", "nm", "s"]
    spot = next(d for _, d in graph.nodes(data=True) if d["PARTICLE_ID"] == 4 and d["FRAME"] == 3)
    assert (spot["POSITION_Y"], spot["POSITION_X"], spot["POSITION_T"]) == (11.75, 2.75, 6.0)
    assert spot["AREA"] == 64 * 0.25
    assert spot["RADIUS"] == pytest.approx(4 / np.sqrt(np.pi))
    image = ET.parse(scaled.source.parent / "t.xml").find("Settings/ImageData").attrib
    assert (image["width"], image["height"], image["nframes"]) == (str(WIDTH), str(HEIGHT), str(N_FRAMES))
    assert (float(image["pixelwidth"]), float(image["timeinterval"])) == (0.5, 2.0)


def test_outlines_cover_the_masks(write, scene):
    root = ET.parse(write("trackmate", scene, "t.xml"))
    for spot in root.findall("Model/AllSpots/SpotsInFrame[@frame='8']/Spot"):
        points = np.array(spot.text.split(), float).reshape(-1, 2)
        assert len(points) == int(spot.get("ROI_N_POINTS"))
        x, y = (points + np.array([spot.get("POSITION_X"), spot.get("POSITION_Y")], float)).T
        drawn = np.zeros((HEIGHT, WIDTH), bool)
        drawn[polygon(y, x, drawn.shape)] = True
        assert np.array_equal(drawn, draw_frame(8) == int(spot.get("name")))


def test_it_has_all_that_trackmate_asks_for(write, empty):
    root = ET.parse(write("trackmate", empty, "t.xml")).getroot()
    assert root.tag == "TrackMate"
    assert [part.tag for part in root] == ["Log", "Model", "Settings", "GUIState", "DisplaySettings"]
    assert [part.tag for part in root.find("Model")] == [
        "FeatureDeclarations",
        "AllSpots",
        "AllTracks",
        "FilteredTracks",
    ]
    settings = {part.tag for part in root.find("Settings")}
    assert {"ImageData", "InitialSpotFilter", "SpotFilterCollection", "TrackFilterCollection"} <= settings
    assert [frame.get("frame") for frame in root.find("Model/AllSpots")] == ["0", "1", "2"]


def test_a_kept_id_has_all_parents(write, read, kept_id):
    assert parents_of(read(write("trackmate", kept_id, "t.xml"))[0]) == {2: {1, 3}}


@pytest.mark.filterwarnings("ignore:.*not in valid OME-Zarr units")
def test_uneven_times_stand_at_the_spots_and_are_told(write, read, uneven, scaled):
    graph, _ = read(write("trackmate", uneven, "t.xml"))
    assert {d["POSITION_T"] for _, d in graph.nodes(data=True) if d["FRAME"] == 11} == {15.0}
    assert "POSITION_T" in EXPORTER.describe_losses(uneven)[0]
    assert EXPORTER.describe_losses(scaled) == []
