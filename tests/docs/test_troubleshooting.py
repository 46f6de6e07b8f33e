"""Each message that the page of troubleshooting explains is one that temtrack says."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
VALUE = "…"

#: Headings in backticks that are one message; those of several words beside it are no messages.
MESSAGES = re.findall(r"^### `([^`]+)`$", PAGE, re.MULTILINE)


def written_texts():
    """Return all texts of the sources, with one sign for each value that is filled in."""
    for path in (ROOT / "temtrack").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                yield "".join(one.value if isinstance(one, ast.Constant) else VALUE for one in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


@pytest.fixture(scope="module")
def texts():
    return set(written_texts())


def says(text, message):
    """Whether a message is the text with values filled in; a value of the message may stand for several."""
    parts = [re.escape(part) for part in re.split(f"{VALUE}+", message)]
    return re.search(".*".join(parts), text, re.DOTALL) is not None


def test_there_are_messages():
    assert len(MESSAGES) > 20


@pytest.mark.parametrize("message", MESSAGES)
def test_every_message_is_one_of_temtracks(texts, message):
    assert any(says(text, message) for text in texts)


def test_a_message_that_nobody_says_is_found_out(texts):
    assert not any(says(text, "…: there is no such folder; look for it elsewhere") for text in texts)
