import json

import numpy as np
import pytest
import tifffile
from skimage.draw import disk
from stitching import stitch

from temtrack.datasets.labelled import read_dataset, read_sides
from temtrack.formats.store.tables import read_metadata, read_table


def one_line(stderr):
    return stderr.count("\n") == 1 and stderr.startswith("temtrack: error: ")


def write(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, pixels, photometric="minisblack")


@pytest.fixture
def data(tmp_path):
    """Five labelled images of several sizes and types; the first smaller than a tile of 64 px."""
    rng = np.random.default_rng(0)
    sizes = [(50, 40), (64, 64), (100, 130), (128, 64), (90, 200)]
    dtypes = [np.uint8, np.uint16, np.uint32, np.float32, np.int16]
    for name, shape, dtype in zip("abcde", sizes, dtypes, strict=True):
        labels = np.zeros(shape, np.int32)
        labels[disk((20, 20), 12, shape=shape)] = 70_000
        write(tmp_path / "images" / f"{name}.tif", rng.integers(0, 120, shape).astype(dtype))
        write(tmp_path / "masks" / f"{name}.tif", labels)
    return tmp_path


def slice_words(data, *words):
    return ["slice", data / "images", data / "masks", "-o", data / "tiles", "--size", "64", *words]


def whole(tiles, manifest, kind, source):
    """Stitch the tiles of a source."""
    rows = manifest[manifest["source"] == str(source)]
    pieces = [
        (
            (slice(row.y_px, row.y_px + row.height_px), slice(row.x_px, row.x_px + row.width_px)),
            tifffile.imread(tiles / row.side / kind / f"{row.tile}.tif"),
        )
        for row in rows.itertuples()
    ]
    shape = rows.iloc[0].image_height_px, rows.iloc[0].image_width_px
    return stitch(shape, pieces)


@pytest.mark.parametrize("words", [[], ["--overlap", "16"], ["--edge", "pad"]])
def test_tiles_put_together_are_the_images_in_every_bit(run, data, words):
    result = run(*slice_words(data, *words, "--json"))
    assert result.exit_code == 0, result.stderr
    manifest = read_table(data / "tiles" / "manifest.parquet")
    for path in (data / "images").iterdir():
        for kind in ("images", "masks"):
            original = tifffile.imread(data / kind / path.name)
            again = whole(data / "tiles", manifest, kind, path)
            np.testing.assert_array_equal(again, original)
            assert kind == "masks" or again.dtype == original.dtype
    assert sum(row["tiles"] for row in json.loads(result.stdout)) == len(manifest)


def test_no_source_stands_on_both_sides_and_the_seed_decides(run, data):
    sides = []
    for seed in (0, 0, 1, 2, 3):
        assert run(*slice_words(data, "--force", "--seed", seed)).exit_code == 0
        manifest = read_table(data / "tiles" / "manifest.parquet")
        assert (manifest.groupby("source")["side"].nunique() == 1).all()
        assert set(manifest["side"]) == {"train", "test"}
        sides.append(tuple(manifest.sort_values("tile")["side"]))
    assert sides[0] == sides[1]
    assert len(set(sides)) > 1
    assert "temtrack_version" in read_metadata(data / "tiles" / "manifest.parquet")


def test_the_output_is_what_training_reads(run, data):
    assert run(*slice_words(data, "--keep-empty", "0")).exit_code == 0
    tiles = data / "tiles"
    training, test = read_sides(tiles, frozenset(), 0.5, np.random.default_rng(0))
    n_files = {side: len(list((tiles / side / "masks").iterdir())) for side in ("train", "test")}
    assert {"train": len(training), "test": len(test)} == n_files
    assert [image.name for image in read_dataset(tiles / "train")] == [image.name for image in training]
    assert all(image.labels.any() for image in training + test)


