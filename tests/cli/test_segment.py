import json

import numpy as np
import pytest
import tifffile

from temtrack.pipeline.options import SegmentOptions


@pytest.fixture
def image():
    """Two dark squares of 16 px and one dark pixel on a bright ground of 40 x 50."""
    scene = np.full((40, 50), 200, np.uint8)
    scene[4:8, 4:8] = scene[20:24, 30:34] = scene[35, 45] = 10
    return scene


@pytest.fixture
def image_file(tmp_path, image):
    tifffile.imwrite(tmp_path / "gold.tif", image)
    return tmp_path / "gold.tif"


def rows(stdout):
    return json.loads(stdout)["inputs"]


def one_line(stderr):
    return stderr.count("\n") == 1 and stderr.startswith("temtrack: error: ")


def test_an_image_gives_a_mask_beside_it_and_a_row(run, segmenter, image_file, image):
    result = run("segment", image_file, "--json", "--pixel-size", "0.5nm", "--rescale", "1.5")
    assert result.exit_code == 0
    (row,) = rows(result.stdout)
    mask = tifffile.imread(image_file.with_name("gold_mask.tif"))
    np.testing.assert_array_equal(mask > 0, image < 100)
    assert row["n_particles"] == 3
    assert row["coverage"] == pytest.approx(33 / 2000)
    mean_px = (2 * np.sqrt(64 / np.pi) + np.sqrt(4 / np.pi)) / 3
    assert row["mean_diameter_px"] == pytest.approx(mean_px)
    assert row["mean_diameter_nm"] == pytest.approx(mean_px / 2)
    assert row["output"] == str(image_file.with_name("gold_mask.tif"))
    assert segmenter.asked == [1.5]


def test_small_particles_are_dropped_and_ids_closed(run, segmenter, image_file):
    assert run("segment", image_file, "--min-area", "5").exit_code == 0
    mask = tifffile.imread(image_file.with_name("gold_mask.tif"))
    assert np.unique(mask).tolist() == [0, 1, 2]
    assert segmenter.asked == [None]


def test_a_movie_gives_a_masks_folder(run, segmenter, tmp_path, image):
    tifffile.imwrite(tmp_path / "film.tif", np.stack([image] * 5), photometric="minisblack")
    result = run("segment", tmp_path / "film.tif", "-o", tmp_path / "out")
    assert result.exit_code == 0
    assert "film" in result.stdout
    assert "give it as --pixel-size" in result.stderr
    found = sorted((tmp_path / "out" / "film").iterdir())
    assert [p.name for p in found] == [*(f"mask{t:04d}.tif" for t in range(5)), "run.json"]
    assert run("segment", tmp_path / "film.tif").exit_code == 0
    assert (tmp_path / "film_masks" / "mask0004.tif").exists()


def test_force_leaves_no_mask_of_a_longer_movie(run, segmenter, tmp_path, image):
    film = tmp_path / "film.tif"
    for n_frames in (6, 2):
        tifffile.imwrite(film, np.stack([image] * n_frames), photometric="minisblack")
        assert run("segment", film, "--force").exit_code == 0
    assert len(list((tmp_path / "film_masks").glob("mask*"))) == 2


def test_a_folder_or_pattern_is_many_images_without_their_masks(run, segmenter, tmp_path, image):
    for name in ("a2.tif", "a10.tif"):
        tifffile.imwrite(tmp_path / name, image)
    first = rows(run("segment", tmp_path, "--json").stdout)
    assert [row["input"] for row in first] == [str(tmp_path / "a2.tif"), str(tmp_path / "a10.tif")]
    again = rows(run("segment", tmp_path / "*.tif", "--json", "--force").stdout)
    assert again == first


def test_one_bad_image_does_not_stop_the_rest(run, segmenter, tmp_path, image_file):
    (tmp_path / "broken.tif").write_text("no image")
    result = run("segment", tmp_path / "broken.tif", tmp_path / "none.png", image_file)
    assert result.exit_code == 3
    assert "gold" in result.stdout
    assert (tmp_path / "gold_mask.tif").exists()
    for word in ("broken.tif", "none.png", "2 of 3 inputs failed"):
        assert word in result.stderr


def test_nothing_is_overwritten_without_force(run, segmenter, tmp_path, image_file):
    assert run("segment", image_file).exit_code == 0
    again = run("segment", image_file)
    assert again.exit_code == 1
    assert one_line(again.stderr)
    assert "--force" in again.stderr
    assert run("segment", image_file, "--force").exit_code == 0


def test_two_images_of_one_name_do_not_share_a_mask(run, segmenter, tmp_path, image):
    paths = [tmp_path / folder / "x.tif" for folder in "ab"]
    for path in paths:
        path.parent.mkdir()
        tifffile.imwrite(path, image)
    assert run("segment", *paths, "-o", tmp_path / "out").exit_code == 0
    assert sorted(p.name for p in (tmp_path / "out").glob("*.tif")) == ["a_x_mask.tif", "b_x_mask.tif"]
    assert run("segment", *paths).exit_code == 0
    assert all((path.parent / "x_mask.tif").is_file() for path in paths)


def test_a_mask_alone_tells_how_it_was_made(run, segmenter, image_file):
    from temtrack.formats.store.tables import read_provenance

    assert run("segment", image_file, "--min-area", "5").exit_code == 0
    made = read_provenance(image_file.with_name("gold_mask.tif"))
    assert made.command == f"temtrack segment {image_file} --min-area 5"
    assert len(made.inputs["movie"].sha256) == 64
    assert SegmentOptions.from_json(made.options) == SegmentOptions(min_area_px=5)


