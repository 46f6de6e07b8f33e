import csv
import json
import tomllib

import numpy as np
import pytest
import tifffile
from review_scene import MASKS, make_run, write_scene
from skimage.draw import disk

from temtrack.formats.readers import read_movie
from temtrack.formats.store.masks import read_labels
from temtrack.formats.store.run import movie_source, write_run
from temtrack.models.registry import write_run_spec
from temtrack.nets.efficient_sam import EfficientSam
from temtrack.provenance import Provenance
from temtrack.review.corrections import Confirmed, ParticleDeleted
from temtrack.review.log import Entry, Log, append
from temtrack.review.places import Place
from temtrack.training.history import EpochRow
from temtrack.training.recipes import RECIPES

#: The real network, on the smallest samples that it takes.
SMALL = ("--steps", 2, "--crop", 32, "--batch", 1, "--device", "cpu", "--json")
COLUMNS = "epoch,train_loss,test_loss,train_iou,test_iou,train_dice,test_dice,seconds"


@pytest.fixture
def films(tmp_path):
    """Three images with two particles each, one of them with a row of NaN, and their masks."""
    for name in ("images", "masks"):
        (tmp_path / "films" / name).mkdir(parents=True)
    for i in range(3):
        labels = np.zeros((70, 80), np.uint16)
        labels[disk((30, 25), 12)] = 1
        labels[disk((32, 55), 12 + i)] = 2
        image = np.where(labels > 0, 60.0, 200.0).astype(np.float32)
        if i == 1:
            image[10] = np.nan
        tifffile.imwrite(tmp_path / f"films/images/{i}.tif", image)
        tifffile.imwrite(tmp_path / f"films/masks/{i}.tif", labels)
    return tmp_path / "films"


@pytest.fixture
def reviewed(tmp_path):
    """A tracked run beside its movie, with two frames that a person corrected."""
    film, masks = tmp_path / "film.tif", write_scene(tmp_path / "masks")
    tifffile.imwrite(film, np.where(MASKS > 0, 60, 180).astype(np.uint8))
    source = movie_source(read_movie(film))
    write_run(masks, Provenance("track", "temtrack track", {"movie": source}))
    done = [ParticleDeleted(Place(5, 70.0, 70.0)), Confirmed("frame", 5), Confirmed("frame", 9)]
    append(Log(masks / "corrections.jsonl"), [Entry.now(one) for one in done], make_run())
    return masks


@pytest.fixture
def small_network(monkeypatch):
    """A small network in place of the real one."""
    small = lambda: EfficientSam(dim=48, depth=1, n_heads=3, prompt_dim=32)  # noqa: E731
    monkeypatch.setattr("temtrack.nets.efficient_sam.efficient_sam_ti", small)


def read_log(folder):
    with (folder / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_real_network_trains_on_images_and_serves_as_a_model(run, films, tmp_path):
    out = tmp_path / "run"
    result = run("train", f"{films}=0.5", "-o", out, *SMALL)
    assert result.exit_code == 0, result.output
    (told,) = json.loads(result.stdout)
    assert told["run"] == str(out)
    assert {path.name for path in out.iterdir()} == {
        "best.safetensors", "curves.png", "last.safetensors", "log.csv", "model.toml", "run.json",
        "state.pt",
    }  # fmt: skip
    assert (out / "log.csv").read_text().splitlines()[0] == COLUMNS
    (row,) = read_log(out)
    assert {name: float(value) for name, value in row.items()} == {name: told[name] for name in row}
    assert np.isfinite(list(map(float, row.values()))).all()
    image = films / "images" / "0.tif"
    segmented = run("segment", image, "--model", out, "--rescale", "1", "--device", "cpu")
    assert segmented.exit_code == 0, segmented.output
    assert image.with_name("0_mask.tif").exists()


@pytest.mark.parametrize(("model", "crop"), [("swin-unet", 224), ("vmamba", 32)])
def test_a_dense_network_trains_resumes_and_serves_as_a_model(run, films, tmp_path, model, crop):
    out, image = tmp_path / "run", films / "images" / "0.tif"
    words = ("train", films, "--model", model, "-o", out, "--crop", crop, "--batch", 4, "--device", "cpu")
    for n_epochs, n_steps in enumerate((1, 2), start=1):
        result = run(*words, "--resume", "--steps", n_steps)
        assert result.exit_code == 0, result.output
        assert len(read_log(out)) == n_epochs
    other = run(*words[:3], "effsam-tiny", *words[4:], "--resume")
    assert (other.exit_code, other.stderr.count("\n")) == (2, 1)
    assert f"is a run of {model}, not of effsam-tiny" in other.stderr
    asked = ("segment", image, "--model", out, "--rescale", 1, "--device", "cpu")
    assert run(*asked).exit_code == 0
    assert tifffile.imread(image.with_name("0_mask.tif")).shape == (70, 80)
    points = tmp_path / "points.csv"
    points.write_text("x,y\n25,30\n")
    refused = run(*asked, "--points", points, "--force")
    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)
    assert "takes no --points or --boxes" in refused.stderr


