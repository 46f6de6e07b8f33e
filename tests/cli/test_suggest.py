"""The command names frames to label."""

import json

import numpy as np
import tifffile
from review_scene import MASKS


def test_the_command_names_frames(run, tmp_path):
    tifffile.imwrite(tmp_path / "film.tif", np.where(MASKS > 0, 60, 180).astype(np.uint8))
    result = run("suggest", tmp_path / "film.tif", "--n", 3, "--model", "otsu", "--json")
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)
    assert [row["rank"] for row in rows] == [1, 2, 3]
    assert len({row["frame"] for row in rows}) == 3