@pytest.mark.parametrize("value", [0, 77, np.nan])
def test_a_constant_image_gives_an_empty_mask_and_a_word(run, segmenter, tmp_path, value):
    tifffile.imwrite(tmp_path / "black.tif", np.full((30, 40), value, np.float32))
    result = run("segment", tmp_path / "black.tif", "--json")
    assert result.exit_code == 0
    assert "no particle" in result.stderr
    assert tifffile.imread(tmp_path / "black_mask.tif").max() == 0
    (row,) = rows(result.stdout)
    assert (row["n_particles"], row["coverage"], row["mean_diameter_px"]) == (0, 0, None)


def test_points_and_boxes_reach_the_model_in_y_x(run, segmenter, tmp_path, image_file):
    (tmp_path / "points.csv").write_text("x,y\n5,6\n31,22\n")
    (tmp_path / "boxes.csv").write_text("x0,y0,x1,y1\n3,4,9,10\n")
    assert run("segment", image_file, "--points", tmp_path / "points.csv").exit_code == 0
    assert run("segment", image_file, "--force", "--boxes", tmp_path / "boxes.csv").exit_code == 0
    (points, no_boxes), (no_points, boxes) = segmenter.prompted
    assert points.tolist() == [[6, 5], [22, 31]]
    assert boxes.tolist() == [[4, 3, 10, 9]]
    assert no_boxes is no_points is None


def test_prompts_where_they_mean_nothing_are_refused(run, segmenter, tmp_path, image_file, image):
    (tmp_path / "points.csv").write_text("x,y\n5,6\n")
    (tmp_path / "far.csv").write_text("x,y\n5,6\n51,6\n")
    (tmp_path / "boxes.csv").write_text("x0,y0,x1,y1\n3,4,9,10\n")
    (tmp_path / "wrong.csv").write_text("a,b\n5,6\n")
    tifffile.imwrite(tmp_path / "film.tif", np.stack([image] * 5), photometric="minisblack")
    cases = [
        ([image_file, tmp_path / "film.tif", "--points", tmp_path / "points.csv"], 2, "one input"),
        ([image_file, "--points", tmp_path / "points.csv", "--boxes", tmp_path / "boxes.csv"], 2, "give one"),
        ([tmp_path / "film.tif", "--points", tmp_path / "points.csv"], 1, "is a movie"),
        ([image_file, "--points", tmp_path / "far.csv"], 1, "x=51, y=6 lies outside"),
        ([image_file, "--boxes", tmp_path / "wrong.csv"], 1, "needed is the header x0,y0,x1,y1"),
    ]
    for words, exit_code, reason in cases:
        result = run("segment", *words)
        assert result.exit_code == exit_code
        assert one_line(result.stderr)
        assert reason in result.stderr


def test_bad_places_and_values_end_in_one_line(run, segmenter, tmp_path, image_file):
    full = tmp_path / "full"
    full.mkdir()
    (full / "notes.txt").touch()
    cases = [
        ([image_file, "-o", full], 1, "not empty"),
        ([image_file, "-o", image_file], 1, "is a file"),
        ([image_file, "-o", image_file / "below"], 1, "cannot be written"),
        ([image_file, "--rescale", "30"], 2, "--rescale 30"),
        ([tmp_path / "none.tif"], 1, "no such file"),
        ([full], 1, "no image"),
    ]
    for words, exit_code, reason in cases:
        result = run("segment", *words)
        assert (result.exit_code, one_line(result.stderr)) == (exit_code, True), words
        assert reason in result.stderr


def test_many_images_are_shown_on_one_sheet(run, segmenter, tmp_path, image):
    for name in ("a.tif", "b.tif"):
        tifffile.imwrite(tmp_path / name, image)
    made = json.loads(run("segment", tmp_path, "--json").stdout)
    assert made["contact_sheets"] == [str(tmp_path / "contact_sheet.png")]
    assert (tmp_path / "contact_sheet.png").is_file()
    again = run("segment", tmp_path, "--force", "--json")  # the sheet is no image to segment
    assert [row["input"] for row in rows(again.stdout)] == [
        str(tmp_path / name) for name in ("a.tif", "b.tif")
    ]
    (tmp_path / "contact_sheet.png").unlink()
    assert "contact_sheets" not in json.loads(
        run("segment", tmp_path, "--force", "--no-overlay", "--json").stdout
    )
    assert "contact_sheets" not in json.loads(run("segment", tmp_path / "a.tif", "--force", "--json").stdout)


@pytest.mark.parametrize("n_frames", [1, 3])
def test_resume_does_an_unfinished_input_again_and_no_finished_one(run, tmp_path, image, n_frames):
    tifffile.imwrite(tmp_path / "gold.tif", np.stack([image] * n_frames), photometric="minisblack")
    words = ("segment", tmp_path / "gold.tif", "--model", "otsu", "-o", tmp_path / "out")
    assert run(*words).exit_code == 0
    whole = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert run(*words, "--resume").exit_code == 1
    next(path for path in whole if path.name in ("gold_mask.tif", "run.json")).unlink()
    assert run(*words).exit_code == 1
    assert run(*words, "--resume").exit_code == 0
    assert {path: path.read_bytes() for path in whole} == whole
