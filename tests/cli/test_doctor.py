import json

import pytest

from temtrack.cli import doctor as module
from temtrack.cli.doctor import Finding


def look_at_nothing():
    yield Finding("air", "is there")


def _broken_thing():
    raise ImportError("no such\nlibrary")
    yield


def test_this_installation_is_well(run, monkeypatch):
    quick = [look for look in module._LOOKS if look is not module._self_test]
    monkeypatch.setattr(module, "_LOOKS", quick)
    result = run("doctor", "--json")
    assert result.exit_code == 0, result.stderr
    found = {row["what"]: row for row in json.loads(result.stdout)}
    assert {"temtrack", "torch", "device", "weights of effsam-tiny", "cache", "video codecs"} <= found.keys()
    assert all(row["ok"] for row in found.values())


def test_what_is_broken_is_a_finding_and_the_rest_is_looked_at(run, monkeypatch):
    monkeypatch.setattr(module, "_LOOKS", (_broken_thing, look_at_nothing))
    result = run("doctor", "--json")
    assert result.exit_code == 1
    broken, air = json.loads(result.stdout)
    assert broken == {"what": "broken thing", "found": "ImportError: no such library", "ok": False}
    assert air["ok"]
    assert "not as it should be: broken thing" in result.stderr


def test_damaged_weights_are_named(run, monkeypatch, tmp_path):
    from temtrack.models import registry

    monkeypatch.setattr(registry, "PACKAGE", tmp_path)
    (tmp_path / "models.toml").write_text(
        '[net]\narchitecture = "effsam-tiny"\nfile = "net.safetensors"\nsha256 = "00"\n'
    )
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "net.safetensors").write_text("other")
    monkeypatch.setattr(module, "_LOOKS", (module._weights,))
    result = run("doctor")
    assert result.exit_code == 1
    assert "weights of net" in result.stdout
    assert "damaged" in result.stdout


@pytest.mark.slow
def test_the_self_test_finds_its_merge():
    (finding,) = module._self_test()
    assert finding.ok, finding.found
