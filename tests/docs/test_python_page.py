"""The code on the page about Python runs as written, one block after the other."""

import re
from pathlib import Path

import numpy as np
import pytest

from temtrack.formats.store.tiff_stack import write_movie
from temtrack.simulation.config import MovieConfig
from temtrack.simulation.movie import simulate_movie

PAGE = (Path(__file__).parents[2] / "docs" / "python.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def test_the_page_runs_as_written(tmp_path, monkeypatch, capsys):
    config = MovieConfig(
        n_frames=30,
        height=192,
        width=192,
        n_particles=8,
        radius_px=10,
        merges={2: 1},
        n_dissolutions=0,
        n_crossings=0,
        n_touches=0,
    )
    write_movie(tmp_path / "movie.tif", simulate_movie(0, config).to_movie().calibrated(0.5, 0.1))
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in BLOCKS:
        exec(compile(block, "docs/python.md", "exec"), names)
    shown = capsys.readouterr().out
    assert "30 192 192 uint8" in shown
    assert len(names["run"].lineage.merges) == 1
    assert np.unique(names["labels"]).size > 5


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`temtrack\.(\w+)\(", PAGE)) | {"Segmenter"}))
def test_what_it_names_is_there(name):
    import temtrack

    assert name in temtrack.__all__
