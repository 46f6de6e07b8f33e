"""The server shows frames and contours, takes corrections, and serves nobody but its own page."""

import http.client
import json
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from urllib.parse import urlsplit

import numpy as np
import pytest
from needs import need_module
from page_scene import make_movie
from review_scene import MASKS, check, make_edited, make_run, write_scene

from temtrack.analysis.measure import analyze_run
from temtrack.calibration import UNCALIBRATED
from temtrack.errors import InputError, OutputError
from temtrack.formats.store.run import open_run
from temtrack.pipeline.correct import open_reviewed
from temtrack.report.page.contours import STEPS
from temtrack.review.corrections import Note, ParticleDeleted
from temtrack.review.log import Entry, append, read_log
from temtrack.review.places import Place
from temtrack.review.queue import make_queue
from temtrack.review.shown import ShownFrames

need_module("uvicorn")
from temtrack.review.server import make_app, serving  # noqa: E402
from temtrack.review.session import Session  # noqa: E402


def make_session(folder):
    run, base = open_run(folder), make_edited()
    queue = make_queue(base, analyze_run(make_run(), None, UNCALIBRATED))
    log = read_log(folder / "corrections.jsonl", run)
    return Session(ShownFrames(run, make_movie(MASKS)), base, log, queue)


@pytest.fixture
def folder(tmp_path):
    return write_scene(tmp_path / "masks")


@pytest.fixture
def session(folder):
    return make_session(folder)


@pytest.fixture
def unmade():
    """Stand for a session that is not ready yet."""
    return Future()


@pytest.fixture
def made(session, unmade):
    unmade.set_result(session)
    return unmade


@pytest.fixture
def server(made, asking):
    return asking


@pytest.fixture
def asking(session, unmade):
    """Serve the session; yields what asks it: path, body and headers to status and answer."""
    import uvicorn

    config = uvicorn.Config(make_app(session.shown, unmade, "secret"), port=0, log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]

    def ask(path, body=None, token="secret", **headers):
        client = http.client.HTTPConnection("127.0.0.1", port)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = ({"Content-Type": "application/json"} if body is not None else {}) | sent
        content = json.dumps(body) if isinstance(body, dict | list) else body
        client.request("GET" if body is None else "POST", f"/{token}/{path}", content, sent)
        answer = client.getresponse()
        content = answer.read()
        client.close()
        is_json = answer.getheader("Content-Type", "").startswith("application/json")
        return answer.status, json.loads(content) if is_json else content

    ask.port = port
    yield ask
    server.should_exit = True
    thread.join()


def fill_contours(told):
    """Draw the contours again: a pixel is inside where an odd number of edges lies to its left."""
    labels, at = np.zeros(MASKS[0].shape, int), 0
    for one, _, y, x, n in told["polylines"]:
        for step in told["steps"][at : at + n]:
            dy, dx = STEPS[int(step)]
            if dy:
                labels[min(y, y + dy), x:] += -one * dy
            y, x = y + dy, x + dx
        at += n
    return labels


def test_it_shows_page_frames_and_contours(server):
    status, page = server("")
    assert (status, b"page.js" in page) == (200, True)
    assert server("page.js")[0] == server("page.css")[0] == 200
    assert server("other")[0] == server("frame/x")[0] == 404
    assert server("frame/3")[1].startswith(b"BM")
    assert np.array_equal(abs(fill_contours(server("contours/5")[1])), MASKS[5])
    told = server("run")[1]
    assert (told["n_frames"], told["height"], told["width"]) == (12, 96, 120)
    assert len(server("queue")[1]["queue"]) == 4
    assert server("particle/3")[1]["parents"] == [1, 2]
    assert server("particle/99")[0] == 404