def test_a_model_of_one_magnification_knows_its_scale_and_its_smallest_particle(run, films, tmp_path):
    for mask in (films / "masks").iterdir():  # of two values: each part is a particle
        tifffile.imwrite(mask, np.uint8(255) * (tifffile.imread(mask) > 0))
    out = tmp_path / "run"
    result = run("train", films, "--scale", 1, "--unaugmented", 1, "-o", out, *SMALL)
    assert result.exit_code == 0, result.output
    known = tomllib.loads((out / "model.toml").read_text())
    assert (known["scale"], known["min_area_px"]) == (1.0, len(disk((30, 25), 12)[0]))
    assert known["centring_blur_px"] > 0
    segmented = run("segment", films / "images" / "0.tif", "--model", out, "--device", "cpu")
    assert segmented.exit_code == 0, segmented.output


def test_the_network_is_that_of_the_weights_to_start_from(run, films, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    assert run("train", films, "--model", "vmamba", "-o", first, *SMALL).exit_code == 0
    assert run("train", films, "--pretrained", first, "-o", second, *SMALL).exit_code == 0
    assert 'architecture = "vmamba"' in (second / "model.toml").read_text()
    refused = run(
        "train", films, "--pretrained", first, "--model", "swin-unet", "-o", tmp_path / "third", *SMALL
    )
    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)
    assert "has the weights of vmamba" in refused.stderr


def test_weights_of_another_network_are_refused(run, films, tmp_path):
    out = tmp_path / "run"
    assert run("train", films, "--model", "vmamba", "-o", out, *SMALL).exit_code == 0
    write_run_spec(out, "swin-unet", "temtrack train")
    segmented = run("segment", films / "images/0.tif", "--model", out, "--device", "cpu")
    started = run(
        "train", films, "--model", "swin-unet", "--pretrained", out, "-o", tmp_path / "b", "--steps", 1
    )
    for result in (segmented, started):
        assert result.exit_code == 1
        assert result.stderr.count("\n") == 1
        assert "does not fit the network swin-unet" in result.stderr


def test_corrections_of_a_run_make_a_model_that_segments(run, reviewed, small_network, tmp_path):
    out = tmp_path / "mine"
    result = run("train", "--corrections", reviewed, "-o", out, *SMALL)
    assert result.exit_code == 0, result.output
    assert "learns from 2 frames that were looked at" in " ".join(result.stderr.split())
    labels = tmp_path / "mine_labels" / "masks" / "masks"
    assert sorted(path.name for path in labels.iterdir()) == ["masks_0005.tif", "masks_0009.tif"]
    assert np.array_equal(read_labels(labels / "masks_0005.tif") > 0, (MASKS[5] > 0) & (MASKS[5] != 7))
    record = json.loads((out / "run.json").read_text())
    assert record["inputs"]["data0"]["name"] == str(labels.parent)
    image = labels.parent / "images" / "masks_0009.tif"
    words = ("--model", out, "--rescale", "1", "--device", "cpu", "-o", tmp_path / "found", "--no-overlay")
    segmented = run("segment", image, *words)
    assert segmented.exit_code == 0, segmented.output
    assert read_labels(tmp_path / "found" / "masks_0009_mask.tif").shape == MASKS[9].shape


def test_a_propagator_trains_on_images_that_are_set_in_motion(run, films, tmp_path):
    out = tmp_path / "run"
    words = (
        "train",
        films,
        "--model",
        "deaot-t",
        "--steps",
        1,
        "--crop",
        33,
        "--batch",
        1,
        "--device",
        "cpu",
    )
    result = run(*words, "-o", out)
    assert result.exit_code == 0, result.output
    (row,) = read_log(out)
    assert np.isfinite([float(row["train_loss"]), float(row["test_loss"])]).all()
    assert "deaot-t" in (out / "model.toml").read_text()
    assert {path.name for path in out.iterdir()} >= {"best.safetensors", "state.pt"}


def test_a_run_goes_on_only_with_resume(run, films, tmp_path, small_network):
    words = ("train", films, "-o", tmp_path / "run", "--synthetic", "0.0", *SMALL)
    assert run(*words).exit_code == 0
    refused = run(*words)
    assert refused.exit_code == 1
    assert "holds a run already" in refused.stderr
    (first,) = read_log(tmp_path / "run")
    for n_steps, n_epochs in ((4, 2), (4, 2), (5, 3)):  # the second time there is nothing left to do
        assert run(*words, "--resume", "--steps", n_steps).exit_code == 0
        rows = read_log(tmp_path / "run")
        assert rows[0] == first
        assert [int(row["epoch"]) for row in rows] == list(range(n_epochs))


