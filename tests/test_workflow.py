import json
from dataclasses import replace
from shutil import copytree

import numpy as np
import pyarrow.parquet as pq
import pytest

from temtrack.analysis.folder import open_masks_folder
from temtrack.errors import InputError
from temtrack.formats import read_movie
from temtrack.formats.lineage_files import read_lineage
from temtrack.formats.masks import mask_name, write_mask
from temtrack.formats.tiff_writer import write_movie
from temtrack.linking import LinkingConfig
from temtrack.simulation.config import MovieConfig
from temtrack.simulation.movie import simulate_movie
from temtrack.workflow import Segmentation, analyze_into, segmentation_by_masks, track_into

CONFIG = MovieConfig(n_frames=30, height=128, width=160, n_particles=6, radius_px=10.0, merges={2: 1})
COMMAND = "temtrack track film.tif"


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """A folder with ``film.tif`` and, in ``true``, its masks; and the movie that it was made from."""
    folder, movie = tmp_path_factory.mktemp("simulated"), simulate_movie(3, CONFIG)
    (folder / "true").mkdir()
    write_movie(folder / "film.tif", movie.to_movie().calibrated(0.5, 2.0))
    for t in range(len(movie)):
        write_mask(folder / "true" / mask_name(t), movie.labels(t))
    return folder, movie


def run(source, masks, out):
    """Track and analyse with the masks in place of a model; return tables and the tracking report."""
    out.mkdir(exist_ok=True)
    movie = read_movie(source)
    segmentation = segmentation_by_masks(masks, movie)
    report = track_into(out, movie, segmentation, LinkingConfig(), COMMAND, iter)
    folder = open_masks_folder(out)
    calibration = folder.calibrated(None, None, movie)
    return analyze_into(out, folder, movie, calibration, True, "temtrack analyze", iter), report


@pytest.fixture
def finished(simulated, tmp_path):
    """A folder of its own with a finished run."""
    folder, _ = simulated
    if not (folder / "out").exists():
        run(folder / "film.tif", folder / "true", folder / "out")
    return copytree(folder / "out", tmp_path / "out")


def test_from_masks_to_the_merge_table(simulated, tmp_path):
    folder, movie = simulated
    tables, report = run(folder / "film.tif", folder / "true", tmp_path)
    (merge,), (true,) = tables.merges.to_pylist(), movie.lineage.merges
    assert abs(merge["frame"] - true.frame) <= 1
    assert merge["time_s"] == 2.0 * merge["frame"]
    assert merge["n_parents"] == 2
    assert (merge["y_nm"], merge["x_nm"]) == pytest.approx((true.y_px / 2, true.x_px / 2), abs=2)
    assert report.lineage == read_lineage(tmp_path / "lineage.json")
    assert report.n_masks == tables.particles.num_rows
    names = {"lineage.json", "res_track.txt", "run.json", *(mask_name(t) for t in range(30))}
    names |= {f"{name}.parquet" for name in ("particles", "tracks", "frames", "merges")}
    assert {path.name for path in tmp_path.iterdir()} == names
    facts = pq.read_schema(tmp_path / "merges.parquet").metadata
    assert facts[b"command"] == b"temtrack analyze"
    assert facts[b"movie_sha256"].decode() == json.loads((tmp_path / "run.json").read_text())["movie_sha256"]


def test_the_run_is_told_beside_its_masks(finished):
    facts = json.loads((finished / "run.json").read_text())
    assert facts["command"] == COMMAND
    assert (facts["n_frames"], facts["pixel_size_nm"]) == (30, pytest.approx(0.5))
    assert facts["frame_times_s"] == pytest.approx([2.0 * t for t in range(30)])
    assert facts["parameters"]["propagator"] == "overlap"
    assert facts["quality"] == ["good"] * 30
    assert len(facts["contrast"]) == len(facts["sharpness"]) == 30
    assert len(facts["masks_sha256"]) == 64


def test_a_shorter_second_run_leaves_nothing_of_the_first(simulated, finished, tmp_path):
    _, movie = simulated
    (finished / "notes.txt").write_text("mine")
    short = replace(movie.to_movie(), n_frames=5)
    write_movie(tmp_path / "short.tif", short)
    segmentation = Segmentation(lambda image: (image < 100).astype(np.int32), {})
    track_into(finished, read_movie(tmp_path / "short.tif"), segmentation, LinkingConfig(), COMMAND, iter)
    left = {"lineage.json", "res_track.txt", "run.json", "notes.txt", *(mask_name(t) for t in range(5))}
    assert {path.name for path in finished.iterdir()} == left
    assert len(json.loads((finished / "run.json").read_text())["quality"]) == 5


def test_a_run_that_breaks_leaves_no_record_of_an_earlier_one(simulated, finished):
    folder, _ = simulated

    def fail(image):
        raise InputError("this frame is damaged")

    with pytest.raises(InputError, match="damaged"):
        track_into(
            finished, read_movie(folder / "film.tif"), Segmentation(fail, {}), LinkingConfig(), COMMAND, iter
        )
    assert list(finished.iterdir()) == []


def test_without_merges_no_merge_table_of_an_earlier_analysis_remains(finished):
    opened = open_masks_folder(finished)
    tables = analyze_into(finished, opened, None, opened.calibration, False, "temtrack analyze", iter)
    assert tables.merges is None
    assert not (finished / "merges.parquet").exists()


def test_masks_of_another_movie_are_refused(simulated, tmp_path):
    folder, _ = simulated
    write_mask(tmp_path / mask_name(0), np.zeros((9, 9), np.uint16))
    with pytest.raises(InputError, match=r"1 masks of 9x9 px, but .*film\.tif 30 frames of 128x160"):
        segmentation_by_masks(tmp_path, read_movie(folder / "film.tif"))
