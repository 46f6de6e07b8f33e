"""Burned-in bars: left out by ``segment`` and ``track``, measured by ``--scale-bar``."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import tifffile
from PIL import Image, ImageDraw, ImageFont

from temtrack.formats.store.masks import mask_name, read_labels, write_mask


def burn_in(grey):
    """Draw an annotation bar of 20 rows with writing, and above it a bar of 80 px with its letters."""
    picture = Image.fromarray(grey)
    canvas, font = ImageDraw.Draw(picture), ImageFont.load_default(16)
    canvas.rectangle((0, grey.shape[0] - 20, grey.shape[1], grey.shape[0]), fill=0)
    canvas.text((4, grey.shape[0] - 20), "HV=200kV  Mag 40kx  2024/05/01", fill=255, font=font)
    canvas.text((20, 236), "20 nm", fill=0, font=font)
    canvas.rectangle((20, 258, 99, 261), fill=0)
    return np.asarray(picture)


@pytest.fixture
def film(tmp_path):
    """Six frames of 300 x 400 px with two dark particles."""
    rng, frames = np.random.default_rng(0), []
    for _ in range(6):
        grey = rng.normal(160, 6, (300, 400))
        grey[40:70, 50:80] = grey[100:120, 200:240] = 60
        frames.append(burn_in(grey.clip(20, 240).astype(np.uint8)))
    tifffile.imwrite(tmp_path / "film.tif", np.array(frames), photometric="minisblack")
    tifffile.imwrite(tmp_path / "image.tif", frames[0], photometric="minisblack")
    return tmp_path / "film.tif"


def test_segment_leaves_them_as_background(run, film, segmenter):
    image = film.with_name("image.tif")
    result = run("segment", image, "--json", "--scale-bar", "20nm")
    assert result.exit_code == 0, result.output
    (row,) = json.loads(result.stdout)["inputs"]
    assert row["n_particles"] == 2
    assert row["pixel_size_nm"] == pytest.approx(0.25)
    assert "burned in, left out: annotation bar of " in result.stderr
    assert ", scale bar of " in result.stderr
    assert not read_labels(film.with_name("image_mask.tif"))[230:].any()
    kept = json.loads(run("segment", image, "--json", "--force", "--keep-annotations").stdout)
    assert kept["inputs"][0]["n_particles"] > 2


def test_track_leaves_them_as_background_and_records_it(run, film, segmenter, tmp_path):
    words = ["track", film, "--tracker", "overlap", "--json", "-o"]
    result = run(*words, tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["inputs"][0]["n_tracks"] == 2
    facts = json.loads((tmp_path / "out" / "run.json").read_text())
    assert [text.split(" of ")[0] for text in facts["found"]["annotations"]] == [
        "annotation bar",
        "scale bar",
    ]
    kept = run(*words, tmp_path / "kept", "--keep-annotations")
    assert json.loads(kept.stdout)["inputs"][0]["n_tracks"] > 2
    assert json.loads((tmp_path / "kept" / "run.json").read_text())["found"]["annotations"] == []


def test_analyze_measures_the_bar_of_the_movie(run, film, tmp_path):
    masks = tmp_path / "masks"
    masks.mkdir()
    for t in range(6):
        write_mask(masks / mask_name(t), np.pad(np.ones((30, 30), np.int32), ((40, 230), (50, 320))))
    (masks / "run.json").write_text(json.dumps({"pixel_size_nm": 7.0}))
    assert run("analyze", masks, "--movie", film, "--scale-bar", "20nm").exit_code == 0
    table = pq.read_table(masks / "particles.parquet")
    assert table["area_nm2"][0].as_py() == pytest.approx(900 * 0.25**2)
    assert b"given by --scale-bar" in table.schema.metadata[b"pixel_size_source"]
    refused = run("analyze", masks, "--scale-bar", "20nm", "--force")
    assert refused.exit_code == 2
    assert "the bar is drawn in the movie; give it as --movie MOVIE" in refused.stderr
