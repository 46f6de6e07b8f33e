"""The page in a real browser: each correction that a person can make is made, undone, made again and kept."""

import threading
from concurrent.futures import Future

import numpy as np
import pytest
from needs import need_module
from page_scene import make_movie
from review_scene import MASKS, check, make_edited, make_run, write_scene

from temtrack.analysis.measure import analyze_run
from temtrack.calibration import UNCALIBRATED
from temtrack.errors import InputError
from temtrack.formats.store.run import open_run
from temtrack.pipeline.correct import open_reviewed
from temtrack.review.log import read_log
from temtrack.review.queue import make_queue
from temtrack.review.shown import ShownFrames

pytestmark = pytest.mark.browser


@pytest.fixture
def unmade():
    """Stand for a session that is not ready yet."""
    return Future()


@pytest.fixture
def opened(browser, tmp_path, unmade):
    """Open the page of a run; what the browser complains of gathers in ``complaints``."""
    uvicorn = need_module("uvicorn")
    from temtrack.review.server import make_app
    from temtrack.review.session import Session

    folder = write_scene(tmp_path / "masks")
    run, base = open_run(folder), make_edited()
    queue = make_queue(base, analyze_run(make_run(), None, UNCALIBRATED))
    log = read_log(folder / "corrections.jsonl", run)
    session = Session(ShownFrames(run, make_movie(MASKS)), base, log, queue)
    app = make_app(session.shown, unmade, "secret")
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.01)
    origin = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    page = browser.new_page(viewport={"width": 1200, "height": 800})
    page.complaints, page.session, page.folder = [], session, folder
    page.on("console", lambda message: page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("request", lambda one: None if one.url.startswith(origin) else page.complaints.append(one.url))
    page.goto(f"{origin}secret/")
    yield page
    page.close()
    server.should_exit = True
    thread.join()
    assert page.complaints == []


@pytest.fixture
def page(opened, unmade):
    """Open the page of a run whose tables are read."""
    unmade.set_result(opened.session)
    opened.wait_for_selector("html[data-ready]")
    return opened


def test_the_movie_shows_while_tables_are_read(opened, unmade):
    opened.wait_for_selector("#stage[data-frame='0']")
    opened.keyboard.press("ArrowRight")
    opened.wait_for_selector("#stage[data-frame='1']")
    opened.keyboard.press("y")  # no question stands yet
    assert opened.text_content("#question") == "Reading what was tracked …"
    assert not opened.is_visible("#undo")
    unmade.set_result(opened.session)
    opened.wait_for_selector("html[data-ready]")
    assert opened.text_content("#question") == opened.session.queue[0].question
    assert opened.is_visible("#undo")
    assert opened.session.log.entries == ()


def test_a_run_that_cannot_be_read_says_so(opened, unmade):
    opened.wait_for_selector("#stage[data-frame='0']")
    unmade.set_exception(InputError("tracks.parquet is damaged"))
    opened.wait_for_selector("#question:text-is('tracks.parquet is damaged')")
    opened.wait_for_timeout(50)
    opened.complaints[:] = [one for one in opened.complaints if "500" not in one]  # the browser's own words


def go_to(page, t):
    page.locator("#slider").fill(str(t))
    page.wait_for_selector(f"#stage[data-frame='{t}']")


def at(page, y, x):
    """Return where a pixel of the movie is on the page, with the whole frame in view."""
    box = page.locator("#stage").bounding_box()
    scale = min(box["width"] / 120, box["height"] / 96)
    left, top = (box["width"] - 120 * scale) / 2, (box["height"] - 96 * scale) / 2
    return box["x"] + left + x * scale, box["y"] + top + y * scale


def click(page, one, t, add=False):
    """Select a particle in a frame."""
    go_to(page, t)
    page.click("#fit")
    y, x, _ = page.session.edited.particles(t)[one]
    if add:
        page.keyboard.down("Shift")
    page.mouse.click(*at(page, y + 0.5, x + 0.5))
    if add:
        page.keyboard.up("Shift")
    page.wait_for_function(f"document.getElementById('selected').textContent.includes('{one} (frame {t})')")


def done(page, n):
    """Wait until the page shows the state after so many lines of the log."""
    page.wait_for_selector(f"#stage[data-revision='{n}']")
    return read_log(page.folder / "corrections.jsonl", page.session.run)


def test_the_queue_by_keys(page):
    keys = [item.key for item in page.session.queue]
    assert page.text_content("#question") == page.session.queue[0].question
    for n in range(1, len(keys) + 1):
        page.keyboard.press("y")
        log = done(page, n)
        assert [entry.item for entry in log.standing()] == keys[:n]
        if n < len(keys):
            page.wait_for_function(f"document.getElementById('place').textContent.startsWith('{n + 1} of')")
    assert "precision 1.00" in page.text_content("#shares")
    page.keyboard.press(",")
    page.wait_for_function(f"document.getElementById('place').textContent.startsWith('{len(keys) - 1} of')")
    assert "answered: " in page.text_content("#answer")
    assert page.locator("#strip canvas").count() == 5


def test_what_changed_stands_on_the_page_until_the_next_correction(page):
    page.session.measure = open_reviewed(page.folder).measure_changes
    page.keyboard.press("y")
    done(page, 1)
    page.click("#measure")
    page.wait_for_selector("#changes td")
    row = page.locator("#changes tr", has_text="merges")
    assert row.locator("td").all_inner_texts() == ["merges", "1", "1"]
    page.keyboard.press("z")
    done(page, 2)
    assert page.locator("#changes tr").count() == 0
    page.evaluate("(n) => go(n - item)", [item.kind for item in page.session.queue].index("merge"))
    page.click("#whatif:text-is('What if all 1 open merge questions show mistakes?')")
    page.wait_for_selector("#changes th:text-is('if all 1 are mended')")
    assert row.locator("td").all_inner_texts() == ["merges", "1", "1", "0"]


SELECTED = {
    "delete here": ([(4, 5)], "particle_deleted"),
    "delete everywhere": ([(4, 5)], "particle_deleted"),
    "cut link": ([(4, 5)], "link_cut"),
    "link": ([(5, 6), (6, 7)], "link_made"),
    "fragment of": ([(9, 3), (11, 4)], "link_made"),
    "swap": ([(7, 5), (8, 5)], "ids_swapped"),
    "join here": ([(9, 5), (10, 5)], "particles_joined"),
    "join everywhere": ([(9, 5), (10, 5)], "particles_joined"),
    "merged": ([(9, 8), (10, 8), (9, 9)], "merge_added"),
    "copy here": ([(5, 3)], "particle_copied"),
    "dissolved": ([(5, 6)], "fate_told"),
    "exclude frame": ([], "frame_excluded"),
    "note": ([(8, 2)], "note"),
}


@pytest.mark.parametrize("tool", SELECTED)
def test_each_tool_is_done_undone_done_again_and_kept(page, tool):
    particles, kind = SELECTED[tool]
    for n, (one, t) in enumerate(particles):
        click(page, one, t, add=n > 0)
    go_to(page, 5)
    page.fill("#why", "as seen")
    page.click(f"#tools button[data-tool='{tool}']")
    (entry,) = done(page, 1).standing()
    assert (entry.kind, entry.why) == (kind, "as seen")
    corrected = [page.session.edited.labels(t) for t in range(12)], page.session.edited.lineage()
    check(page.session.edited)
    page.click("#undo")
    assert done(page, 2).standing() == []
    assert np.array_equal(page.session.edited.labels(5), MASKS[5])
    page.click("#redo")
    done(page, 3)
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert page.locator("#log li").count() == 1
    edited, stale = read_log(page.folder / "corrections.jsonl", page.session.run).apply(make_edited())
    assert (stale, edited.lineage()) == ([], corrected[1])
    assert all(np.array_equal(edited.labels(t), labels) for t, labels in enumerate(corrected[0]))


def draw(page, points):
    page.mouse.move(*at(page, *points[0]))
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*at(page, *point))
    page.mouse.up()


