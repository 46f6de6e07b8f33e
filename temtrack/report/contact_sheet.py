"""A contact sheet: overlays of many images small beside each other, so that one look finds the odd one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.font_manager import FontProperties, findfont
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from temtrack.errors import OutputError
from temtrack.formats.store.atomic import locked, remove_leftovers, whole_file

#: Side of an overlay on the sheet, height of the line below it, and overlays on one sheet.
THUMBNAIL_PX, CAPTION_PX, MAX_CELLS = 256, 20, 100

#: Seconds that another process may take to write a sheet of the same name.
LONGEST_WAIT_S = 60.0

_PAPER, _INK, _ODD = (250, 250, 250), (20, 20, 24), (200, 30, 30)
_MAKER = {"Software": "temtrack contact sheet"}


@dataclass(frozen=True)
class Cell:
    """An overlay on disk, the words below it, and whether it is unlike the others."""

    overlay: Path
    words: str
    is_odd: bool = False


def write_contact_sheets(path: Path, cells: Sequence[Cell]) -> list[Path]:
    """Write cells in their order as ``path``, a PNG, and where they are many further ones numbered from 2 on.

    Raises
    ------
    OutputError
        Where one cannot be written, or would overwrite what is no contact sheet.
    """
    parts = [cells[i : i + MAX_CELLS] for i in range(0, len(cells), MAX_CELLS)]
    names = [path, *(path.with_stem(f"{path.stem}_{n}") for n in range(2, len(parts) + 1))]
    for name, part in zip(names, parts, strict=True):
        if name.exists() and not _is_sheet(name):
            raise OutputError(f"{name}: is no contact sheet of temtrack; move it away")
        facts = PngInfo()
        for key, value in _MAKER.items():
            facts.add_text(key, value)
        sheet = draw_contact_sheet(part)
        with locked(name.parent, f".{name.name}.lock", LONGEST_WAIT_S):  # others may be at work in the folder
            remove_leftovers(name.parent, name.name)
            with whole_file(name) as whole:
                sheet.save(whole, format="PNG", pnginfo=facts)
    return names[: len(parts)]


def draw_contact_sheet(cells: Sequence[Cell]) -> Image.Image:
    """Draw cells row by row, about as many below as beside each other; odd ones with a red frame."""
    n_columns = math.ceil(math.sqrt(len(cells)))
    width, height = THUMBNAIL_PX + 8, THUMBNAIL_PX + CAPTION_PX + 8
    sheet = Image.new("RGB", (n_columns * width, math.ceil(len(cells) / n_columns) * height), _PAPER)
    pen, font = ImageDraw.Draw(sheet), ImageFont.truetype(findfont(FontProperties(family="DejaVu Sans")), 12)
    for i, cell in enumerate(cells):
        x, y = i % n_columns * width + 4, i // n_columns * height + 4
        with Image.open(cell.overlay) as overlay:
            small = overlay.convert("RGB")
        small.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
        left, top = x + (THUMBNAIL_PX - small.width) // 2, y + (THUMBNAIL_PX - small.height) // 2
        sheet.paste(small, (left, top))
        color = _ODD if cell.is_odd else _INK
        if cell.is_odd:
            box = (left - 3, top - 3, left + small.width + 2, top + small.height + 2)
            pen.rectangle(box, outline=_ODD, width=3)
        words = cell.words
        while pen.textlength(words, font) > THUMBNAIL_PX and len(words) > 1:
            words = f"…{words[2:]}"
        pen.text((x, y + THUMBNAIL_PX + 3), words, fill=color, font=font)
    return sheet


def _is_sheet(path: Path) -> bool:
    try:
        with Image.open(path) as image:
            return all(image.info.get(key) == value for key, value in _MAKER.items())
    except OSError:
        return False
