"""A piece of a movie, from ``track --frames`` to the tables."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import tifffile
from cases import CASES

from temtrack.formats.store.masks import mask_name, read_masks, write_mask

CASE = next(c for c in CASES if c.name == "two fuse")


@pytest.fixture
def film(tmp_path):
    """A movie with a frame every 2 s, grey 50 + t in frame t, beside ``segmented/`` with its masks."""
    (tmp_path / "segmented").mkdir()
    for t, labels in enumerate(CASE.truth):
        write_mask(tmp_path / "segmented" / mask_name(t), labels)
    frames = np.array([np.where(labels > 0, 50 + t, 200) for t, labels in enumerate(CASE.truth)])
    facts = {"axes": "TYX", "finterval": 2.0}
    tifffile.imwrite(tmp_path / "film.tif", frames.astype(np.uint8), imagej=True, metadata=facts)
    return tmp_path / "film.tif"


def track(run, film, *words):
    out = film.parent / "out"
    result = run("track", film, "--tracker", "overlap", "-o", out, *words)
    assert result.exit_code == 0, result.output
    return out


@pytest.mark.parametrize("masks_of", ["whole", "piece"])
def test_frames_count_from_the_piece_and_keep_their_times(run, film, masks_of):
    segmented = film.parent / "segmented"
    if masks_of == "piece":
        segmented = film.parent / "own"
        segmented.mkdir()
        for new, t in enumerate(range(4, 14, 2)):
            write_mask(segmented / mask_name(new), CASE.truth[t])
    out = track(run, film, "--masks", segmented, "--frames", "4:14:2")
    assert json.loads((out / "run.json").read_text())["frames"]["frame_range"] == [4, 14, 2]
    written = read_masks(out)
    assert len(written) == 5
    assert ((written[4] > 0) == (CASE.truth[12] > 0)).all()
    assert pq.read_table(out / "drift.parquet")["time_s"].to_pylist() == [8, 12, 16, 20, 24]
    assert run("analyze", out, "--merges", "--movie", film).exit_code == 0
    frames = pq.read_table(out / "frames.parquet").to_pydict()
    assert frames["frame"] == [0, 1, 2, 3, 4]
    assert frames["time_s"] == [8, 12, 16, 20, 24]
    (merge,) = pq.read_table(out / "merges.parquet").to_pylist()
    assert (merge["frame"], merge["time_s"]) == (3, 20)
    particles = pq.read_table(out / "particles.parquet").to_pydict()
    grey = dict(zip(particles["frame"], particles["mean_intensity"], strict=True))
    assert grey == {0: 54, 1: 56, 2: 58, 3: 60, 4: 62}  # of the movie's own frames


def test_a_frame_time_given_later_counts_from_the_movies_start(run, film):
    out = track(run, film, "--masks", film.parent / "segmented", "--frames", "10:12")
    assert run("analyze", out, "--frame-time", "3s").exit_code == 0
    assert pq.read_table(out / "frames.parquet")["time_s"].to_pylist() == [30, 33]


def test_a_piece_without_frames_is_refused(run, film):
    result = run("track", film, "--frames", "100:", "-o", film.parent / "out", "--tracker", "overlap")
    assert result.exit_code == 1
    assert "film.tif: --frames 100: holds none of its 26 frames, which are 0 to 25" in result.stderr


@pytest.mark.parametrize("frames", [[0, 9, 1], [0, 30, -1], "x", [1, 2, 3, 4]])
def test_a_damaged_piece_in_the_record_is_told(run, film, frames):
    out = track(run, film, "--masks", film.parent / "segmented", "--frames", "10:12")
    facts = json.loads((out / "run.json").read_text())
    (out / "run.json").write_text(json.dumps({**facts, "frames": facts["frames"] | {"frame_range": frames}}))
    result = run("analyze", out)
    assert result.exit_code == 1
    assert "run.json: 'frame_range' is damaged" in result.stderr
