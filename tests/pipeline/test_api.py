import doctest
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

import temtrack
from temtrack.errors import InputError, OutputError, TemtrackNotice, UsageError
from temtrack.formats.store.movies import write_movie
from temtrack.movie import movie_of_array
from temtrack.pipeline import analyze, segment, track

NAMES = ["Segmenter", "analyze", "correct", "fit_kinetics", "open_run", "read_movie", "segment", "track"]


def discs(*centres_px, side_px=96, radius_px=10):
    """An image (Y, X) of dark discs."""
    y, x = np.mgrid[:side_px, :side_px]
    inside = [np.hypot(y - cy, x - cx) < radius_px for cy, cx in centres_px]
    return np.where(np.any(inside, axis=0), 60, 200).astype(np.uint8)


@pytest.fixture
def movie():
    """Two discs, one of which moves to the right by 2 px a frame."""
    return np.stack([discs((24, 24), (70, 20 + 2 * t)) for t in range(8)])


def follow(movie, *words, **options):
    return temtrack.track(movie, *words, model="otsu", tracker="overlap", **options)


def test_the_import_alone_is_light_and_the_names_are_there():
    heavy = ("torch", "numpy", "pandas", "pyarrow", "scipy", "matplotlib", "temtrack.pipeline")
    script = (
        "import sys, temtrack;"
        f"print([name for name in {heavy} if name in sys.modules], sorted(temtrack.__all__));"
        f"print(set(temtrack.__all__) <= set(dir(temtrack)));"
        "temtrack.read_movie; print('torch' in sys.modules, 'pandas' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert told.splitlines() == [f"[] {NAMES}", "True", "False False"]


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'sement'"):
        temtrack.sement  # noqa: B018


def test_the_examples_of_the_docstrings_hold():
    for module in (segment, track, analyze):
        failed, tried = doctest.testmod(module)
        assert failed == 0
        assert tried > 4


def test_segment_takes_one_image(movie):
    assert temtrack.segment(movie[0], model="otsu").max() == 2
    assert temtrack.segment(movie[0], model="otsu", min_area_px=1000).max() == 0
    with pytest.raises(InputError, match=r"\(Y, X\), this is of shape \(8, 96, 96\)"):
        temtrack.segment(movie, model="otsu")


def test_a_burned_in_data_bar_is_no_particle():
    image = np.random.default_rng(0).normal(180, 4, (300, 400)).astype(np.uint8)
    y, x = np.mgrid[:300, :400]
    image[np.hypot(y - 90, x - 90) < 20] = 70
    image[-24:] = 0
    picture = Image.fromarray(image)
    ImageDraw.Draw(picture).text(
        (5, 278), "HV=200kV  Mag 40kx  2024/05/01", fill=255, font=ImageFont.load_default(16)
    )
    image = np.asarray(picture)
    with pytest.warns(TemtrackNotice, match="left out: annotation bar"):
        found = temtrack.segment(image, "otsu"), follow(np.stack([image] * 8)).masks[0]
    for labels in found:
        assert labels[90, 90] == labels.max() == 1
        assert not labels[-24:].any()


def test_ids_stay_with_their_particles_in_memory_and_in_a_folder_alike(movie, tmp_path):
    write_movie(tmp_path / "film.tif", movie_of_array(movie).calibrated(0.5, 2.0))
    film = temtrack.read_movie(tmp_path / "film.tif")
    kept, written = follow(film), follow(film, tmp_path / "masks")
    assert len(kept.masks) == 8
    for t in range(8):
        np.testing.assert_array_equal(kept.masks[t], written.masks[t])
    assert kept.masks[0][70, 20] == kept.masks[7][70, 34] != kept.masks[7][24, 24]
    assert kept.lineage == written.lineage
    assert kept.calibration.pixel_size_nm == written.calibration.pixel_size_nm == pytest.approx(0.5)
    tables, same = temtrack.analyze(kept), temtrack.analyze(tmp_path / "masks")
    for name, table in tables.items():
        assert table.equals(getattr(same, name)), name
    diameters = tables.particles["equivalent_diameter_nm"].to_numpy()
    assert diameters == pytest.approx(10, abs=0.7)  # 20 px of 0.5 nm
    with pytest.raises(OutputError, match="not empty"):
        follow(film, tmp_path / "masks")
    assert follow(film, tmp_path / "masks", force=True).lineage == kept.lineage


def test_progress_is_told_of_every_frame(movie):
    seen = []

    def progress(frames, description):
        for t in frames:
            seen.append((description, t))
            yield t

    follow(movie, progress=progress)
    assert seen == [("tracking", t) for t in range(8)]


def test_movies_that_are_none_are_refused(movie, tmp_path):
    with pytest.raises(InputError, match=r"\(T, Y, X\), this is of shape \(96, 96\)"):
        follow(movie[0])
    with pytest.raises(UsageError, match="read_movie"):
        follow(movie, tmp_path / "masks")


def test_masks_of_any_program_are_analysed(movie):
    masks = (movie < 100).astype(np.uint16)
    masks[:, 48:] *= 2
    tables = temtrack.analyze(masks, movie, pixel_size_nm=0.5, frame_time_s=2.0)
    assert tables.tracks.num_rows == 2
    assert tables.particles["time_s"].to_pylist()[-1] == 14.0
    assert tables.particles["mean_intensity"].to_numpy() == pytest.approx(60)
    assert tables.merges.num_rows == 0
    assert temtrack.analyze(masks, merges=False).merges is None
    assert temtrack.analyze(list(masks)).particles.num_rows == 16
    assert temtrack.analyze(masks[0]).particles.num_rows == 2
    with pytest.raises(InputError, match="masks are integer ids"):
        temtrack.analyze(movie / 255)


def test_kinetics_gives_intervals_or_reasons():
    ids = np.kron(np.arange(1, 26).reshape(5, 5), np.pad(np.ones((9, 9), np.int32), 4))
    rows = {
        row["quantity"]: row
        for row in temtrack.fit_kinetics(temtrack.analyze(ids, pixel_size_nm=0.5)).to_pylist()
    }
    density = rows["number_density"]
    assert density["low"] < 25 / (85 * 0.5) ** 2 < density["high"]
    assert "--frame-time" in rows["growth_exponent"]["reason"]
    again = [temtrack.fit_kinetics(temtrack.analyze(ids), seed=7) for _ in range(2)]
    assert again[0].equals(again[1])
