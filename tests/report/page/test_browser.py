"""The page in a real browser: what a reader clicks does what it says, and nothing complains."""

import csv
import json
from dataclasses import replace
from xml.etree import ElementTree

import page_scene
import pytest
from page_scene import EVIL, make_bare_source

from temtrack.kinetics.estimate import Estimate, fill_kinetics
from temtrack.report.page.build import Beside, write_page
from temtrack.review.corrections import MergeAccepted
from temtrack.review.log import Entry
from temtrack.review.places import Place

pytestmark = pytest.mark.browser
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_page(path, [page_scene.make_source()])
    return path


def open_page(browser, path, **options):
    """Open the page; complaints and requests that leave the machine gather in its ``complaints``."""
    page = browser.new_page(offline=True, accept_downloads=True, **options)
    page.complaints = []
    page.on("console", lambda message: page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("dialog", lambda dialog: page.complaints.append(dialog.message))
    local = ("file:", "data:", "blob:")
    page.on("request", lambda one: None if one.url.startswith(local) else page.complaints.append(one.url))
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready]")
    return page


@pytest.fixture
def page(browser, path):
    page = open_page(browser, path)
    yield page
    page.close()
    assert page.complaints == []


def shown_frame(page, frame):
    page.wait_for_selector(f"#stage .frame[data-frame='{frame}']")


def downloaded(page, selector):
    with page.expect_download() as waiting:
        page.click(selector)
    return waiting.value


def test_a_name_is_shown_as_it_is(page):
    assert page.text_content("h1") == page_scene.EVIL
    assert page.title() == page_scene.EVIL


def test_the_slider_moves_the_movie(page):
    page.locator("#slider").fill("3")
    shown_frame(page, 3)
    assert page.text_content("#now") == "frame 3 · 6 s · 615 °C"
    assert "blurred" in page.text_content("#inspector")
    page.locator("#slider").press("ArrowRight")
    shown_frame(page, 4)


def test_the_picture_lies_below_the_contours(page):
    page.locator("#slider").fill("8")
    shown_frame(page, 8)
    grey = """(canvas, [y, x]) => {
        const pen = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
        pen.drawImage(canvas, 0, 0, 120, 96);
        return pen.getImageData(x, y, 1, 1).data[0];
    }"""
    at = page.locator("#stage canvas")
    assert at.evaluate(grey, [25, 35]) < 110  # in the middle of the child
    assert at.evaluate(grey, [45, 110]) > 120
    ids = page.locator("#stage path[data-id]").evaluate_all("all => all.map((one) => Number(one.dataset.id))")
    assert sorted(ids) == list(range(3, 13))
    contour = page.locator("#stage path[data-id='3']")
    box = contour.evaluate("(one) => { const b = one.getBBox(); return [b.x, b.y, b.width, b.height]; }")
    assert box == pytest.approx([24, 14, 23, 23], abs=1)


def test_a_click_on_a_merge_shows_its_frames_before_and_after(page):
    page.locator("#slider").fill("0")
    page.click("#figure-lineage circle[data-merge='0']")
    shown_frame(page, 6)
    captions = page.locator("#merge-detail figcaption").all_text_contents()
    assert [one.split("frame ")[1].split(" ")[0] for one in captions] == ["4", "5", "6", "11"]
    assert page.text_content("#merge-detail h3") == "1 + 2 → 3"
    frames = page.locator("#merge-detail .frame")
    for number, frame in enumerate((4, 5, 6, 11), start=1):
        page.wait_for_selector(f"#merge-detail .keyframe:nth-child({number}) .frame[data-frame='{frame}']")
    ids = [
        frames.nth(i).locator("path[data-id]").evaluate_all("all => all.map((one) => one.dataset.id)")
        for i in range(4)
    ]
    assert {"1", "2"} <= set(ids[1])
    assert "3" in ids[2]
    assert not {"1", "2"} & set(ids[2])


def test_merges_are_answered_for_a_log_of_corrections(page):
    assert page.is_disabled("#save-answers")
    page.click("#merge-detail button:text('Reject')")
    assert "rejected" in page.text_content("#merge-table tbody tr")
    page.click("#merge-detail button:text('Accept')")
    assert page.get_attribute("#merge-detail button:text('Accept')", "aria-pressed") == "true"
    log = downloaded(page, "#save-answers")
    assert log.suggested_filename == "corrections.jsonl"
    head, line = map(json.loads, log.path().read_text().splitlines())
    assert head["movie"] == page_scene.EVIL
    entry = Entry.from_json(line)
    assert entry.done == MergeAccepted(Place(6, 25.0, 35.0, 437.0))
    page.click("#merge-detail button:text('Accept')")
    assert page.is_disabled("#save-answers")


def test_doubtful_merges_are_hidden_and_others_sorted(page):
    assert page.locator("#merge-table tbody tr").count() == 1
    page.select_option("#merge-order", "confidence")
    assert page.locator("#merge-table tbody tr").count() == 1
    page.evaluate("merges[0].confidence = 0.4")
    page.locator("#merge-least").fill("0.5")
    assert page.locator("#merge-table tbody tr").count() == 0
    assert "0.5: 0 of 1 merges" in page.text_content("#merge-table")


