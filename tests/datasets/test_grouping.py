from pathlib import Path

import pytest

from temtrack.datasets.grouping import grouping
from temtrack.datasets.sources import Source
from temtrack.errors import InputError, UsageError

SOURCE = Source("gold_07", Path("in/gold_07.tif"), Path("masks/gold_07.tif"))


@pytest.fixture
def table(tmp_path):
    (tmp_path / "facts.csv").write_text("file,article,grid\ngold_07.tif,A,1\nsilver,B,2\n")
    return tmp_path / "facts.csv"


@pytest.mark.parametrize(
    ("rule", "group"),
    [("source", "gold_07"), ("folder", "in"), ("frame", "gold_07 frame 3"), (r"^([a-z]+)_", "gold")],
)
def test_rules(rule, group):
    assert grouping(rule)(SOURCE, 3) == group


def test_a_table_names_the_group_of_each_file(table):
    group_of = grouping(f"{table}:article")
    assert group_of(SOURCE, 0) == "A"
    assert group_of(Source("silver", Path("silver.png"), Path("m")), 0) == "B"
    with pytest.raises(InputError, match=r"has no row for it; add 'tin.png'"):
        group_of(Source("tin", Path("tin.png"), Path("m")), 0)


def test_rules_that_mean_nothing_are_refused(table):
    for rule in ("sauce", "([a-z", "(a)(b)"):
        with pytest.raises(UsageError, match="allowed are source, folder, frame"):
            grouping(rule)
    with pytest.raises(InputError, match=r"no column 'date'.*allowed are article, grid"):
        grouping(f"{table}:date")
    with pytest.raises(InputError, match="no such table"):
        grouping("none.csv:date")
    with pytest.raises(InputError, match="finds nothing in the name 'gold_07'"):
        grouping("(silver)")(SOURCE, 0)
