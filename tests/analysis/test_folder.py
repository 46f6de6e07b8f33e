import json
from pathlib import Path

import numpy as np
import pytest
from temtrack.analysis.folder import open_masks_folder

from temtrack.calibration import FrameTimes, PixelSize
from temtrack.errors import InputError
from temtrack.formats.store.masks import mask_name, write_mask
from temtrack.movie import Movie

RUN = {
    "pixel_size_nm": 0.5,
    "pixel_size_source": "ImageJ",
    "frame_times_s": [0, 1, 2],
    "frame_times_source": "tags",
    "carried": {"1": [1]},
    "quality": ["good", "blank", "good"],
}


@pytest.fixture
def folder(tmp_path):
    for t in range(3):
        labels = np.zeros((8, 8), np.uint16)
        labels[2:5, 2:5] = 1
        write_mask(tmp_path / mask_name(t), labels)
    return tmp_path


def movie(pixel_size_nm, seconds):
    scale, times = PixelSize(pixel_size_nm, "header"), FrameTimes(np.array(seconds), "header")
    return Movie(Path("m"), 3, 8, 8, np.dtype("u1"), lambda t: np.zeros((8, 8), np.uint8), scale, times)


def test_calibration_is_the_users_before_the_runs_before_the_movies(folder):
    by_movie = open_masks_folder(folder).calibrated(None, None, movie(3.0, [0.0, 5.0, 10.0]))
    assert (by_movie.pixel_size_nm, by_movie.pixel_size_source) == (3.0, "header")
    (folder / "run.json").write_text(json.dumps(RUN))
    by_run = open_masks_folder(folder).calibrated(None, None, movie(3.0, [0.0, 5.0, 10.0]))
    assert (by_run.pixel_size_nm, by_run.pixel_size_source) == (0.5, "ImageJ")
    assert by_run.frame_seconds.tolist() == [0, 1, 2]
    by_user = open_masks_folder(folder).calibrated(0.1, 4.0, movie(3.0, [0.0, 5.0, 10.0]))
    assert (by_user.pixel_size_nm, by_user.pixel_size_source) == (0.1, "given by --pixel-size")
    assert by_user.frame_seconds.tolist() == [0, 4, 8]


def test_carried_masks_and_frame_quality_of_the_run_reach_the_tables(folder):
    (folder / "run.json").write_text(json.dumps(RUN))
    opened = open_masks_folder(folder)
    tables = opened.analyze(None, opened.calibration, with_merges=False)
    assert tables.particles["carried"].to_pylist() == [False, True, False]
    assert tables.frames["quality"].to_pylist() == RUN["quality"]
    assert tables.merges is None


def test_pictures_beside_the_masks_do_not_change_their_fingerprint(folder):
    opened = open_masks_folder(folder)
    before = opened.metadata(opened.calibration, "temtrack analyze")["input_sha256"]
    (folder / "keyframes.png").write_bytes(b"picture")
    assert opened.metadata(opened.calibration, "temtrack analyze")["input_sha256"] == before


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is no JSON"),
        ("[1]", "no JSON object"),
        ('{"pixel_size_nm": "wide"}', "calibration is damaged"),
        ('{"frame_times_s": [0, 1]}', "times of 2 frames, the folder holds 3 masks"),
    ],
)
def test_a_damaged_run_record_is_refused(folder, text, words):
    (folder / "run.json").write_text(text)
    with pytest.raises(InputError, match=words):
        open_masks_folder(folder)