def test_a_line_and_outlines_are_drawn(page):
    click(page, 4, 5)
    page.click("[data-tool='split by line']")
    draw(page, [(58, 20), (60, 21), (82, 20)])
    done(page, 1)
    assert len(page.session.edited.particles(5)) == len(np.unique(MASKS[5]))
    click(page, 9, 5)
    page.click("[data-tool='outline']")
    draw(page, [(15, 80), (15, 100), (35, 100), (35, 80)])
    done(page, 2)
    assert page.session.edited.particles(5)[9][2] == pytest.approx(400, abs=8)
    page.click("[data-tool='new outline']")
    draw(page, [(45, 5), (45, 15), (55, 15), (55, 5)])
    done(page, 3)
    check(page.session.edited)
    assert page.session.edited.labels(5)[50, 10] > 11


def test_a_merge_gets_other_parents_and_another_frame(page):
    places = [item.kind for item in page.session.queue].index("merge")
    for _ in range(places):
        page.keyboard.press(".")
    page.wait_for_function("document.getElementById('question').textContent.includes('merge into 3')")
    go_to(page, 8)
    page.click("[data-tool='merged here']")
    done(page, 1)
    assert [m.frame for m in page.session.edited.lineage().merges] == [8]
    click(page, 1, 5)
    click(page, 5, 5, add=True)
    page.click("[data-tool='other parents']")
    done(page, 2)
    (merge,) = page.session.edited.lineage().merges
    assert (merge.frame, merge.parents) == (8, (1, 5))
    page.keyboard.press("z")
    page.keyboard.press("z")
    done(page, 4)
    assert page.session.edited.lineage().merges[0].parents == (1, 2)
    page.keyboard.press("Z")
    done(page, 5)
    go_to(page, 2)
    page.click("#log li:text-is('merge frame, frame 8')")
    page.wait_for_selector("#stage[data-frame='8']")


def test_a_line_divides_what_is_selected_in_the_frame_shown(page):
    click(page, 4, 5)
    page.click("[data-tool='split by line']")
    go_to(page, 7)
    draw(page, [(58, 20), (60, 21), (82, 20)])
    page.wait_for_selector("#message.error:has-text('select a particle of this frame first')")
    assert page.session.log.entries == ()


