"""The code on the page about Python runs as written, one block after the other."""

import re
import shutil
from pathlib import Path

import pytest

import temtrack
from temtrack.demo import MOVIE

PAGE = (Path(__file__).parents[2] / "docs" / "python.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


@pytest.mark.slow
def test_the_page_runs_as_written(tmp_path, monkeypatch, capsys):
    (tmp_path / "demo").mkdir()
    shutil.copy(MOVIE, tmp_path / "demo")
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in BLOCKS:
        exec(compile(block, "docs/python.md", "exec"), names)
    shown = capsys.readouterr().out
    assert "60 384 384 uint8" in shown
    assert "27 particles" in shown
    assert [len(merge.parents) for merge in names["run"].lineage.merges] == [2, 2]
    assert 12 < names["particles"]["equivalent_diameter_nm"].mean() < 16


@pytest.mark.parametrize("name", sorted({"Segmenter", *re.findall(r"`temtrack\.(\w+)\(", PAGE)}))
def test_what_it_names_is_there(name):
    assert name in temtrack.__all__
