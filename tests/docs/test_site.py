"""The documentation is built strictly; links hold, and every command, table, model and result is there."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from lxml import html
from needs import need_module
from typer.main import get_command

from temtrack.cli.app import app
from temtrack.tables import ALL_TABLES

ROOT = Path(__file__).parents[2]
COMMANDS = get_command(app).commands
MODELS = tomllib.loads((ROOT / "models.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    need_module("material")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", folder],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site):
    """Each page's tree, by its file."""
    return {path: html.parse(path).getroot() for path in site.rglob("index.html")}


def anchors(page):
    return set(page.xpath("//@id | //a/@name"))


def content(page):
    (article,) = page.xpath("//article")
    return article


def test_every_link_and_anchor_leads_somewhere(pages):
    lost = []
    for path, page in pages.items():
        for link in page.xpath("//@href | //@src"):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            is_lost = not target.exists() or (
                parts.fragment and target in pages and parts.fragment not in anchors(pages[target])
            )
            lost += [f"{path}: {link}"] * bool(is_lost)
    assert lost == []


def test_no_page_loads_anything_from_elsewhere(pages):
    words = "//script/@src | //img/@src | //link[@rel='stylesheet']/@href"
    assert [link for page in pages.values() for link in page.xpath(words) if urlsplit(link).netloc] == []


def test_no_generated_part_is_left_out(pages):
    assert [
        path for path, page in pages.items() if "<!-- generated -->" in html.tostring(page).decode()
    ] == []


def all_commands():
    for name, command in COMMANDS.items():
        yield name, command
        for inner, one in getattr(command, "commands", {}).items():
            yield f"{name} {inner}", one


@pytest.mark.parametrize(
    ("name", "command"), list(all_commands()), ids=lambda one: one if isinstance(one, str) else ""
)
def test_every_command_has_its_section_with_every_option(site, pages, name, command):
    page = pages[site / "commands" / "index.html"]
    assert name.replace(" ", "-") in anchors(page)
    shown = content(page).text_content()
    assert " ".join(command.help.split()) in " ".join(shown.split()) or "`" in command.help
    for parameter in command.params:
        for word in (*parameter.opts, *parameter.secondary_opts):
            if word.startswith("--") and word != "--help":
                assert re.search(rf"{re.escape(word)}\b", shown), f"{name} {word}"


@pytest.mark.parametrize("table", ALL_TABLES, ids=lambda table: table.name)
def test_every_table_has_its_section(site, pages, table):
    shown = content(pages[site / "tables" / "index.html"]).text_content()
    assert f"{table.name}.parquet" in shown
    assert all(
        column.meaning in " ".join(shown.split()) for column in table.columns if "`" not in column.meaning
    )


@pytest.mark.parametrize("name", MODELS)
def test_every_model_has_its_card(site, pages, name):
    shown = content(pages[site / "models" / name / "index.html"]).text_content()
    assert MODELS[name]["licence"] in shown
    assert MODELS[name].get("sha256", "") in shown
    assert f"{MODELS[name]['parameters']:,}" in shown
    assert name in content(pages[site / "models" / "index.html"]).text_content()


@pytest.mark.parametrize(
    "path", sorted((ROOT / "docs" / "accuracy").glob("*.json")), ids=lambda path: path.stem
)
def test_every_result_is_shown_with_its_command_and_commit(site, pages, path):
    result = json.loads(path.read_text(encoding="utf-8"))
    shown = content(pages[site / "accuracy" / "index.html"]).text_content()
    for name in ("title", "command", "commit", "date", "machine"):
        assert result[name] in shown
