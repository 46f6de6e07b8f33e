"""The classical baseline through the commands that take a model."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tifffile
from skimage.draw import disk


@pytest.fixture
def movie(tmp_path):
    """Three frames of two dark discs that drift on a bright ground."""
    frames = np.full((3, 90, 120), 200.0, np.float32)
    for t, frame in enumerate(frames):
        frame[disk((40, 35 + t), 14)] = 60
        frame[disk((45, 85 + t), 12)] = 60
    frames += np.random.default_rng(0).normal(0, 25, frames.shape)
    tifffile.imwrite(tmp_path / "movie.tif", frames, photometric="minisblack")
    return tmp_path / "movie.tif"


def test_segment_and_track_take_it_as_a_model(run, movie, tmp_path):
    result = run("segment", movie, "--model", "otsu", "-o", tmp_path / "segmented", "--json")
    assert result.exit_code == 0, result.output
    for mask in sorted((tmp_path / "segmented/movie").glob("mask*.tif")):
        assert len(np.unique(tifffile.imread(mask))) == 3
    seen_at = json.loads((tmp_path / "segmented/movie/run.json").read_text())["found"]["rescale"]
    assert all(0.6 < scale < 10 for scale in (seen_at if isinstance(seen_at, list) else [seen_at]))
    tracked = run("track", movie, "--model", "otsu", "-o", tmp_path / "masks", "--json")
    assert tracked.exit_code == 0, tracked.output
    assert json.loads(tracked.stdout)["inputs"][0]["n_tracks"] == 2
    record = json.loads((tmp_path / "masks/run.json").read_text())
    assert record["models"]["model"] == {"name": "otsu", "sha256": None}
    assert 0.6 < record["found"]["rescale"] < 10


def test_prompts_are_refused_in_one_line(run, movie, tmp_path):
    (tmp_path / "points.csv").write_text("x,y\n35,40\n")
    result = run("segment", movie, "--model", "otsu", "--points", tmp_path / "points.csv")
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "takes no --points or --boxes; use one that does, as effsam-tiny" in result.stderr


def test_a_film_is_tracked_without_networks_and_without_torch(movie, tmp_path):
    """Importing it takes as long as tracking a small film."""
    words = ["track", str(movie), "--model", "otsu", "--tracker", "overlap", "-o", str(tmp_path / "masks")]
    program = f"""
import sys
from temtrack.cli.app import main
sys.argv = ["temtrack", *{words}]
try:
    main()
finally:
    assert "torch" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
