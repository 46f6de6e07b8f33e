import json
from functools import partial
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from temtrack.formats.readers import read_movie
from temtrack.pipeline.movie_segmentation import MovieSegmentation
from temtrack.pipeline.options import TrackOptions
from temtrack.simulation.movie import simulate_movie

EXAMPLE = Path(__file__).parents[2] / "examples" / "make_demo_movie.py"


@pytest.fixture(scope="module")
def truth():
    """The simulation that the embedded movie was made from."""
    spec = spec_from_file_location("make_demo_movie", EXAMPLE)
    example = module_from_spec(spec)
    spec.loader.exec_module(example)
    return simulate_movie(example.SEED, example.CONFIG)


@pytest.fixture
def true_segmentation(truth, monkeypatch):
    """The true masks in place of a model's, ids changed from frame to frame."""

    def of(segmenter, movie, options):
        frames = iter(range(len(truth)))

        def segment(image):
            t = next(frames)
            labels = truth.labels(t)
            return (labels > 0) * ((labels + 7 * t) % 97 + 1)

        return MovieSegmentation(segment)

    monkeypatch.setattr("temtrack.pipeline.tracking_plan.segmented_by_model", of)


def test_the_embedded_movie_is_small_and_is_that_of_the_simulation(truth):
    from temtrack.demo import FOLDER, LINEAGE, MOVIE
    from temtrack.formats.store.lineage import read_lineage

    movie = read_movie(MOVIE)
    assert (len(movie), movie.height, movie.width) == (60, 384, 384)
    assert sum(path.stat().st_size for path in FOLDER.iterdir() if path.is_file()) < 2e6
    assert read_lineage(LINEAGE).merges == truth.lineage.merges
    for t in (0, 59):
        assert abs(movie.read_frame(t).astype(float) - truth.frame(t)).mean() < 10


@pytest.fixture
def without_network(monkeypatch):
    """The tracker that needs none; with both networks the README's test tracks the movie."""
    overlap = partial(TrackOptions, tracker="overlap")
    monkeypatch.setattr("temtrack.cli.demo.TrackOptions", overlap)


@pytest.mark.slow
def test_its_three_merges_are_found_exactly_and_nothing_else(
    run, true_segmentation, without_network, tmp_path
):
    out = tmp_path / "demo"
    result = run("demo", "-o", out, "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    merges = told["merges"]
    assert len(merges) == 3
    assert all(merge["exact"] for merge in merges)
    assert sorted(len(merge["true_parents"]) for merge in merges) == [2, 2, 3]
    assert max(abs(merge["found_frame"] - merge["true_frame"]) for merge in merges) <= 1
    found, true = told["summary"]
    assert (found["merges"], found["merged"], found["dissolved"]) == (3, 7, 1)
    assert true["merges"] == 3
    assert {path.name for path in out.iterdir()} == {
        "sintering.mp4",
        "masks",
        "overlay.mp4",
        "merges.png",
        "report.html",
    }
    assert len(read_movie(out / "overlay.mp4")) == 60
    table = pq.read_table(out / "masks" / "merges.parquet")
    assert sorted(table["n_parents"].to_pylist()) == [2, 2, 3]
    assert table.schema.metadata[b"pixel_size_nm"] == b"0.5"


def test_a_folder_in_use_is_refused_before_any_work(run, tmp_path):
    (tmp_path / "notes.txt").touch()
    result = run("demo", "-o", tmp_path)
    assert result.exit_code == 1
    assert "--force" in result.stderr
