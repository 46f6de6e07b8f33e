"""Fill in what MkDocs makes from the code and from the benchmarks' results when it builds the pages."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from generators import accuracy, architecture, commands, measures, model_cards, tables

#: Stands in a page where the generated part goes.
MARK = "<!-- generated -->"

GENERATORS = {
    "accuracy.md": accuracy.write,
    "architecture.md": architecture.write,
    "commands.md": commands.write,
    "measures.md": measures.write,
    "tables.md": tables.write,
    "models/index.md": model_cards.write_overview,
}


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Fill in the generated part of a page."""
    if MARK not in markdown:
        return markdown
    path = page.file.src_uri
    write = GENERATORS.get(path) or (lambda: model_cards.write_card(Path(path).stem))
    return markdown.replace(MARK, write())
