"""The import graph that the documentation draws: right on a small package, and within the house's bounds."""

import sys
from pathlib import Path

import pytest
from needs import need_module

ROOT = Path(__file__).parents[2]
MOST_ROOMS = 26


@pytest.fixture(scope="module")
def architecture():
    need_module("grimp")
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        from generators import architecture
    finally:
        sys.path.pop(0)
    return architecture


def test_the_house_has_no_circle_and_few_rooms(architecture):
    house = architecture.read_house()
    assert house.circles() == []
    assert architecture.module_circles() == []
    assert len(house.rooms) <= MOST_ROOMS
    assert len(set(house.rooms)) == len(house.rooms)
    assert all(architecture.read_room(name).purpose for name in house.rooms)


def test_every_arrow_goes_down(architecture):
    house = architecture.read_house()
    level = {room: i for i, row in enumerate(house.levels) for room in row}
    assert [(a, b) for a, b in house.arrows if level[a] >= level[b]] == []


def test_circles_are_found_and_longer_ways_replace_arrows(architecture):
    house = architecture.House([["a"], ["b"], ["c"]], {("a", "b"), ("b", "c"), ("a", "c")})
    assert house.circles() == []
    assert house.shown_arrows() == {("a", "b"), ("b", "c")}
    assert architecture.House(house.levels, {*house.arrows, ("c", "b")}).circles() == [["b", "c"]]