def test_a_particle_tells_of_its_life(page):
    page.locator("#stage path[data-id='12']").click()
    told = page.text_content("#inspector")
    assert "Particle 12" in told
    assert "There from the start, dissolved after frame 8." in told
    page.hover("h1")
    assert "Particle 12" in page.text_content("#inspector")
    page.keyboard.press("Escape")
    assert "Particle 12" not in page.text_content("#inspector")


def test_playing_goes_on_and_stops_at_the_end(page):
    page.locator("#slider").fill("9")
    page.click("#play")
    shown_frame(page, 11)
    page.wait_for_selector("#play:text-is('Play')")


FIGURES = {
    "merge-figures": ["merges", "lineage"],
    "figures": ["number", "size", "distribution", "coverage", "temperature", "drift", "histogram", "scatter"],
    "lives": ["origins", "fates", "quality"],
}


@pytest.mark.parametrize("place", FIGURES)  # Chromium asks back after ten files from one visit
def test_every_figure_saves_as_svg(page, tmp_path, place):
    buttons = page.locator(f"#{place} [data-save]")
    names = buttons.evaluate_all("all => all.map((one) => one.dataset.save)")
    assert names == FIGURES[place]
    for name in names:
        saved = downloaded(page, f"[data-save='{name}']")
        assert saved.suggested_filename == f"{name}.svg"
        saved.save_as(tmp_path / "figure.svg")
        root = ElementTree.parse(tmp_path / "figure.svg").getroot()
        assert root.tag == f"{SVG}svg"
        assert root.findall(f".//{SVG}text")


def test_a_frame_saves_as_svg_with_its_picture(page, tmp_path):
    downloaded(page, "text=Frame as SVG").save_as(tmp_path / "frame.svg")
    root = ElementTree.parse(tmp_path / "frame.svg").getroot()
    assert root.find(f"{SVG}image").get("href").startswith("data:image/webp;base64,")
    assert len(root.findall(f"{SVG}path[@data-id]")) == 11


def test_every_table_saves_as_csv(page, tmp_path):
    names = page.locator("[data-csv]").evaluate_all("all => all.map((one) => one.dataset.csv)")
    assert names == ["particles", "tracks", "frames", "merges", "kinetics"]
    for name in reversed(names):
        downloaded(page, f"[data-csv='{name}']").save_as(tmp_path / f"{name}.csv")
    with (tmp_path / "tracks.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["particle_id"] for row in rows] == [str(one) for one in range(1, 13)]
    assert rows[2]["parent_ids"] == "1 2"


def test_a_click_in_a_figure_goes_to_that_frame(page):
    figure = page.locator("#figure-number svg")
    left, right = 46, figure.bounding_box()["width"] - 14  # the margins of the axes
    figure.click(position={"x": left + (right - left) * 9 / 11, "y": 100})
    shown_frame(page, 9)


def test_the_histogram_is_of_the_frame_that_is_shown(page):
    words = page.locator("#figure-histogram svg text").all_text_contents
    page.locator("#slider").fill("0")
    page.wait_for_selector("#figure-histogram svg text:has-text('frame 0')")
    at_first = page_scene.draw_masks()[0]
    n_cut = len(set(at_first[[0, -1]].ravel()) | set(at_first[:, [0, -1]].ravel())) - 1
    assert any(f"n = {11 - n_cut}, mean" in one for one in words())
    page.locator("#slider").fill("9")
    page.wait_for_selector("#figure-histogram svg text:has-text('frame 9')")
    bars = page.locator("#figure-histogram rect title").all_text_contents()
    assert sum(int(one.rsplit(": ", 1)[1]) for one in bars) == 9 - n_cut


def test_two_columns_against_each_other_lead_to_the_movie(page):
    page.wait_for_selector("#figure-scatter[data-table='particles']")
    page.select_option("#figure-scatter select[aria-label='Across']", "area_px")
    page.select_option("#figure-scatter select[aria-label='Up']", "solidity")
    n_rows = page.locator("#figure-scatter circle").count()
    assert n_rows == page.evaluate("numbers.tables[0].n_rows")
    page.locator("#slider").fill("2")
    page.check("#figure-scatter input")
    page.wait_for_selector("#figure-scatter text:text-is('11 rows')")
    assert page.locator("#figure-scatter circle").count() == 11
    page.uncheck("#figure-scatter input")
    page.locator("#figure-scatter circle").last.dispatch_event("click")
    shown_frame(page, 11)
    assert "Particle 11" in page.text_content("#inspector")
    assert page.locator("#figure-scatter circle[r='3.4']").count() == 12
    page.select_option("#figure-scatter select[aria-label='Table']", "merges")
    page.wait_for_selector("#figure-scatter[data-table='merges']")
    page.locator("#figure-scatter circle").first.dispatch_event("click")
    shown_frame(page, 6)


def test_the_movie_zooms_and_pans(page):
    view = page.locator("#stage .frame svg")
    page.click("button[aria-label^='Zoom in']")
    page.click("button[aria-label^='Zoom in']")
    left, top, width, height = map(float, view.get_attribute("viewBox").split())
    assert (width, height) == pytest.approx((120 / 2.56, 96 / 2.56))
    page.evaluate("scrollTo(0, 0)")
    box = view.bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] + box["width"] / 4, middle[1] - box["height"] / 4, steps=3)
    page.mouse.up()
    moved = list(map(float, view.get_attribute("viewBox").split()))
    assert moved == pytest.approx([left - width / 4, top + height / 4, width, height], abs=0.2)
    assert "Particle" not in page.text_content("#inspector h3")  # a drag chooses none
    page.mouse.move(*middle)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -100)
    page.keyboard.up("Control")
    page.wait_for_selector("#stage .frame[data-zoom='3.57']")
    page.click("button[aria-label='Whole frame']")
    assert view.get_attribute("viewBox") == "0 0 120 96"
    page.locator("#stage path[data-id='12']").click()
    assert "Particle 12" in page.text_content("#inspector")


