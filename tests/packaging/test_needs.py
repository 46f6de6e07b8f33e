import pytest
from needs import miss, need_module


@pytest.mark.parametrize("value", ["", "0", "false"])
def test_what_is_missing_is_skipped_outside_ci(monkeypatch, value):
    monkeypatch.setenv("CI", value)
    with pytest.raises(pytest.skip.Exception, match="no Chromium"):
        miss("no Chromium")
    with pytest.raises(pytest.skip.Exception, match="no_such_module"):
        need_module("no_such_module")


def test_what_is_missing_fails_in_ci(monkeypatch):
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no Chromium"):
        miss("no Chromium")
    with pytest.raises(pytest.fail.Exception, match="no_such_module"):
        need_module("no_such_module")


def test_what_is_there_is_imported():
    assert need_module("json").loads("1") == 1
