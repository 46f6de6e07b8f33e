import base64
import csv
import gzip
import io
import json
import re
from dataclasses import replace

import numpy as np
import page_scene
import pytest

from temtrack.errors import OutputError
from temtrack.report.page import tables as page_tables
from temtrack.report.page.build import render_page, write_page
from temtrack.report.page.contours import trace_contours


def parts_of(content):
    """Return the parts of a page by name: JSON, and plain text."""
    found = re.findall(r'<script type="([^"]+)" id="([\w-]+)">(.*?)</script>', content, re.DOTALL)
    return {name: json.loads(text) if kind.endswith("json") else text for kind, name, text in found}


@pytest.fixture(scope="module")
def content():
    return render_page([page_scene.make_source()])


@pytest.fixture(scope="module")
def parts(content):
    return parts_of(content)


def rows_of(parts, name):
    text = gzip.decompress(base64.b64decode(parts[f"csv-{name}"])).decode()
    return list(csv.DictReader(io.StringIO(text)))


def test_a_name_cannot_break_out_of_the_page(content, parts):
    assert "<script>alert" not in content
    assert content.count("<script") == len(parts) + 1
    assert parts["numbers"]["facts"]["input"] == page_scene.EVIL
    assert "&lt;/script&gt;&lt;script&gt;alert(1)" in content


def test_nothing_is_asked_of_the_network(content):
    assert "default-src 'none'" in content
    addresses = set(re.findall(r"https?://[^\s\"'<>]+", content)) - {"http://www.w3.org/2000/svg"}
    sources = " ".join(row["source"] for row in parts_of(content)["numbers"]["kinetics"])
    assert {one for one in addresses if one not in sources} == set()


def test_the_same_source_gives_the_same_bytes(content):
    assert render_page([page_scene.make_source()]) == content


def test_every_frame_has_a_picture_and_the_contours_of_its_masks(parts):
    assert parts["numbers"]["shown_frames"] == list(range(12))
    pictures = [name for name in parts if name.startswith("picture-")]
    assert pictures == [f"picture-{t}" for t in range(12)]
    assert base64.b64decode(parts["picture-0"])[8:12] == b"WEBP"
    packed = gzip.decompress(base64.b64decode(parts["contours"]["polylines"]))
    ids, areas, *_ = np.frombuffer(packed, "<i4").reshape(5, -1)
    n_first = parts["contours"]["n_polylines"][0]
    labels = page_scene.draw_masks()[0]
    assert ids[:n_first].tolist() == trace_contours(labels).polylines[:, 0].tolist()
    assert areas[:n_first].tolist() == [int((labels == one).sum()) for one in ids[:n_first]]


def test_numbers_are_those_of_the_tables(parts):
    numbers, series = parts["numbers"], parts["numbers"]["series"]
    assert numbers["seconds"][-1] == 22
    assert series["n_particles"] == [11] * 6 + [10] * 3 + [9] * 3
    assert series["n_merges"][6] == 1
    assert series["quality"][3] == "blurred"
    assert series["n_gap_filled"] == [0, 0, 0, 2] + [0] * 8
    assert series["temperature_c"][-1] == 655


def test_tables_come_as_csv_with_the_meaning_of_their_columns(parts):
    merge = rows_of(parts, "merges")[0]
    assert (merge["parent_ids"], merge["child_id"], merge["frame"], merge["time_s"]) == (
        "1 2",
        "3",
        "6",
        "12",
    )
    assert len(rows_of(parts, "particles")) == sum(parts["numbers"]["series"]["n_particles"])
    tables = {one["name"]: one for one in parts["numbers"]["tables"]}
    assert set(tables) == {"particles", "tracks", "frames", "merges", "kinetics"}
    (area,) = (one for one in tables["particles"]["columns"] if one["name"] == "area_nm2")
    assert area == {"name": "area_nm2", "unit": "nm2", "meaning": "projected area"}


def test_a_table_too_large_is_named_and_left_out(monkeypatch):
    monkeypatch.setattr(page_tables, "MAX_CELLS", 500)
    parts = parts_of(render_page([page_scene.make_source()]))
    assert "csv-particles" not in parts
    assert "csv-tracks" in parts
    told = {one["name"]: one["has_csv"] for one in parts["numbers"]["tables"]}
    assert (told["particles"], told["tracks"]) == (False, True)


def test_without_a_movie_the_masks_are_shown_and_the_page_says_so():
    parts = parts_of(render_page([page_scene.make_source(movie=None)]))
    assert "picture-0" not in parts
    assert len(parts["contours"]["n_polylines"]) == 12
    assert "--movie" in parts["numbers"]["notes"][0]


def test_without_scale_times_and_extras_nothing_is_made_up():
    source = page_scene.make_source(kinetics=None)
    run = replace(source.run, pixel_size_nm=None, seconds=None)
    bare = replace(source, run=run, frames=source.frames.drop(columns="temperature_c").assign(quality=None))
    numbers = parts_of(render_page([bare]))["numbers"]
    assert (numbers["unit"], numbers["pixel_size_nm"], numbers["seconds"]) == ("px", None, None)
    assert numbers["kinetics"] is None
    assert numbers["series"]["temperature_c"] is None
    assert numbers["series"]["quality"] is None


def test_a_drift_that_was_measured_counts_before_that_of_the_particles(parts):
    assert max(map(abs, parts["numbers"]["drift"]["y"])) < 0.2  # nothing moves down
    source = page_scene.make_source()
    known = source.frames[["frame"]].assign(y_px=np.arange(12) * 2.0, x_px=np.nan)
    numbers = parts_of(render_page([replace(source, drift=known)]))["numbers"]
    assert numbers["drift"]["y"] == list(range(12))  # 2 px of 0.5 nm
    assert numbers["drift"]["x"] == [None] * 12


def test_a_page_that_cannot_be_written_leaves_nothing(tmp_path):
    with pytest.raises(OutputError):
        write_page(tmp_path / "none" / "report.html", [page_scene.make_source()])
    assert list(tmp_path.iterdir()) == []
