"""The command shows the page's address, and says what it lacks."""

import pytest
from needs import need_module
from review_scene import write_scene


@pytest.fixture
def masks(tmp_path):
    return write_scene(tmp_path / "masks")


def test_it_shows_the_address_and_ends_quietly(run, masks, monkeypatch):
    uvicorn = need_module("uvicorn")

    def interrupted(server, sockets):
        assert sockets[0].getsockname()[0] == "127.0.0.1"
        raise KeyboardInterrupt

    monkeypatch.setattr(uvicorn.Server, "run", interrupted)
    result = run("review", masks)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("http://127.0.0.1:")
    assert "corrections are saved as they are made" in result.stderr


def test_without_its_packages_it_names_the_extra(run, masks, monkeypatch):
    monkeypatch.setattr("temtrack.pipeline.review.find_spec", lambda name: None)
    result = run("review", masks)
    assert result.exit_code == 2
    assert "pip install 'temtrack[review]'" in result.stderr


def test_a_damaged_log_is_one_line(run, masks):
    (masks / "corrections.jsonl").write_text('{"format": "other"}\n')
    result = run("review", masks)
    assert result.exit_code == 1
    assert "line 1 is not the head" in result.stderr