def test_what_cannot_be_is_told(page):
    page.click("[data-tool='swap']")
    assert "select 2 particles first" in page.text_content("#message")
    click(page, 4, 0)
    page.click("[data-tool='cut link']")
    page.wait_for_selector("#message.error:has-text('begins in frame 0 anyway')")
    page.complaints.remove(next(one for one in page.complaints if "409" in one))  # the browser's own words


def test_the_movie_plays_zooms_and_brightens(page):
    go_to(page, 0)
    page.locator("#speed").fill("30")
    page.keyboard.press("Escape")
    page.click("#play")
    page.wait_for_selector("#stage[data-frame='11']")
    page.wait_for_selector("#play:text-is('Play')")
    page.locator("#brightness").fill("150")
    assert "brightness(1.5)" in page.locator("#picture").evaluate("(one) => getComputedStyle(one).filter")
    page.click("#fit")
    before = page.evaluate("view.scale")
    page.mouse.move(*at(page, 50, 60))
    page.mouse.wheel(0, -200)
    page.wait_for_function(f"view.scale > {before} * 1.3")
    page.mouse.down()
    page.mouse.move(300, 300)
    page.mouse.up()
    assert page.text_content("#selected") == "nothing"


def test_outlines_are_mended_by_polygon_and_brush(page):
    click(page, 9, 5)
    page.click("[data-tool='polygon']")
    for corner in [(15, 80), (15, 100), (30, 100), (35, 100), (35, 80)]:
        page.mouse.click(*at(page, *corner))
    page.keyboard.press("Backspace")
    page.mouse.click(*at(page, 35, 80))
    page.keyboard.press("Enter")
    (entry,) = done(page, 1).standing()
    assert len(entry.done.rings[0]) == 5
    assert page.session.edited.particles(5)[9][2] == pytest.approx(390, abs=25)
    click(page, 4, 5)
    page.locator("#radius").fill("3")
    page.keyboard.press("Escape")
    click(page, 4, 5)
    before = page.session.edited.particles(5)[4][2]
    page.keyboard.press("b")
    draw(page, [(70, 20), (70, 34)])
    done(page, 2)
    assert page.session.edited.labels(5)[70, 35] == 4
    grown = page.session.edited.particles(5)[4][2]
    assert before < grown
    page.keyboard.press("b")  # lays the brush down
    page.keyboard.press("e")
    draw(page, [(70, 34), (70, 34)])
    done(page, 3)
    assert page.session.edited.labels(5)[70, 35] == 0
    assert page.session.edited.particles(5)[4][2] < grown
    page.keyboard.press("Escape")
    page.keyboard.press("b")  # one that lacks, in two strokes
    draw(page, [(50, 5), (50, 15)])
    done(page, 4)
    new = page.session.edited.labels(5)[50, 10]
    draw(page, [(50, 15), (58, 15)])
    done(page, 5)
    assert new > 11
    assert page.session.edited.labels(5)[57, 15] == new
    check(page.session.edited)


def test_a_model_answers_points_and_boxes(page):
    asked = []

    def ask(image, points, boxes):
        asked.append((image.shape, points, boxes))
        found = np.zeros(image.shape, np.int32)
        places = points if boxes is None else (boxes[:, :2] + boxes[:, 2:]) / 2  # a square about each
        for n, (y, x) in enumerate(np.rint(places).astype(int), start=1):
            found[y - 4 : y + 4, x - 4 : x + 4] = n
        return found

    page.session.ask = ask
    page.reload()
    page.wait_for_selector("html[data-ready]")
    go_to(page, 5)
    page.click("#fit")
    page.click("[data-tool='point']")
    page.mouse.click(*at(page, 45, 12))
    done(page, 1)
    new = page.session.edited.labels(5)[45, 12]
    assert page.session.edited.particles(5)[new][2] == 64
    click(page, 9, 5)
    page.click("[data-tool='box']")
    draw(page, [(16, 80), (34, 100)])
    done(page, 2)
    assert page.session.edited.particles(5)[9] == (24.5, 89.5, 64)
    click(page, 4, 5)
    page.click("[data-tool='split at points']")
    for place in [(70, 15), (70, 25)]:
        page.mouse.click(*at(page, *place))
    page.keyboard.press("Enter")
    log = done(page, 3)
    assert [entry.kind for entry in log.standing()] == ["particle_outlined"] * 2 + ["particle_divided"]
    labels = page.session.edited.labels(5)
    assert 0 < labels[70, 15] != labels[70, 25] > 0
    assert [points is None for _, points, _ in asked] == [False, True, False]
    check(page.session.edited)


def test_a_number_leads_to_its_frame(page):
    page.keyboard.press("g")
    page.keyboard.type("7\n")
    page.wait_for_selector("#stage[data-frame='7']")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("#stage[data-frame='8']")
    assert page.input_value("#number") == "8"
    page.fill("#number", "400")
    page.press("#number", "Enter")
    page.wait_for_selector(f"#stage[data-frame='{len(MASKS) - 1}']")
    assert page.text_content("#now").startswith(f"of {len(MASKS) - 1}")
