import runpy
from pathlib import Path

import matplotlib

EXAMPLES = Path(__file__).parent.parent / "examples"


def test_the_notebook_runs_and_finds_the_merge(monkeypatch, capsys):
    matplotlib.use("Agg")
    monkeypatch.setattr("matplotlib.pyplot.show", lambda: None)
    told = runpy.run_path(str(EXAMPLES / "movie_to_kinetics.py"))
    (true,), (found,) = told["simulated"].lineage.merges, told["tracked"].lineage.merges
    assert abs(found.frame - true.frame) <= 1
    assert len(found.parents) == 2
    rows = told["kinetics"].set_index("quantity")
    mean = rows.loc["mean_diameter"].iloc[0]
    assert mean["low"] < 9.0 < mean["high"]  # 9 px of radius at 0.5 nm
    assert f"frame {found.frame}: " in capsys.readouterr().out
    matplotlib.pyplot.close("all")