def test_empty_tiles_are_kept_or_dropped_in_part(run, data):
    n_empty = []
    for share in ("1", "0.5", "0"):
        result = run(*slice_words(data, "--force", "--json", "--keep-empty", share))
        n_empty.append(sum(row["empty"] for row in json.loads(result.stdout)))
    assert n_empty[1] == round(n_empty[0] / 2)
    assert n_empty[2] == 0
    assert f"{n_empty[0]} tiles without particles were left out" in result.stderr


def test_a_movie_is_taken_by_every_nth_frame_and_is_one_source(run, data):
    film = np.random.default_rng(0).integers(0, 255, (7, 64, 64, 3)).astype(np.uint8)
    tifffile.imwrite(data / "film.tif", film, photometric="rgb")
    masks = np.zeros((7, 64, 64), np.uint16)
    masks[:, 5:9, 5:9] = 3
    write(data / "film_masks.tif", masks)
    words = ["slice", data / "film.tif", data / "film_masks.tif", "-o", data / "tiles", "--size", "64"]
    result = run(*words, "--every", "3")
    assert result.exit_code == 0
    assert "all tiles are of one group" in result.stderr
    found = sorted((data / "tiles" / "train" / "images").iterdir())
    assert [path.name for path in found] == [f"film_f{t:04d}_y0000_x0000.tif" for t in (0, 3, 6)]
    assert tifffile.imread(found[1]).shape == (64, 64)
    assert not (data / "tiles" / "test").exists()
    again = run(*words, "--every", "3", "--group-by", "frame", "--force")
    assert "one group" not in again.stderr
    assert len(list((data / "tiles" / "test" / "images").iterdir())) == 1


def test_force_leaves_no_tile_of_an_earlier_run_and_nothing_else_goes(run, data):
    assert run(*slice_words(data)).exit_code == 0
    (data / "tiles" / "train" / "images" / "notes.txt").touch()
    assert run(*slice_words(data, "--size", "4096", "--force")).exit_code == 0
    left = {path.stem for path in (data / "tiles").rglob("*.*")}
    assert left == {*(f"{name}_y0000_x0000" for name in "abcde"), "notes", "manifest"}


def test_test_tiles_that_show_what_training_tiles_show_are_named(run, tmp_path):
    field = np.random.default_rng(0).integers(0, 200, (200, 200)).astype(np.uint8)
    field = field.repeat(3, 0).repeat(3, 1)
    for name, cut in (("one", field[:512, :512]), ("two", field[60:572, 60:572])):
        write(tmp_path / "images" / f"{name}.tif", cut)
        write(tmp_path / "masks" / f"{name}.tif", (cut > 100).astype(np.uint8))
    result = run("slice", tmp_path / "images", tmp_path / "masks", "-o", tmp_path / "tiles")
    assert result.exit_code == 0
    assert "1 of 1 test tiles seem to show what a training tile shows" in result.stderr
    for name in ("one_y0000_x0000", "two_y0000_x0000"):
        assert name in result.stderr
    manifest = read_table(tmp_path / "tiles" / "manifest.parquet").set_index("tile")
    assert manifest.loc["one_y0000_x0000", "near_duplicate"] == "two_y0000_x0000"
    assert manifest["similarity"].min() > 0.26


def test_images_too_small_are_named_where_they_are_dropped(run, data):
    result = run(*slice_words(data, "--edge", "drop"))
    assert result.exit_code == 0
    assert f"smaller than a tile and dropped: {data / 'images' / 'a.tif'}" in result.stderr
    heights = read_table(data / "tiles" / "manifest.parquet")["height_px"]
    assert set(heights) == {64}


@pytest.mark.parametrize(("value", "what"), [(0, "holds a particle"), (1, "holds any background")])
def test_masks_of_one_class_are_warned_of(run, data, value, what):
    for path in (data / "masks").iterdir():
        write(path, np.full(tifffile.imread(path).shape, value, np.uint8))
    result = run(*slice_words(data))
    assert result.exit_code == 0
    assert f"warning: train: the masks know one class only: no tile {what}" in result.stderr