def test_pictures_are_shown_while_tables_are_read(asking, session, unmade):
    assert asking("run")[1]["n_frames"] == 12
    assert asking("frame/3")[0] == asking("page.js")[0] == 200
    assert asking("queue") == (200, {})
    answers = [asking("contours/5"), asking("answer", {"key": "merge 6 3+1+2", "yes": True})]
    assert answers == [(503, {"error": "the run is still being read"})] * 2
    unmade.set_result(session)
    assert len(asking("queue")[1]["queue"]) == 4
    assert asking("contours/5")[0] == 200
    assert session.log.entries == ()


def test_who_waits_for_tables_is_told_that_they_cannot_be_read(asking, unmade):
    unmade.set_exception(InputError("tracks.parquet is damaged"))
    assert asking("queue") == (500, {"error": "tracks.parquet is damaged"})


def test_a_correction_is_on_the_disk_and_seen_at_once(server, session, folder):
    body = {"kind": "particle_deleted", "fields": {"at": {"id": 4, "t": 5}}, "why": "dirt"}
    status, state = server("correct", body)
    assert (status, state["revision"], state["can_undo"]) == (200, 1, True)
    (entry,) = read_log(folder / "corrections.jsonl", session.run).entries
    assert (entry.kind, entry.why, entry.done.at.frame) == ("particle_deleted", "dirt", 5)
    assert 4 not in {line[0] for line in server("contours/5")[1]["polylines"]}
    assert server("reverse", {})[1]["can_redo"]
    assert 4 in {line[0] for line in server("contours/5")[1]["polylines"]}
    server("reverse", {"redo": True})
    again = make_session(folder)
    assert 4 not in again.edited.labels(5)
    check(again.edited)


def test_an_answer_is_known_by_its_item(server):
    state = server("answer", {"key": "merge 6 3+1+2", "yes": True})[1]
    assert state["answered"] == {"merge 6 3+1+2": "merge_accepted"}
    precision = state["shares"]["precision"]
    assert (precision["value"], precision["low"], precision["n_reviewed"]) == (1.0, 1.0, 1)


def test_what_corrections_change_is_measured_when_it_is_asked_for(server, session, folder):
    session.measure = open_reviewed(folder).measure_changes
    server("answer", {"key": "merge 6 3+1+2", "yes": False})
    status, rows = server("changes")
    assert status == 200
    found = {row["quantity"]: (row["before"], row["after"]) for row in rows}
    assert found["n_merges"] == (1, 0)
    assert found["n_particles"] == (11, 10)
    assert found["coalescence_fraction"][1] == 0
    assert "coalescence_rate" not in found  # the times of the frames are unknown


def test_what_mended_questions_would_change_is_measured_and_not_done(server, session, folder):
    session.measure = open_reviewed(folder).measure_changes
    rows = {row["quantity"]: row["after"] for row in server("changes?if=merge")[1]}
    assert (rows["n_merges"], rows["n_particles"]) == (0, 10)
    assert len(session.edited.merges) == 1
    assert session.log.entries == ()
    server("answer", {"key": "merge 6 3+1+2", "yes": True})
    rows = {row["quantity"]: row["after"] for row in server("changes?if=merge")[1]}
    assert rows["n_merges"] == 1  # no merge is open any more


def test_the_log_tells_frames_and_what_does_not_apply(server, session, folder):
    done = [ParticleDeleted(Place(5, 70.0, 20.0)), ParticleDeleted(Place(40, 70.0, 20.0)), Note("dirt", 3)]
    append(session.log, [Entry.now(one, author="Ann") for one in done], session.run)
    told = make_session(folder).state()["log"]
    assert [one["t"] for one in told] == [5, None, 3]
    assert [one["stale"] for one in told] == [None, "frame 40 is not in this run", None]
    assert told[0]["told"].startswith("Ann, ")


