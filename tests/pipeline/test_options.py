import inspect
from pathlib import Path

import numpy as np
import pytest
import typer

import temtrack
from temtrack.cli.app import app
from temtrack.errors import UsageError
from temtrack.movie import movie_of_array
from temtrack.pipeline.options import AnalyzeOptions, KineticsOptions, SegmentOptions, TrackOptions

#: Names that a command has for a folder, a file or a way of working, which a function has no need of.
OF_COMMANDS = {
    *("ctx", "inputs", "movies", "masks", "movie", "image", "tables", "output", "output_folder", "out"),
    *(
        "resume",
        "shard",
        "keep_going",
        "force",
        "as_json",
        "dry_run",
        "verbose",
        "overlay",
        "idle_s",
        "idle_s",
        "csv",
        "progress",
        "kinetics",
        "piece",
    ),
}

STAGES = {
    "segment": (temtrack.segment, SegmentOptions),
    "track": (temtrack.track, TrackOptions),
    "analyze": (temtrack.analyze, AnalyzeOptions),
    "kinetics": (temtrack.fit_kinetics, KineticsOptions),
}


def parameters_of_command(name):
    command = typer.main.get_command(app).commands[name]
    return {p.name: p.default for p in command.params if p.name not in OF_COMMANDS}


def parameters_of(function):
    found = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in found if p.name not in OF_COMMANDS}


@pytest.mark.parametrize("stage", STAGES)
def test_command_and_function_have_the_same_options_with_the_same_defaults(stage):
    function, kind = STAGES[stage]
    own, typed = parameters_of(function), parameters_of_command(stage)
    defaults = {name: getattr(kind(), name) for name in kind().to_json()}
    assert {name: own[name] for name in own if name != "device"} == {
        name: defaults[name] for name in own if name != "device"
    }
    assert {name: value for name, value in typed.items() if name != "device"} == {
        name: defaults[name] for name in typed if name != "device"
    }
    if stage != "kinetics":  # what the function is given are tables, with scale and time
        assert set(defaults) <= set(typed)
    if "device" in typed:
        assert typed["device"] == own["device"] == "auto"


@pytest.mark.parametrize(
    "options",
    [
        SegmentOptions(model="otsu", points=np.array([[1.0, 2.0]]), rescale=2.0),
        TrackOptions(tracker="overlap", frames=slice(2, None, 3), diameter="4nm", tta=False),
        TrackOptions(prompts=np.array([[0.0, 2.0, 3.0]]), first_mask=Path("first.tif")),
        AnalyzeOptions(merges=False, pixel_size_nm=0.5),
        KineticsOptions(seed=3, temperature_k=1073.0),
    ],
)
def test_options_are_read_back_as_they_were_written(options):
    again = type(options).from_json(options.to_json())
    assert again.to_json() == options.to_json()
    assert type(again) is type(options)


def test_unknown_options_are_refused():
    with pytest.raises(ValueError, match="unknown options colour"):
        TrackOptions.from_json({"colour": "red"})


def movie(pixel_size_nm=None, side=64):
    return movie_of_array(np.zeros((1, side, side)), Path("film.tif")).calibrated(pixel_size_nm, None)


def test_a_diameter_is_given_in_px_or_by_the_scale():
    assert SegmentOptions().diameter_px(movie()) is None
    assert SegmentOptions(diameter="8px").diameter_px(movie()) == 8
    assert SegmentOptions(diameter="4 nm").diameter_px(movie(0.5)) == 8
    assert SegmentOptions(diameter="0.004um").diameter_px(movie(0.5)) == pytest.approx(8)


@pytest.mark.parametrize("text", ["banana", "0px", "-3px", "8", "8s", "px", "nan px"])
def test_what_is_no_diameter_is_refused(text):
    with pytest.raises(
        UsageError, match=r"--diameter .*not understood; give the width of a typical particle"
    ):
        SegmentOptions(diameter=text)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"diameter": "4nm"}, r"pixel size of film\.tif is unknown; give --pixel-size"),
        ({"diameter": "80px"}, r"is 80 px, and film\.tif is 64x64 px"),
        ({"diameter": "0.5px"}, r"is 0\.5 px"),
    ],
)
def test_a_diameter_that_does_not_fit_the_image_is_refused(options, words):
    with pytest.raises(UsageError, match=words):
        SegmentOptions(**options).diameter_px(movie())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"diameter": "8px", "rescale": 2.0}, "both say how large a model sees particles"),
        ({"rescale": 0.01}, r"--rescale 0\.01: allowed are factors from 0\.05 to 20"),
        ({"points": np.zeros((1, 2)), "boxes": np.zeros((1, 4))}, "two ways to name particles"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options, words):
    with pytest.raises(UsageError, match=words):
        SegmentOptions(**options)
