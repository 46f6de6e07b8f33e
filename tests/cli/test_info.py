import json

import numpy as np
import pytest
import tifffile

FRAMES = np.arange(4 * 20 * 30, dtype=np.uint16).reshape(4, 20, 30)


@pytest.fixture
def movie(tmp_path):
    path = tmp_path / "movie.tif"
    facts = {"axes": "TYX", "unit": "nm", "finterval": 0.5}
    tifffile.imwrite(path, FRAMES, imagej=True, resolution=(4, 4), metadata=facts)
    return path


def test_every_number_stands_beside_its_source(run, movie):
    result = run("info", movie)
    assert result.exit_code == 0
    lines = [[cell.strip() for cell in line.split("│")[1:-1]] for line in result.stdout.splitlines()]
    assert ["format", "TIFF", "content"] in lines
    assert ["size", "20 x 30 px, uint16", "content"] in lines
    assert ["pixel size", "0.25 nm", "ImageJ XResolution and unit"] in lines
    assert ["frame time", "0.5 s, 1.5 s in all", "ImageJ finterval"] in lines
    assert result.stderr == ""


def test_json_has_units_in_its_names_and_null_for_what_is_unknown(run, tmp_path):
    tifffile.imwrite(tmp_path / "plain.tif", FRAMES, photometric="minisblack")
    result = run("info", tmp_path / "plain.tif", "--json")
    facts = json.loads(result.stdout)["inputs"][0]
    assert (facts["n_frames"], facts["height_px"], facts["width_px"], facts["dtype"]) == (4, 20, 30, "uint16")
    assert facts["pixel_size_nm"] is facts["frame_time_s"] is facts["pixel_size_source"] is None
    assert "--pixel-size" in result.stderr
    assert "--frame-time" in result.stderr


def test_the_users_word_counts_and_is_named(run, movie):
    facts = json.loads(run("info", movie, "--pixel-size", "2A", "--frame-time", "40ms", "--json").stdout)[
        "inputs"
    ][0]
    assert (facts["pixel_size_nm"], facts["pixel_size_source"]) == (0.2, "given by --pixel-size")
    assert (facts["frame_time_s"], facts["span_s"]) == (pytest.approx(0.04), pytest.approx(0.12))


def test_a_single_image_has_no_frame_time_and_none_is_asked_for(run, tmp_path):
    tifffile.imwrite(tmp_path / "image.tif", FRAMES[0])
    result = run("info", tmp_path / "image.tif")
    assert "frame time" not in result.stdout
    assert "--frame-time" not in result.stderr


def test_what_is_no_movie_ends_in_one_line(run, tmp_path):
    result = run("info", tmp_path / "none.dm4")
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert "no such file" in result.stderr


def test_a_drawn_scale_bar_gives_the_scale(run, tmp_path):
    image = np.random.default_rng(0).integers(90, 160, (100, 200), dtype=np.uint8)
    image[90:93, 10:60] = 255
    tifffile.imwrite(tmp_path / "bar.tif", image)
    facts = json.loads(run("info", tmp_path / "bar.tif", "--scale-bar", "0.1um", "--json").stdout)["inputs"][
        0
    ]
    assert facts["pixel_size_nm"] == 2
    assert "--scale-bar" in facts["pixel_size_source"]
