import io
from pathlib import Path

import pytest

from temtrack.cli.inputs import gather, parse_shard, tell_apart
from temtrack.errors import InputError, UsageError

FILMS = [f"film{number}.mp4" for number in (10, 2, 1, 3)]


def paths(inputs):
    return [str(job.source) for job in inputs.jobs]


def test_inputs_stand_in_natural_order_and_once():
    inputs = gather([*FILMS, "film2.mp4"])
    assert paths(inputs) == ["film1.mp4", "film2.mp4", "film3.mp4", "film10.mp4"]
    assert [job.index for job in inputs.jobs] == [2, 1, 3, 0]
    assert (inputs.n_given, inputs.many) == (4, True)
    assert not gather(FILMS[:1]).many


def test_shards_share_out_all_inputs_whatever_their_order():
    shards = [gather(words, parse_shard(f"{k}/3")) for k, words in ((1, FILMS), (2, FILMS[::-1]), (3, FILMS))]
    assert [paths(shard) for shard in shards] == [["film1.mp4", "film10.mp4"], ["film2.mp4"], ["film3.mp4"]]
    assert gather(FILMS[:1], parse_shard("1/1")).many


def give_stdin(monkeypatch, content):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))


@pytest.mark.parametrize("content", [b"b.tif\na.tif\n\n", b"b.tif\0a.tif\0", b"b.tif\r\na.tif"])
def test_a_list_on_stdin_is_many(monkeypatch, content):
    give_stdin(monkeypatch, content)
    inputs = gather(["-"])
    assert paths(inputs) == ["a.tif", "b.tif"]
    assert inputs.many


def test_an_empty_list_is_told(monkeypatch):
    give_stdin(monkeypatch, b"\n")
    with pytest.raises(InputError, match="list on stdin is empty"):
        gather(["-"])


def test_a_name_in_another_encoding_is_a_name(monkeypatch):
    give_stdin(monkeypatch, b"caf\xe9.tif\n")
    assert gather(["-"]).jobs[0].source == Path("caf\udce9.tif")


@pytest.mark.parametrize(
    "content", [b"II*\0\x08\0\0\0" + bytes(100), b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\x01"]
)
def test_an_image_on_stdin_is_no_list(monkeypatch, content):
    give_stdin(monkeypatch, content)
    with pytest.raises(InputError, match="list of paths there, one a line, not for an image or movie"):
        gather(["-"])


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (["a/film.mp4", "b/film.mp4", "c.mp4"], ["a_film", "b_film", "c"]),
        (["film.mp4", "film.avi"], ["film_mp4", "film_avi"]),
        (["a/1/f.tif", "b/1/f.tif"], ["a_1_f", "b_1_f"]),
        (["a/f.tif", "f.tif", "f.png"], ["a_f_tif", "f_tif", "f_png"]),
        (["a/Film.tif", "b/film.tif"], ["a_Film", "b_film"]),
        (["run.1.tif", "run.2.tif"], ["run.1", "run.2"]),
    ],
)
def test_equal_stems_are_told_apart(given, names):
    assert tell_apart([Path(path) for path in given]) == names


def test_names_that_stay_equal_are_refused():
    with pytest.raises(UsageError, match="would be called a_f"):
        tell_apart([Path(path) for path in ("a/f.tif", "b/f.tif", "a_f.tif")])


def test_batch_jsonl_among_results_is_no_input():
    assert paths(gather(["out/batch.jsonl", "out/a"])) == ["out/a"]


@pytest.mark.parametrize("text", ["0/3", "4/3", "3", "a/b", "1/0", "-1/3"])
def test_other_shards_are_refused(text):
    with pytest.raises(UsageError, match="--shard"):
        parse_shard(text)
