import pandas as pd
from export_scene import CHILD, N_FRAMES, N_NODES


def test_tables_come_back_with_all_parents(write, scaled):
    out = write("csv", scaled, "out")
    particles, tracks, frames, merges = (
        pd.read_csv(out / f"{name}.csv") for name in ("particles", "tracks", "frames", "merges")
    )
    assert (len(particles), len(tracks), len(frames)) == (N_NODES, 11, N_FRAMES)
    assert merges["parent_ids"].tolist() == ["1 2 3"]
    assert merges[["frame", "time_s", "child_id"]].to_numpy().tolist() == [[8, 16.0, CHILD]]
    assert tracks.loc[tracks["particle_id"] == 7, "parent_ids"].tolist() == ["4"]
    pd.testing.assert_series_equal(particles["area_nm2"], scaled.particles["area_nm2"])
    assert particles["mean_intensity"].isna().all()


def test_whole_numbers_stay_whole_beside_what_is_missing(write, scaled):
    lines = (write("csv", scaled, "out") / "tracks.csv").read_text().splitlines()
    column = lines[0].split(",").index("child_id")
    assert {line.split(",")[column] for line in lines[1:]} == {"", str(CHILD)}


def test_columns_without_scale_are_left_out(write, scene):
    header = (write("csv", scene, "out") / "particles.csv").read_text().splitlines()[0]
    assert "_nm" not in header
    assert "time_s" not in header
