"""The rooms of temtrack and who imports whom, from the imports themselves.

A room is what lies directly in ``temtrack/``: a package, or a module that stands alone. Run
``python docs/generators/architecture.py`` for the counts.
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grimp
import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "temtrack"

#: The door, through which one comes in: it hands out what the rooms hold.
DOOR = ("temtrack", "temtrack.__main__")


@dataclass(frozen=True)
class House:
    """Rooms with their levels from the top, and the arrows (importing room, imported room)."""

    levels: list[list[str]]
    arrows: set[tuple[str, str]]

    @property
    def rooms(self) -> list[str]:
        """All rooms, from the top."""
        return [room for level in self.levels for room in level]

    def circles(self) -> list[list[str]]:
        """Return the sets of rooms that import each other, directly or on a way around."""
        return _circles(self.rooms, self.arrows)

    def shown_arrows(self) -> set[tuple[str, str]]:
        """Return the arrows that no longer way replaces (the transitive reduction)."""
        reach = {room: self._reached_from(room) for room in self.rooms}
        return {
            (a, b)
            for a, b in self.arrows
            if not any(b in reach[c] for x, c in self.arrows if x == a and c != b)
        }

    def _reached_from(self, room: str) -> set[str]:
        found: set[str] = set()
        todo = [room]
        while todo:
            new = {b for a, b in self.arrows if a == todo[-1]} - found
            todo.pop()
            found |= new
            todo += new
        return found


def read_house() -> House:
    """Read the rooms, their levels (of the contract of ``lint-imports``) and all imports."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = config["tool"]["importlinter"]["contracts"]
    levels = [
        [name.strip().removeprefix("temtrack.") for name in level.split("|")] for level in contract["layers"]
    ]
    arrows = {(room_of(a), room_of(b)) for a, b in module_arrows()}
    arrows = {(a, b) for a, b in arrows if a != b}
    found = {
        path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    left = sorted(found - {"__init__", "__main__"} - {room for level in levels for room in level})
    return House([*levels, left] if left else levels, arrows)


def module_arrows(with_types: bool = True) -> set[tuple[str, str]]:
    """Return which module imports which, with what is imported for types alone or without; not the door."""
    graph = grimp.build_graph("temtrack", cache_dir=None, exclude_type_checking_imports=not with_types)
    return {
        (a, b)
        for a in graph.modules
        if a not in DOOR
        for b in graph.find_modules_directly_imported_by(a)
        if b not in DOOR
    }


def room_of(module: str) -> str:
    """Return the room of a module."""
    return module.split(".")[1]


def module_circles() -> list[list[str]]:
    """Return the sets of modules that import each other when they run, within rooms too."""
    arrows = module_arrows(with_types=False)
    return _circles(sorted({name for arrow in arrows for name in arrow}), arrows)


def _circles(names: list[str], arrows: set[tuple[str, str]]) -> list[list[str]]:
    at = {name: i for i, name in enumerate(names)}
    ends = np.array([(at[a], at[b]) for a, b in arrows]).reshape(-1, 2).T
    matrix = csr_array((np.ones(len(arrows)), ends), shape=(len(names), len(names)))
    n, label = connected_components(matrix, directed=True, connection="strong")
    groups = [[name for name, i in zip(names, label, strict=True) if i == k] for k in range(n)]
    return [group for group in groups if len(group) > 1]


@dataclass(frozen=True)
class Room:
    """What a room is for, and how large it is."""

    purpose: str
    n_files: int
    n_lines: int


def read_room(name: str) -> Room:
    """Read a room's purpose, the first sentence of its docstring, and count files and lines."""
    folder = PACKAGE / name
    files = sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]
    first = folder / "__init__.py" if folder.is_dir() else files[0]
    told = (ast.get_docstring(ast.parse(first.read_text(encoding="utf-8"))) or "").split("\n\n")[0]
    n_lines = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in files)
    return Room(" ".join(told.split()), len(files), n_lines)


def write() -> str:
    """Return the counts, the picture and the table of rooms."""
    house = read_house()
    rows = ["| room | what it holds | imports | files | lines |", "|---|---|---|---|---|"]
    for name in house.rooms:
        room, used = read_room(name), sorted(b for a, b in house.arrows if a == name)
        rows.append(
            f"| `{name}` | {room.purpose} | {', '.join(used) or '-'} | {room.n_files} | {room.n_lines:,} |"
        )
    return "\n\n".join([f"**{counts(house)}**", "\n".join(picture(house)), "\n".join(rows)])


def counts(house: House) -> str:
    """Return the counts in one line."""
    n_files = sum(read_room(name).n_files for name in house.rooms)
    n_lines = sum(read_room(name).n_lines for name in house.rooms)
    return (
        f"{len(house.rooms)} rooms, {len(house.arrows)} arrows, {len(house.circles())} circles; "
        f"{n_files} files, {n_lines:,} lines."
    )


ROW_HEIGHT, BOX_HEIGHT, WIDTH = 74, 28, 880


def picture(house: House) -> Iterator[str]:
    """Yield the lines of an SVG: a row for each level, an arrow for each import that is shown."""
    place = {
        room: (WIDTH * (i + 0.5) / len(level), 20 + ROW_HEIGHT * row)
        for row, level in enumerate(house.levels)
        for i, room in enumerate(level)
    }
    height = ROW_HEIGHT * len(house.levels) - 20
    yield (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="Rooms and imports" '
        'style="max-width:100%;font:13px sans-serif" fill="none" stroke="currentColor">'
    )
    yield (
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0 0 8 4 0 8z" fill="currentColor" stroke="none"/></marker></defs>'
    )
    for a, b in sorted(house.shown_arrows()):
        (x0, y0), (x1, y1) = place[a], place[b]
        start, end = y0 + BOX_HEIGHT / 2, y1 - BOX_HEIGHT / 2
        yield (
            f'<line x1="{x0:.0f}" y1="{start:.0f}" x2="{x1:.0f}" y2="{end:.0f}" '
            'stroke-opacity="0.45" marker-end="url(#arrow)"/>'
        )
    for room, (x, y) in place.items():
        half, top = 6 + 4.2 * len(room), y - BOX_HEIGHT / 2
        yield (
            f'<rect x="{x - half:.0f}" y="{top:.0f}" width="{2 * half:.0f}" height="{BOX_HEIGHT}" rx="6" '
            'style="fill:var(--md-default-bg-color,#fff)"/>'
            f'<text x="{x:.0f}" y="{y + 4:.0f}" text-anchor="middle" fill="currentColor" stroke="none">'
            f"{room}</text>"
        )
    yield "</svg>"


if __name__ == "__main__":
    print(counts(read_house()))
    for one in (*read_house().circles(), *module_circles()):
        print("circle:", ", ".join(one))
