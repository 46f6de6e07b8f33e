import json

import pytest

from temtrack.models import registry
from temtrack.models.registry import ModelSpec, write_run_spec


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


def checkpoint_of(architecture, path):
    """Write what another program would have saved of a network, and return its checksum."""
    import torch

    from temtrack.models.catalog import find_architecture

    torch.save({"state_dict": find_architecture(architecture).build().state_dict()}, path)
    return registry.sha256_of(path)


@pytest.fixture
def net(tmp_path, monkeypatch):
    """An address, its checksum, and the folder that holds the file already."""
    monkeypatch.setenv("TEMTRACK_CACHE", str(tmp_path / "cache"))
    (tmp_path / "usb").mkdir()
    sha256 = checkpoint_of("vmamba", tmp_path / "usb" / "net.pth")
    return "https://example.org/net.pth", sha256, tmp_path / "usb"


def test_a_model_is_downloaded_from_a_folder_and_is_one_from_then_on(run, net):
    url, sha256, usb = net
    words = [
        "download",
        "mine",
        "--url",
        url,
        "--sha256",
        sha256.upper(),
        "--network",
        "vmamba",
        "--from-dir",
        usb,
    ]
    first = run("models", *words, "--json")
    assert first.exit_code == 0, first.stderr
    (row,) = json.loads(first.stdout)
    assert (row["model"], row["network"]) == ("mine", "vmamba")
    facts = json.loads(run("models", "show", "mine", "--json").stdout)
    assert (facts["source"], facts["source_sha256"]) == (url, sha256)
    (usb / "net.pth").unlink()
    assert run("models", *words, "--json").stdout == first.stdout  # it is there: nothing is needed


def test_a_wrong_checksum_keeps_the_model_that_was_there(run, net, tmp_path):
    url, sha256, usb = net
    words = ["--url", url, "--network", "vmamba", "--from-dir", usb]
    weights = json.loads(run("models", "download", "mine", *words, "--sha256", sha256, "--json").stdout)[0][
        "weights"
    ]
    other = run("models", "download", "mine", *words, "--sha256", "0" * 64, "--force")
    assert other.exit_code == 1
    assert "is not the file that was asked for" in other.stderr
    assert json.loads(run("models", "show", "mine", "--json").stdout)["weights"] == weights
    assert run("models", "verify").exit_code == 0


def test_a_checkpoint_that_holds_code_is_never_run(run, net, tmp_path):
    import pickle

    url, _, usb = net
    mark = tmp_path / "mark"

    class Evil:
        def __reduce__(self):
            return (open, (str(mark), "w"))

    (usb / "net.pth").write_bytes(pickle.dumps({"state_dict": Evil()}))
    sha256 = registry.sha256_of(usb / "net.pth")
    words = ["--url", url, "--sha256", sha256, "--network", "vmamba", "--from-dir", usb]
    result = run("models", "download", "mine", *words)
    assert result.exit_code == 1
    assert "could run code" in result.stderr
    assert not mark.exists()
    assert run("models", "show", "mine").exit_code == 1


def test_a_registered_model_with_an_address_is_here_once_it_was_downloaded(run, net, tmp_path, monkeypatch):
    url, sha256, usb = net
    entry = f'[far]\narchitecture = "vmamba"\nurl = "{url}"\nsha256 = "{sha256}"\n'
    (tmp_path / "models.toml").write_text(entry)
    monkeypatch.setattr(registry, "PACKAGE", tmp_path)
    early = run("segment", usb / "net.pth", "--model", "far")
    assert (early.exit_code, "fetch it once: temtrack models download far" in early.stderr) == (1, True)
    assert run("models", "download", "far", "--from-dir", usb).exit_code == 0
    assert json.loads(run("models", "verify", "--json").stdout)[0]["model"] == "far"


def test_an_embedded_model_needs_no_download(run):
    (row,) = json.loads(run("models", "download", "effsam-tiny", "--json").stdout)
    assert row["weights"].endswith("effsam-tiny.safetensors")


@pytest.mark.parametrize(
    ("words", "exit_code", "reason"),
    [
        (["mine", "--url", "https://example.org/net.pth"], 2, "go together"),
        (["mine", "--url", "https://example.org/net.pth", "--sha256", "abc"], 2, "64 hexadecimal digits"),
        (["mine"], 1, "unknown model 'mine'"),
        (["mine", "--url", "https://example.org/n", "--sha256", "0" * 64], 1, "unknown network 'mine'"),
        (["otsu", "--url", "https://example.org/n", "--sha256", "0" * 64], 1, "'otsu' is no network"),
        (
            ["mine", "--network", "vmamba", "--url", "http://example.org/n", "--sha256", "0" * 64],
            2,
            "is no https address",
        ),
    ],
)
def test_what_cannot_be_downloaded_is_told(run, tmp_path, monkeypatch, words, exit_code, reason):
    monkeypatch.setenv("TEMTRACK_CACHE", str(tmp_path / "cache"))
    result = run("models", "download", *words)
    assert (result.exit_code, result.stderr.count("\n")) == (exit_code, 1)
    assert reason in result.stderr
    assert not (tmp_path / "cache").exists()


def test_export_overwrites_nothing_and_refuses_what_predicts_no_maps(run, tmp_path):
    there = tmp_path / "net.onnx"
    there.write_bytes(b"mine")
    kept = run("models", "export", "effsam-tiny", "--to", "onnx", "-o", there)
    assert kept.exit_code == 1
    assert "exists already" in kept.stderr
    assert there.read_bytes() == b"mine"
    refused = run("models", "export", "otsu", "--to", "onnx", "-o", tmp_path / "new.onnx")
    assert refused.exit_code == 1
    assert "predicts no maps" in refused.stderr
