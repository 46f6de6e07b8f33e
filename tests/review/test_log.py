"""The log loses nothing that counted as made, and refuses what is not its own."""

import json
from dataclasses import replace

import pytest
from review_scene import check, make_edited, make_run

from temtrack.errors import InputError, OutputError, TemtrackWarning
from temtrack.masks import Run, masks_of_arrays
from temtrack.provenance import Provenance, Source
from temtrack.review.corrections import LinkCut, Note, ParticleDeleted
from temtrack.review.kinds import KINDS
from temtrack.review.log import Entry, Log, Reversal, append, parse, read_log
from temtrack.review.outlines import ParticleOutlined
from temtrack.review.places import Place

HERE, NOWHERE = Place(5, 70.0, 20.0), Place(5, 2.0, 2.0)
RUN = make_run()


@pytest.fixture
def log(tmp_path):
    entries = [Entry.now(Note(f"{n}", n), author="ada") for n in range(3)]
    return append(Log(tmp_path / "corrections.jsonl"), entries, RUN)


def test_what_is_written_is_read(tmp_path):
    ring = ((0.0, 1.5), (3.0, 1.0), (2.0, 4.0))
    entries = [
        Entry.now(ParticleOutlined(3, (ring,), HERE), why="blurred", item="particle", author="ada"),
        Entry.now(Reversal("undo", "x"), author="bob"),
        Entry.now(ParticleDeleted(HERE, everywhere=True)),
    ]
    log = append(Log(tmp_path / "corrections.jsonl"), entries, RUN)
    assert read_log(log.path, RUN) == log
    assert log.entries[2].author
    assert log.entries[0].time.endswith("+00:00")


def test_a_missing_log_is_an_empty_one_unless_it_was_asked_for(tmp_path):
    assert read_log(tmp_path / "no.jsonl", RUN).entries == ()
    with pytest.raises(InputError, match="cannot be read"):
        read_log(tmp_path / "no.jsonl", RUN, must_exist=True)


@pytest.mark.parametrize("n_lost", [1, 7])
def test_a_torn_last_line_is_told_of_and_removed(log, n_lost):
    content = log.path.read_bytes()
    log.path.write_bytes(content[:-n_lost])
    with pytest.warns(TemtrackWarning, match="unfinished"):
        found = read_log(log.path, RUN)
    assert found.entries == log.entries[:2]
    with pytest.warns(TemtrackWarning, match="unfinished"):
        append(found, [Entry.now(Note("again", 1))], RUN)
    assert [e.done.text for e in read_log(log.path, RUN).entries] == ["0", "1", "again"]


def test_a_head_that_was_torn_is_written_anew(log):
    log.path.write_bytes(log.path.read_bytes()[:20])
    with pytest.warns(TemtrackWarning):
        log = append(read_log(log.path, RUN), [Entry.now(Note("first", 1))], RUN)
    assert len(read_log(log.path, RUN).entries) == 1


DAMAGES = {
    "no JSON": ("{nonsense", "line 3 is no JSON"),
    "no object": ("[1, 2]", "line 3 is no JSON object"),
    "an unknown kind": (
        '{"kind": "magic", "id": "a"}',
        "line 3 kind 'magic' is unknown; allowed are merge_acc",
    ),
    "no id": ('{"kind": "note", "text": "", "frame": 1}', "line 3 has no id"),
    "a missing field": ('{"kind": "note", "id": "a", "text": ""}', "line 3 note: frame: Field required"),
    "one too many": (
        '{"kind": "note", "id": "a", "text": "", "frame": 1, "x": 2}',
        "line 3 note: x: Unexpected",
    ),
    "no number": ('{"kind": "frame_excluded", "id": "a", "frame": NaN}', "line 3 frame_excluded: frame"),
    "bytes": ("\udcff", "line 3 is no JSON"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_line_is_refused_by_its_number(log, name):
    line, told = DAMAGES[name]
    lines = log.path.read_bytes().splitlines()
    lines[2] = line.encode("utf-8", "surrogateescape")
    log.path.write_bytes(b"\n".join(lines) + b"\n")
    with pytest.raises(InputError, match=told):
        read_log(log.path, RUN)


def test_another_file_is_refused(tmp_path):
    (tmp_path / "batch.jsonl").write_text('{"command": "track", "output": "a"}\n')
    with pytest.raises(InputError, match="line 1 is not the head of a temtrack-corrections file"):
        read_log(tmp_path / "batch.jsonl", RUN)


def test_the_log_of_another_movie_is_refused(tmp_path):
    def of(sha256):
        return replace(RUN, provenance=Provenance("track", "", {"movie": Source(f"{sha256}.tif", sha256)}))

    log = append(Log(tmp_path / "corrections.jsonl"), [Entry.now(Note("", 0))], of("aa"))
    assert read_log(log.path, of("aa")).entries
    assert read_log(log.path, RUN).entries  # which movie these masks are of is unknown
    with pytest.raises(InputError, match=r"tells of another movie, aa\.tif; the masks are of bb\.tif"):
        read_log(log.path, of("bb"))
    small = Run(masks_of_arrays(RUN.masks[0][:50, :50]))
    with pytest.raises(
        InputError, match=r"line 1 tells of frames of \[96, 120\] px, the masks have \[50, 50\]"
    ):
        read_log(log.path, small)


def test_two_who_write_do_not_overwrite_each_other(log):
    append(log, [Entry.now(Note("one", 1))], RUN)
    with pytest.raises(OutputError, match="another process has written"):
        append(log, [Entry.now(Note("other", 1))], RUN)


def test_undo_and_redo_follow_from_the_log():
    log = Log("x", ())

    def did(log, done):
        return replace(log, entries=(*log.entries, Entry.now(done)))

    assert log.next_reversal("undo") is log.next_reversal("redo") is None
    log = did(did(log, Note("a", 0)), Note("b", 0))
    log = did(log, log.next_reversal("undo"))
    assert [e.done.text for e in log.standing()] == ["a"]
    log = did(log, log.next_reversal("undo"))
    assert log.standing() == []
    assert log.next_reversal("undo") is None
    log = did(log, log.next_reversal("redo"))
    assert [e.done.text for e in log.standing()] == ["a"]
    log = did(log, Note("c", 0))
    assert log.next_reversal("redo") is None  # something else was done meanwhile
    assert [e.done.text for e in log.standing()] == ["a", "c"]


def test_what_does_not_apply_is_left_out_and_told():
    entries = tuple(map(Entry.now, [ParticleDeleted(HERE), LinkCut(NOWHERE), Note("x", 3)]))
    before = make_edited()
    run, stale = Log("x", entries).apply(before)
    assert [(e.id, why) for e, why in stale] == [(entries[1].id, "no particle in frame 5 at y=2, x=2")]
    assert 4 not in run.labels(5)
    assert 4 in before.labels(5)
    check(run)


def test_every_kind_stands_in_the_log_by_its_name():
    assert parse("note", {"text": "x", "frame": 1}) == Note("x", 1)
    with pytest.raises(ValueError, match="merge_added"):
        parse("merge_added", {"child": {}, "parents": []})
    assert len(set(KINDS.values())) == len(KINDS)
    assert json.loads(json.dumps(Entry.now(Note("x", 1)).to_json()))["kind"] == "note"
