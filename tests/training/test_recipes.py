from pathlib import Path

import pytest

from temtrack.errors import UsageError
from temtrack.training.config import preset
from temtrack.training.recipes import RECIPES, find_recipe


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_gives_settings_from_nothing_and_from_weights(name):
    recipe = find_recipe(name)
    anew, tuned = (recipe.configure(preset(recipe.model), start) for start in (False, True))
    assert anew.model == tuned.model == recipe.model
    assert anew.n_steps > tuned.n_steps
    assert anew.learning_rate > tuned.learning_rate
    assert sum(recipe.fractions.values()) + recipe.synthetic_fraction == pytest.approx(1)


def test_fractions_go_by_the_names_of_the_folders_where_none_are_given():
    recipe = find_recipe("effsam-tiny")
    given = [(Path("x/haadf"), None), (Path("emps"), 0.5), (Path("/y/paper"), None)]
    assert recipe.complete(given) == [
        (Path("x/haadf"), recipe.fractions["haadf"]),
        (Path("emps"), 0.5),
        (Path("/y/paper"), recipe.fractions["paper"]),
    ]


def test_folders_that_the_recipe_does_not_know_are_refused():
    with pytest.raises(UsageError, match="needs the folders emps, paper, haadf, given are emps, mine"):
        find_recipe("effsam-tiny").complete([(Path("emps"), None), (Path("mine"), None)])


def test_an_unknown_recipe_is_told():
    with pytest.raises(UsageError, match="--recipe effsam: known are effsam-tiny"):
        find_recipe("effsam")
