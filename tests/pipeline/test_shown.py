import numpy as np
import pandas as pd
import pytest
from PIL import Image

from temtrack.errors import OutputError
from temtrack.formats.store.atomic import _unfinished
from temtrack.formats.store.tables import read_metadata, read_table
from temtrack.movie import movie_of_array
from temtrack.pipeline.options import SegmentOptions
from temtrack.pipeline.request import Request
from temtrack.pipeline.segment import SegmentStage
from temtrack.pipeline.shown import Shown, table_of
from temtrack.segmentation.model import Segmentation


@pytest.fixture
def picture(tmp_path):
    """An image of two dark discs."""
    y, x = np.mgrid[:64, :128]
    image = np.where(np.hypot(y - 32, abs(x - 64) - 32) < 12, 80, 200).astype(np.uint8)
    Image.fromarray(image).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def segment(picture, shown, force=False):
    stage = SegmentStage.load(SegmentOptions(model="otsu", pixel_size_nm=0.5), "cpu", shown)
    return stage.segment_file(picture, picture.with_suffix(""), Request(force=force))


def test_an_image_gets_an_overlay_and_a_table_beside_its_mask(picture):
    segment(picture, Shown(csv=True))
    folder = picture.parent
    drawn = np.asarray(Image.open(folder / "a_overlay.png"))
    assert drawn.shape[0] / drawn.shape[1] == 64 / 128
    assert (np.ptp(drawn.astype(int), axis=2) > 40).any()  # coloured contours
    table = read_table(folder / "a_particles.parquet")
    assert table["equivalent_diameter_nm"].tolist() == pytest.approx([12.0, 12.0], rel=0.05)
    assert read_metadata(folder / "a_particles.parquet")["pixel_size_nm"] == "0.5"
    pd.testing.assert_frame_equal(pd.read_csv(folder / "a_particles.csv"), table, check_dtype=False)


def test_nothing_but_the_mask_is_written_where_nothing_is_wanted(picture):
    segment(picture, Shown(overlay=False))
    assert sorted(path.name for path in picture.parent.iterdir()) == ["a.png", "a_mask.tif"]


def test_a_picture_of_that_name_is_not_overwritten(picture):
    picture.with_name("a_overlay.png").write_bytes(b"mine")
    with pytest.raises(OutputError, match=r"a_overlay\.png"):
        segment(picture, Shown())
    assert picture.with_name("a_overlay.png").read_bytes() == b"mine"
    assert not picture.with_name("a_mask.tif").exists()
    segment(picture, Shown(), force=True)
    assert picture.with_name("a_overlay.png").read_bytes() != b"mine"


def test_what_a_killed_run_left_unfinished_is_removed(picture):
    for name in ("a_overlay.png", "a_particles.parquet", "b_overlay.png"):
        picture.with_name(f"{_unfinished(name)}1").write_bytes(b"half")
    segment(picture, Shown())
    hidden = [path.name for path in picture.parent.iterdir() if path.name.startswith(".")]
    assert hidden == [f"{_unfinished('b_overlay.png')}1"]  # another process may be at it


def test_each_particle_has_its_own_score_where_ids_have_gaps():
    labels = np.zeros((20, 20), np.int32)
    labels[2:6, 2:6], labels[10:16, 10:16] = 1, 3
    found = Segmentation(labels, np.array([0.9, np.nan, 0.4], np.float32))
    table = table_of(movie_of_array(np.zeros((1, 20, 20))), np.ones((20, 20)), found).to_pandas()
    assert table["particle_id"].tolist() == [1, 3]
    assert table["score"].tolist() == pytest.approx([0.9, 0.4])
    assert np.unique(found.without_unsure(0.5).labels).tolist() == [0, 1]
