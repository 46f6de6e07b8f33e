import json

import pytest

from temtrack import registry
from temtrack.registry import ModelSpec, write_run_spec


def test_nothing_asked_lists_the_models(run):
    bare = run("models")
    assert bare.exit_code == 0
    assert bare.stderr == ""
    assert bare.stdout == run("models", "list").stdout
    rows = json.loads(run("models", "list", "--json").stdout)
    shown = {row["model"]: (row["network"], row["parameters"], row["licence"], row["source"]) for row in rows}
    assert shown["otsu"] == ("otsu", 0, "BSD-3-Clause", "Otsu 1979, doi:10.1109/TSMC.1979.4310076")
    assert [row["note"] for row in rows if row["model"] == "otsu"] == [
        "classical baseline: Gaussian, Otsu, watershed"
    ]
    assert shown["effsam-tiny"] == ("effsam-tiny", 10_223_204, "BSD-3-Clause", "embedded")


def test_show_tells_where_a_model_or_a_run_comes_from(run, tmp_path):
    shown = json.loads(run("models", "show", "effsam-tiny", "--json").stdout)
    assert shown["weights"].endswith("effsam-tiny.safetensors")
    assert shown["sha256"] in run("models", "show", "effsam-tiny").stdout
    write_run_spec(tmp_path, "effsam-tiny", "temtrack train films")
    assert json.loads(run("models", "show", tmp_path, "--json").stdout)["command"] == "temtrack train films"


def test_a_model_without_weights_says_so(run):
    assert json.loads(run("models", "show", "otsu", "--json").stdout)["weights"] is None
    assert "Gaussian" in run("models", "show", "otsu").stdout


def test_verify_tells_that_all_are_whole(run):
    whole = {row["model"]: row["whole"] for row in json.loads(run("models", "verify", "--json").stdout)}
    assert whole["effsam-tiny"]
    assert all(whole.values())
    assert "otsu" not in whole


@pytest.mark.parametrize(
    ("words", "exit_code", "reason"),
    [
        (["show", "effsam-tny"], 1, "Did you mean 'effsam-tiny'"),
        (["show"], 2, "Missing argument"),
        (["bogus"], 2, "No such command 'bogus'"),
    ],
)
def test_wrong_use_ends_in_one_line(run, words, exit_code, reason):
    result = run("models", *words)
    assert result.exit_code == exit_code
    assert result.stdout == ""
    assert result.stderr.startswith("temtrack: error: ")
    assert result.stderr.count("\n") == 1
    assert reason in result.stderr


def test_damaged_weights_fail_the_verification(run, tmp_path, monkeypatch):
    (tmp_path / "w").write_bytes(b"other")
    spec = ModelSpec("small", "effsam-tiny", tmp_path / "w", "0" * 64, {})
    monkeypatch.setattr(registry, "read_registry", lambda: {"small": spec})
    result = run("models", "verify")
    assert result.exit_code == 1
    assert "weights of 'small' are damaged" in result.stderr