def test_bad_input_ends_in_one_line_and_writes_nothing(run, data):
    tiles = data / "tiles"
    (data / "none").mkdir()
    write(data / "masks_off" / "a.tif", np.zeros((9, 9), np.uint8))
    write(data / "masks_half" / "b.tif", np.full((64, 64), 0.5, np.float32))
    image = data / "images"
    cases = [
        ([image, data / "none"], 1, "holds no mask"),
        ([data / "none", data / "masks"], 1, "holds no image"),
        ([data / "nowhere", data / "masks"], 1, "nowhere"),
        ([image, data / "nowhere"], 1, "no such file or folder of masks"),
        ([image / "a.tif", data / "masks" / "b.tif"], 1, "masks are 64x64 px"),
        ([image / "a.tif", data / "masks_off"], 1, "masks are 9x9 px"),
        ([image / "b.tif", data / "masks_half"], 1, "no whole numbers"),
        ([image, data / "masks_off"], 1, "b.tif: has no mask, as 4 of 5 images"),
        ([image / "[ab].tif", data / "masks"], 1, "c.tif: has no image, as 3 of 5 masks"),
        ([image, data / "masks", "--size", "64", "--overlap", "64"], 2, "--overlap 64"),
        ([image, data / "masks", "--group-by", "sauce"], 2, "--group-by 'sauce'"),
        ([image / "a.tif", data / "masks" / "a.tif", "--edge", "drop"], 1, "no tile remains"),
    ]
    for words, exit_code, reason in cases:
        result = run("slice", *words, "-o", tiles)
        assert (result.exit_code, one_line(result.stderr)) == (exit_code, True), result.stderr
        assert reason in result.stderr
        assert not any(tiles.rglob("*"))


def test_a_source_that_cannot_be_read_is_left_out_and_named(run, data):
    (data / "images" / "b.tif").write_bytes((data / "images" / "b.tif").read_bytes()[:300])
    write(data / "masks" / "d.tif", np.zeros((9, 9), np.uint8))
    result = run(*slice_words(data))
    assert result.exit_code == 3
    assert "b.tif" in result.stderr
    assert "masks are 9x9 px" in result.stderr
    assert "2 of 5 inputs failed" in result.stderr
    manifest = read_table(data / "tiles" / "manifest.parquet")
    left = [str(data / "images" / f"{name}.tif") for name in "ace"]
    assert sorted(set(manifest["source"])) == left
    assert len(list((data / "tiles").rglob("*.tif"))) == 2 * len(manifest)


def test_no_keep_going_stops_at_the_first_failure_and_writes_nothing(run, data):
    write(data / "masks" / "b.tif", np.zeros((9, 9), np.uint8))
    result = run(*slice_words(data, "--no-keep-going"))
    assert (result.exit_code, one_line(result.stderr)) == (1, True), result.stderr
    assert not any((data / "tiles").rglob("*"))


def test_where_all_sources_fail_nothing_is_written(run, data):
    for path in (data / "masks").iterdir():
        write(path, np.zeros((9, 9), np.uint8))
    result = run(*slice_words(data))
    assert (result.exit_code, one_line(result.stderr)) == (1, True), result.stderr
    assert "all 5 sources failed" in result.stderr
    assert not any((data / "tiles").rglob("*"))


def test_bad_places_end_in_one_line(run, data):
    (data / "full").mkdir()
    (data / "full" / "notes.txt").touch()
    (data / "inway").touch()
    words = ["slice", data / "images", data / "masks", "-o"]
    for place, reason in (
        (data / "full", "not empty"),
        (data / "inway", "is a file"),
        (data / "inway" / "below", "cannot be written"),
        (data, "lies in it"),
    ):
        result = run(*words, place)
        assert (result.exit_code, one_line(result.stderr)) == (1, True), result.stderr
        assert reason in result.stderr