def test_a_run_starts_from_another_models_weights(run, films, tmp_path, small_network):
    words = ("train", films, *SMALL, "--lr", "0")
    assert run(*words, "-o", tmp_path / "a").exit_code == 0
    assert run(*words, "-o", tmp_path / "b", "--seed", "1").exit_code == 0
    assert run(*words, "-o", tmp_path / "c", "--seed", "1", "--pretrained", tmp_path / "a").exit_code == 0
    a, b, c = ((tmp_path / name / "best.safetensors").read_bytes() for name in "abc")
    assert a == c != b
    result = run(*words, "-o", tmp_path / "d", "--pretrained", "effsam-tny")
    assert result.exit_code == 1
    assert "Did you mean 'effsam-tiny'" in result.stderr


def test_a_score_of_nothing_is_null(run, tmp_path, monkeypatch):
    def train_on_nothing(run):
        nan = float("nan")
        return [EpochRow(0, 0.5, 0.4, nan, nan, nan, nan, 1.0)]

    monkeypatch.setattr("temtrack.training.run.run_training", train_on_nothing)
    result = run("train", "-o", tmp_path / "run", "--json")
    assert result.exit_code == 0, result.output
    (told,) = json.loads(result.stdout)
    assert (told["test_loss"], told["test_iou"]) == (0.4, None)


@pytest.mark.parametrize(
    ("words", "exit_code", "reason"),
    [
        (["{films}=lots"], 2, "fraction 'lots' is no number; give DIR=0.5"),
        (["{films}=0"], 2, "give positive numbers"),
        (["{films}=-1", "--synthetic", "2"], 2, "give positive numbers"),
        (["--synthetic", "2"], 2, "give positive numbers up to 1"),
        (["{films}=nan"], 2, "give positive numbers"),
        (["{films}=inf"], 2, "give positive numbers"),
        (["{films}/images"], 1, "holds no images"),
        (["{films}/none"], 1, "holds no images"),
        ([], 2, "nothing to train on"),
        (["{films}", "--crop", "40"], 2, "multiple of 16, as 48"),
        (["{films}", "--model", "swin-unet", "--crop", "256"], 2, "multiple of 224, as 448"),
        (["{films}", "--model", "vmamba-base", "--crop", "240"], 2, "multiple of 32, as 256"),
        (["{films}", "--model", "otsu"], 2, "'otsu' is used as it is; train another"),
        (["{films}", "--pretrained", "otsu"], 2, "'otsu' is used as it is"),
        (["{films}", "--model", "deaot-t", "--crop", "256"], 2, "multiple of 16 and one, as 257"),
        (["--model", "deaot-t"], 2, "nothing to train on"),
        (["{films}", "--model", "deaot-t", "--scale", "1"], 2, "--scale is for networks that segment"),
        (["--model", "deaot-xxl", "--synthetic", "1"], 1, "unknown network 'deaot-xxl'"),
        (["{films}", "--model", "effsam-huge"], 1, "unknown network 'effsam-huge'"),
        (["{films}", "--exclude", "{films}/none.txt"], 1, "cannot read the list"),
        (["{films}", "--exclude", "{films}/all.txt"], 1, "all of its images are excluded"),
    ],
)
def test_what_cannot_be_trained_on_ends_in_one_line(run, films, tmp_path, words, exit_code, reason):
    (films / "all.txt").write_text("# every one\nfilms/0\nfilms/1\nfilms/2\n")
    result = run(
        "train", *(word.format(films=films) for word in words), "-o", tmp_path / "run", "--steps", "1"
    )
    assert result.exit_code == exit_code, result.output
    assert result.stderr.startswith("temtrack: error: ")
    assert result.stderr.count("\n") == 1
    assert reason in result.stderr


def test_a_recipe_gives_fractions_and_settings_where_none_are_given(run, monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr("temtrack.training.run.run_training", lambda run: asked.append(run) or [])
    folders = [tmp_path / name for name in ("haadf", "paper", "emps")]
    result = run("train", *folders, "--recipe", "effsam-tiny", "--pretrained", "effsam-tiny", "--steps", 7)
    assert result.exit_code == 0, result.output
    recipe, (asked_for,) = RECIPES["effsam-tiny"], asked
    assert {path.name: fraction for path, fraction in asked_for.data.folders} == recipe.fractions
    assert asked_for.data.synthetic_fraction == recipe.synthetic_fraction
    assert asked_for.config.n_steps == 7
    assert asked_for.config.learning_rate == recipe.fine_tuning["learning_rate"]
    unknown = run("train", "--recipe", "none")
    assert unknown.exit_code == 2
    assert "--recipe none: known are effsam-tiny" in unknown.stderr
