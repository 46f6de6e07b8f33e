"""The README is true: what it shows runs as written and prints what it is shown to print.

Numbers may differ a little, since processors round differently: whole ones by 1, others by 5 percent.
"""

import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest
from PIL import Image
from typer.main import get_command

from temtrack.cli.app import app
from temtrack.demo import FIRST_MASK, LINEAGE, MOVIE
from temtrack.formats.store.lineage import read_lineage
from temtrack.formats.store.masks import read_labels
from temtrack.formats.store.run import open_run
from temtrack.metrics.merges import match_merges
from temtrack.metrics.tracks import match_tracks

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
MOST_LINES = 150
MOST_PICTURE_BYTES = 300_000
NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?")
COMMANDS = get_command(app).commands


@pytest.fixture(scope="module")
def readme():
    """The module of docs/ that reads and runs what the README shows."""
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        import readme
    finally:
        sys.path.pop(0)
    return readme


def differences(shown, printed):
    """Return each pair of words that are not the same; of numbers, too far from each other."""
    pairs = list(zip(shown.split(), printed.split(), strict=False))
    if len(shown.split()) != len(printed.split()):
        return [(shown, printed)]
    return [pair for pair in pairs if not is_same(*pair)]


def is_same(one, other):
    if NUMBER.sub("#", one) != NUMBER.sub("#", other):
        return False
    pairs = zip(NUMBER.findall(one), NUMBER.findall(other), strict=True)
    return all(abs(float(a) - float(b)) <= (0.05 * float(a) if "." in a else 1) for a, b in pairs)


def test_it_is_short():
    assert len(TEXT.splitlines()) <= MOST_LINES


def test_files_that_it_links_are_there_and_pictures_are_small():
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", TEXT)
    assert [link for link in links if not (ROOT / link).exists()] == []
    pictures = [ROOT / link for link in links if link.endswith(".png")]
    assert len(pictures) == 3
    for picture in pictures:
        assert picture.stat().st_size < MOST_PICTURE_BYTES
        with Image.open(picture) as image:
            assert min(image.size) >= 400


@pytest.mark.parametrize("command", re.findall(r"`(temtrack [^`]*)`|^\$ (temtrack .*)$", TEXT, re.MULTILINE))
def test_every_command_that_it_names_is_understood(command):
    _, name, *words = shlex.split("".join(command))
    if name.startswith("--"):
        return
    is_named_alone = not words or words == ["--help"]
    COMMANDS[name].make_context(
        name, [] if is_named_alone else words, resilient_parsing=is_named_alone
    ).close()


@pytest.mark.parametrize("option", sorted(set(re.findall(r"`(--[a-z-]+)", TEXT)) - {"--help"}))
def test_every_option_that_it_names_is_one(option):
    options = {word for name in COMMANDS for one in COMMANDS[name].params for word in one.opts}
    assert option in options


@pytest.mark.slow
def test_all_of_it_runs_and_prints_what_is_shown(readme, tmp_path):
    (tmp_path / "demo").mkdir()
    shutil.copy(MOVIE, tmp_path / "demo")  # as `make demo` does
    all_shown = list(readme.read_shown(TEXT))
    assert [one.words[0] for one in all_shown].count("bash") == 5
    found = {one.name: differences(one.output, readme.run(one, tmp_path)) for one in all_shown}
    assert found == {one.name: [] for one in all_shown}
    assert sum(len(one.output.split()) for one in all_shown) > 100
    check_beside_the_truth(tmp_path / "masks")


def check_beside_the_truth(masks):
    """With their own weights the networks find the demo's merges, particles and fates, and no others."""
    found, true = open_run(masks), read_lineage(LINEAGE)
    matches = match_tracks([found.masks[0]], [read_labels(FIRST_MASK)])
    score = match_merges(found.lineage.merges, true.merges, matches, tolerance_frames=2)
    assert sorted(sorted(match.true.parents) for match in score.matches) == [[1, 2], [3, 4], [5, 6, 7]]
    assert all(match.has_exact_parents for match in score.matches)
    assert score.false == score.missed == ()
    fates = [sorted(track.fate for track in lineage.tracks) for lineage in (found.lineage, true)]
    assert fates[0] == fates[1]


def test_what_differs_is_found_out():
    assert differences("│ 18 │ 0.93 │ masks │", "│ 19 │ 0.95 │ masks │") == []
    assert differences("frame 18: 2 become one", "frame 20: 2 become one") == [("18:", "20:")]
    assert differences("confidence 0.95", "confidence 0.85") == [("0.95", "0.85")]
    assert differences("masks", "tables") == [("masks", "tables")]
    assert differences("3 merges", "3 merges and more") != []


def test_the_merges_that_it_shows_are_the_true_ones():
    shown = TEXT.partition("$ temtrack analyze")[2].partition("$ ")[0].partition("\nMerges\n")[2]
    found = [int(row.split("│")[1]) for row in shown.splitlines() if row.startswith("│")]
    true = sorted(merge.frame for merge in read_lineage(LINEAGE).merges)
    assert len(found) == len(true) == 3
    assert all(abs(a - b) <= 2 for a, b in zip(found, true, strict=True))
