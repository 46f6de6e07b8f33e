import json
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
import tifffile
import typer
from skimage.draw import disk
from typer.testing import CliRunner

from temtrack.calibration import Calibration, PixelSize
from temtrack.cli.analyze import analyze
from temtrack.cli.output import warnings_in_one_line
from temtrack.errors import TemtrackError
from temtrack.formats.store.lineage import write_lineage
from temtrack.formats.store.masks import mask_name, write_mask
from temtrack.formats.store.run import write_run
from temtrack.lineage import Lineage, Merge, Track
from temtrack.provenance import Provenance, Source

app = typer.Typer()
app.command()(analyze)

TREE = Lineage(
    12,
    (
        Track(1, 0, 5, "present", "merged"),
        Track(2, 0, 5, "present", "merged"),
        Track(3, 6, 11, "merge", "present", (1, 2)),
    ),
    (Merge(6, 3, (1, 2), 4, 30.0, 50.0),),
)


@pytest.fixture
def masks(tmp_path):
    """A masks folder of another program: two discs become one in frame 6 of 12."""
    folder = tmp_path / "masks"
    folder.mkdir()
    for t in range(12):
        labels = np.zeros((60, 90), dtype=np.uint16)
        labels[disk((30, min(30 + 2 * t, 40)), 13)] = 1 if t < 6 else 3
        labels[disk((30, max(64 - t, 58)), 11)] = 2 if t < 6 else 3
        write_mask(folder / mask_name(t), labels)
    return folder


def run(*arguments, ok=True):
    with warnings_in_one_line():
        result = CliRunner().invoke(app, [str(one) for one in arguments])
    if ok and result.exception:
        raise result.exception
    return result


def refused(*arguments):
    error = run(*arguments, ok=False).exception
    assert isinstance(error, TemtrackError)
    return str(error)


def test_tables_go_into_the_masks_folder_in_pixels_only(masks):
    result = run(masks)
    assert {path.name for path in masks.glob("*.parquet")} == {
        "particles.parquet",
        "tracks.parquet",
        "frames.parquet",
        "merges.parquet",
    }
    particles = pq.read_table(masks / "particles.parquet")
    assert particles.num_rows == 18
    assert not any(name.endswith(("_nm", "_nm2", "_s")) for name in particles.column_names)
    assert result.stderr.count("--pixel-size") == 1
    assert result.stderr.count("--frame-time") == 1


def test_masks_without_particles_give_empty_tables_and_a_word(tmp_path):
    write_mask(tmp_path / mask_name(0), np.zeros((4, 5), np.uint16))
    result = run(tmp_path, "--merges")
    assert "no particle in any frame" in result.stderr
    assert pq.read_table(tmp_path / "particles.parquet").num_rows == 0
    assert pq.read_table(tmp_path / "frames.parquet").num_rows == 1


def test_merges_are_found_from_the_masks_and_shown(masks, tmp_path):
    result = run(masks, "--merges", "-o", tmp_path / "tables", "--json")
    shown = json.loads(result.stdout)["inputs"][0]
    (merge,) = pq.read_table(tmp_path / "tables" / "merges.parquet").to_pylist()
    assert (merge["frame"], merge["child_id"], sorted(merge["parent_ids"])) == (6, 3, [1, 2])
    assert shown["merges"] == [merge]
    counts = {"n_frames": 12, "n_masks": 18, "n_tracks": 3, "n_merges": 1, "merged": 2, "present": 1}
    assert counts.items() <= shown.items()
    assert not list(masks.glob("*.parquet"))


def test_doubtful_merges_are_left_out_where_that_is_asked_and_told_of(masks):
    result = run(masks, "--min-confidence", 1, "--json")
    counts = json.loads(result.stdout)["inputs"][0]
    assert (counts["n_merges"], counts["lost"]) == (0, 2)
    assert f"{masks}: left out 1 of 1 merges, of less confidence than 1" in result.stderr
    assert "--min-confidence 1.5: give a number from 0 to 1" in refused(masks, "--min-confidence", 1.5)


def test_a_person_sees_counts_and_merges(masks):
    words = run(masks, "--merges").stdout
    assert "12 │    18 │      3 │      1 │      2 │       1" in words  # frames, masks, tracks, merges, fates
    assert "contact frame" in words
    assert "1, 2" in words