@pytest.fixture
def page_of_two(browser, tmp_path):
    """Open a page of two runs, of which the second has lost its merge."""
    second = make_bare_source("merges")
    path = tmp_path / "two.html"
    beside = [Beside("growth_exponent", "1", {EVIL: (3.0, 2.5, 3.5), "a & b": (None, None, None)})]
    write_page(path, [page_scene.make_source(), replace(second, title="a & b")], beside=beside)
    page = open_page(browser, path)
    yield page
    page.close()
    assert page.complaints == []


def test_of_several_runs_the_one_that_is_chosen_is_shown(page_of_two):
    page = page_of_two
    assert page.text_content("h1") == "2 runs"
    rows = page.locator("#runs > .scroll tbody tr")
    assert [rows.nth(i).locator("td").first.text_content() for i in (0, 1)] == [EVIL, "a & b"]
    assert page.text_content("#summary").startswith("12 frames")
    page.click("#runs a[href='?run=a%20%26%20b']")
    page.wait_for_selector("html[data-ready]")
    assert page.text_content("#summary").startswith("3 frames")
    assert page.text_content("#runs h2") == "a & b"
    assert "chosen" in rows.nth(1).get_attribute("class")
    page.click("#runs summary")
    cells = page.locator("#runs details tbody td").all_text_contents()
    assert cells == ["growth exponent", "3 [2.5, 3.5]", "–", ""]


def test_numbers_of_any_size_fit_beside_an_axis(page):
    told = page.evaluate("[6e-6, -0.00025, -0.0025, 0, 12.5, 1e5].map((one) => short(one))")
    assert told == ["6e−6", "−2.5e−4", "−0.0025", "0", "12.5", "100000"]


def test_refused_kinetics_say_why(page):
    assert "4 to 5" in page.text_content("#kinetics-table table")
    page.click("#kinetics-table summary")
    assert "too few families" in page.text_content("#kinetics-table details")


@pytest.mark.parametrize(("seconds", "axis"), [(2.0, "time (s)"), (None, "frame")])
def test_the_critical_radius_is_drawn_over_the_frames_that_tell_it(browser, tmp_path, seconds, axis):
    rows = [
        Estimate("critical_radius", "nm", "by windows", "", frame=t, value=r, low=r - 1, high=r + 1)
        for t, r in ((9, 6.0), (3, 5.0))
    ]
    of_one_frame = [
        Estimate("mean_diameter", "nm", "m", "", frame=t, value=4.0, low=3.0, high=5.0) for t in (0, 11)
    ]
    source = page_scene.make_source(kinetics=fill_kinetics([*rows, *of_one_frame]).to_pandas())
    if seconds is None:
        source = replace(source, run=replace(source.run, seconds=None))
    write_page(tmp_path / "windows.html", [source])
    page = open_page(browser, tmp_path / "windows.html")
    assert page.locator("#kinetics-curves figure h3").all_text_contents() == ["Critical radius"]
    told = page.locator("#figure-curve-critical_radius svg text").all_text_contents()
    assert {axis, "nm"} | ({"6", "18"} if seconds else {"3", "9"}) <= set(told)
    page.close()
    assert page.complaints == []


@pytest.mark.parametrize("width", [360, 768, 1600])
def test_the_page_never_scrolls_sideways(browser, path, width):
    page = open_page(browser, path, viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


def test_it_prints(page):
    assert page.pdf(format="A4")[:4] == b"%PDF"
    page.emulate_media(media="print")
    assert not page.is_visible("#controls")
    assert page.is_visible("#figure-number svg")


@pytest.mark.parametrize("lacks", ["movie", "particles", "merges"])
def test_what_is_not_there_does_no_harm(browser, tmp_path, lacks):
    source = page_scene.make_source(movie=None) if lacks == "movie" else page_scene.make_bare_source(lacks)
    write_page(tmp_path / "bare.html", [source])
    page = open_page(browser, tmp_path / "bare.html")
    page.locator("#slider").fill("1")
    shown_frame(page, 1)
    page.close()
    assert page.complaints == []