REFUSED = {
    "no JSON": ("correct", "{", 400),
    "no object": ("correct", [], 400),
    "an unknown kind": ("correct", {"kind": "magic"}, 400),
    "a wrong field": ("correct", {"kind": "link_cut", "fields": {"to": 1}}, 400),
    "no such frame": ("correct", {"kind": "link_cut", "fields": {"at": {"id": 4, "t": 50}}}, 400),
    "no such particle": ("correct", {"kind": "link_cut", "fields": {"at": {"id": 99, "t": 5}}}, 400),
    "no such item": ("answer", {"key": "x", "yes": True}, 400),
    "nothing to undo": ("reverse", {}, 400),
    "what cannot be": ("correct", {"kind": "link_cut", "fields": {"at": {"id": 4, "t": 0}}}, 409),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_done_changes_nothing(server, folder, name):
    path, body, status = REFUSED[name]
    answer = server(path, body)
    assert answer[0] == status
    assert answer[1]["error"]
    assert not (folder / "corrections.jsonl").exists()


HOSTILE = {
    "a wrong token": {"token": "guess"},
    "a token of other letters": {"token": "%C3%A4"},
    "another name of the host": {"Host": "evil.example"},
    "a page of another origin": {"Origin": "https://evil.example"},
    "a page of another port": {"Origin": "http://127.0.0.1:1"},
    "a page without origin": {"Origin": "null"},
    "another site": {"Sec_Fetch_Site": "cross-site"},
    "a form": {"Content_Type": "text/plain"},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_others_are_refused(server, folder, name):
    body = {"kind": "particle_deleted", "fields": {"at": {"id": 4, "t": 5}}}
    status, answer = server("correct", body, **HOSTILE[name])
    assert status in (403, 415)
    assert set(answer) == {"error"}
    assert not (folder / "corrections.jsonl").exists()


def test_it_is_reached_through_a_tunnel(server):
    assert server("state", Host="localhost:9000")[0] == 200
    assert server("state", Host="localhost:9000", Origin="http://localhost:9000")[0] == 200


def test_another_one_who_corrects_meanwhile_is_told_of(server, folder):
    other = make_session(folder)
    other.answer({"key": "merge 6 3+1+2", "yes": False})
    status, answer = server("answer", {"key": "merge 6 3+1+2", "yes": True})
    assert status == 500
    assert "another process has written" in answer["error"]
    assert len(read_log(folder / "corrections.jsonl", other.run).entries) == 1


def test_a_port_that_is_taken_is_one_line(session, made):
    with serving(session.shown, made) as (address, _):
        assert address.startswith("http://127.0.0.1:")
        assert len(urlsplit(address).path) > 30
        port = urlsplit(address).port
        with pytest.raises(OutputError, match="cannot be used"), serving(session.shown, made, port):
            pass


def test_only_frames_that_a_correction_changed_are_asked_for_again(server):
    body = {"kind": "particle_deleted", "fields": {"at": {"id": 4, "t": 5}}}
    assert server("correct", body)[1]["changed"] == [5]
    body["fields"] |= {"at": {"id": 8, "t": 3}, "everywhere": True}
    assert server("correct", body)[1]["changed"] == list(range(12))
    assert server("reverse", {})[1]["changed"] == list(range(12))
    note = {"kind": "note", "fields": {"text": "dirt", "frame": {"t": 2}}}
    assert server("correct", note)[1]["changed"] == []


def test_readers_of_files_are_asked_by_one_thread_at_a_time(session):
    inside = threading.Lock()
    movie, masks = session.shown.movie, session.run.masks

    def read_alone(read):
        def alone(t):
            assert inside.acquire(blocking=False)
            threading.Event().wait(0.002)
            inside.release()
            return read(t)

        return alone

    shown = ShownFrames(session.run, replace(movie, read_frame=read_alone(movie.read_frame)))
    alone = shown.one_at_a_time(replace(masks, read_frame=read_alone(masks.read_frame)))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda t: (shown.picture(t), alone[t]), range(12)))
    assert all(np.array_equal(labels, MASKS[t]) for t, (_, labels) in enumerate(found))


def test_a_damaged_frame_is_told(session, server):
    def read(t):
        raise InputError("frame 3 is damaged")

    session.shown.movie = replace(session.shown.movie, read_frame=read)
    assert server("frame/3") == (500, {"error": "frame 3 is damaged"})