def test_lineage_and_calibration_beside_the_masks_are_used(masks):
    write_lineage(masks / "lineage.json", TREE)
    record = Provenance("track", "temtrack track", models={"model": Source("effsam-tiny", "ab")})
    write_run(masks, record, Calibration(PixelSize(0.5, "movie")))
    run(masks, "--merges", "--frame-time", "2s")
    table = pq.read_table(masks / "merges.parquet")
    merge = table.to_pylist()[0]
    assert (merge["contact_frame"], merge["time_s"], merge["x_nm"]) == (4, 12.0, 25.0)
    assert table.schema.field("x_nm").metadata[b"unit"] == b"nm"
    facts = table.schema.metadata
    assert (facts[b"model"], facts[b"model_sha256"], facts[b"pixel_size_source"]) == (
        b"effsam-tiny",
        b"ab",
        b"movie",
    )
    assert facts[b"frame_times_source"] == b"given by --frame-time"
    assert len(facts[b"masks_sha256"]) == 64


def test_a_contact_that_nobody_saw_is_null_in_the_table_and_a_dash_on_the_screen(masks, tmp_path):
    write_lineage(
        masks / "lineage.json", replace(TREE, merges=(replace(TREE.merges[0], contact_frame=None),))
    )
    told = json.loads(run(masks, "--json").stdout)["inputs"][0]["merges"]
    assert [merge["contact_frame"] for merge in told] == [None]
    assert pq.read_table(masks / "merges.parquet")["contact_frame"].to_pylist() == [None]
    assert (
        "contact frame" not in run(masks, "-o", tmp_path / "again").stdout
    )  # a column of nothing but dashes


def test_the_movie_gives_intensities_and_must_fit(masks, tmp_path):
    frames = np.full((12, 60, 90), 7, dtype=np.uint8)
    tifffile.imwrite(tmp_path / "movie.tif", frames)
    run(masks, "--movie", tmp_path / "movie.tif")
    assert set(pq.read_table(masks / "particles.parquet")["mean_intensity"].to_pylist()) == {7.0}
    tifffile.imwrite(tmp_path / "short.tif", frames[:5])
    assert "holds 5 frames of 60x90 px" in refused(masks, "--movie", tmp_path / "short.tif", "--force")


def test_tables_are_overwritten_only_by_force_and_leave_no_stale_merges(masks):
    run(masks, "--merges")
    assert "exists already" in refused(masks, "--merges")
    run(masks, "--force", "--no-merges")
    assert not (masks / "merges.parquet").exists()


def test_the_same_masks_give_the_same_bytes(masks, tmp_path):
    run(masks, "--merges", "-o", tmp_path / "a")
    run(masks, "--merges", "-o", tmp_path / "b")
    assert (tmp_path / "a" / "particles.parquet").read_bytes() == (
        tmp_path / "b" / "particles.parquet"
    ).read_bytes()


def test_an_empty_mask_and_a_folder_of_empty_masks_go_through(tmp_path):
    for t in range(3):
        write_mask(tmp_path / mask_name(t), np.zeros((20, 20), np.uint16))
    shown = json.loads(run(tmp_path, "--merges", "--json").stdout)["inputs"][0]
    assert [shown[name] for name in ("n_frames", "n_masks", "n_tracks", "n_merges")] == [3, 0, 0, 0]


def test_what_cannot_be_analysed_is_told_in_one_line(masks, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "holds no image" in refused(tmp_path / "empty")
    assert "no such" in refused(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    assert "is a file" in refused(masks, "-o", tmp_path / "file")
    write_lineage(masks / "lineage.json", Lineage(5, (), ()))
    assert "tells of 5 frames, the folder holds 12 masks" in refused(masks)


def test_masks_of_changing_size_or_of_fractions_are_refused(masks):
    tifffile.imwrite(masks / mask_name(7), np.zeros((50, 90), np.uint16))
    assert "mask of frame 7 is 50x90" in refused(masks)
    tifffile.imwrite(masks / mask_name(0), np.full((60, 90), 0.5, np.float32))
    assert "no whole numbers" in refused(masks)
