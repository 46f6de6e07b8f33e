import csv
import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from skimage.draw import disk

from temtrack.calibration import Calibration, DoseRate
from temtrack.cli.quantities import parse_temperature
from temtrack.errors import UsageError
from temtrack.formats.store.atomic import whole_file
from temtrack.formats.store.masks import mask_name, read_labels, write_mask
from temtrack.formats.store.movies import write_movie
from temtrack.formats.store.run import write_run
from temtrack.movie import movie_of_array
from temtrack.provenance import Provenance
from temtrack.tables import KINETICS


def write_growing(folder, speed=0.15):
    """Sixteen discs that grow for ten frames."""
    folder.mkdir(parents=True)
    for t in range(10):
        labels = np.zeros((160, 160), dtype=np.uint16)
        for one in range(16):
            y, x = 20 + 40 * (one // 4), 20 + 40 * (one % 4)
            labels[disk((y, x), 5 + 0.3 * one + speed * t)] = one + 1
        write_mask(folder / mask_name(t), labels)
    return folder


@pytest.fixture
def masks(tmp_path):
    return write_growing(tmp_path / "run")


def rows_of(path):
    return pq.read_table(path / "kinetics.parquet").to_pylist()


def value_of(rows, quantity):
    return next(row for row in rows if row["quantity"] == quantity)


def test_a_folder_gets_its_table_and_plots(run, masks):
    result = run("kinetics", masks, "--pixel-size", "0.5nm", "--frame-time", "2s")
    assert result.exit_code == 0, result.output
    table = pq.read_table(masks / "kinetics.parquet")
    assert table.schema.names == KINETICS.schema(Calibration()).names
    assert table.schema.metadata[b"pixel_size_nm"] == b"0.5"
    assert table.schema.metadata[b"diameters"] == b"equivalent_diameter_px"
    rows = table.to_pylist()
    assert value_of(rows, "growth_constant_n3")["value"] > 0
    assert value_of(rows, "mean_diameter")["unit"] == "nm"
    assert (masks / "kinetics.png").read_bytes()[1:4] == b"PNG"
    assert b"<svg" in (masks / "kinetics.svg").read_bytes()
    assert "growth_exponent" in result.stdout


def test_what_killed_processes_left_of_the_files_that_are_written_goes(run, masks):
    kept = masks / ".writing-of-another-file"
    kept.touch()
    for name in ("kinetics.parquet", "kinetics.png"):
        with whole_file(masks / name) as part:
            left = masks / part.name.replace(part.suffix, f"-killed{part.suffix}")
        left.touch()
        (masks / name).unlink()
    assert run("kinetics", masks).exit_code == 0
    assert list(masks.glob(".writing-*")) == [kept]


def test_where_the_movie_is_known_but_was_not_measured_a_line_says_what_it_would_add(run, masks, tmp_path):
    film, out = tmp_path / "film.tif", tmp_path / "tracked"
    seen = [np.where(read_labels(masks / mask_name(t)) > 0, 90, 200) for t in range(10)]
    write_movie(film, movie_of_array(np.array(seen, np.uint8), film))
    assert run("track", film, "--masks", masks, "--tracker", "overlap", "-o", out).exit_code == 0
    assert f"temtrack analyze {out} --movie" in run("kinetics", out).stderr.replace("\n", " ")
    assert run("analyze", out, "--movie", film, "--force").exit_code == 0
    assert "--movie" not in run("kinetics", out, "--force").stderr


def test_without_scale_and_times_the_fits_name_the_flag(run, masks):
    shown = json.loads(run("kinetics", masks, "--json").stdout)["inputs"][0]["kinetics"]
    for quantity, flag in (("growth_exponent", "--frame-time"), ("diffusion_coefficient", "--frame-time")):
        row = value_of(shown, quantity)
        assert row["value"] is None
        assert flag in row["reason"]
    assert value_of(shown, "mean_diameter")["unit"] == "px"
    timed = run("kinetics", masks, "--json", "--frame-time", "1s", "--force").stdout
    rows = json.loads(timed)["inputs"][0]["kinetics"]
    assert "--pixel-size" in value_of(rows, "diffusion_coefficient")["reason"]


def test_tables_that_lie_there_are_used_and_stale_ones_are_not(run, masks):
    assert run("analyze", masks, "--merges", "--pixel-size", "0.5nm", "--frame-time", "2s").exit_code == 0
    assert run("kinetics", masks).exit_code == 0
    assert value_of(rows_of(masks), "growth_constant_n3")["value"] > 0  # scale and time of the tables
    before = value_of(rows_of(masks), "mean_diameter")["value"]
    labels = np.zeros((160, 160), dtype=np.uint16)
    for one in range(16):
        labels[disk((20 + 40 * (one // 4), 20 + 40 * (one % 4)), 4)] = one + 1
    write_mask(masks / mask_name(0), labels)
    assert run("kinetics", masks, "--force").exit_code == 0
    row = value_of(rows_of(masks), "mean_diameter")
    assert row["unit"] == "px"
    assert row["value"] < before * 2


def test_runs_at_temperatures_tell_together(run, tmp_path):
    folders = [write_growing(tmp_path / f"at{number}", 0.1 * 2**number) for number in range(3)]
    out = tmp_path / "out"
    given = [word for t in ("600C", "700C", "1073.15K") for word in ("--temperature", t)]
    words = ("--pixel-size", "0.5nm", "--frame-time", "2s", "-o", out, "--json")
    result = run("kinetics", *folders, *given, *words)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert list(told) == ["inputs", "failed", "activation"]
    assert [one["temperature_K"] for one in told["inputs"]] == [873.15, 973.15, 1073.15]
    row = value_of(rows_of(out), "activation_energy_of_growth_constant_n3")
    assert row["value"] > 0
    assert row["unit"] == "kJ/mol"
    assert (out / "arrhenius.svg").is_file()
    assert (out / "at0" / "kinetics.parquet").is_file()


def test_runs_without_temperatures_say_which_flag(run, tmp_path):
    folders = [write_growing(tmp_path / name) for name in "ab"]
    told = json.loads(run("kinetics", *folders, "--json").stdout)
    assert all("--temperature" in row["reason"] for row in told["activation"])


def test_a_bad_folder_is_left_out_and_told(run, masks, tmp_path):
    (tmp_path / "empty").mkdir()
    result = run("kinetics", masks, tmp_path / "empty")
    assert result.exit_code == 3
    assert (masks / "kinetics.parquet").is_file()


def test_nothing_is_overwritten_without_force(run, masks):
    (masks / "kinetics.png").touch()
    result = run("kinetics", masks)
    assert result.exit_code == 1
    assert "--force" in result.stderr


@pytest.mark.parametrize(("text", "kelvin"), [("800C", 1073.15), ("800 °C", 1073.15), ("300K", 300.0)])
def test_temperatures_have_a_unit(text, kelvin):
    assert parse_temperature(text) == pytest.approx(kelvin)


@pytest.mark.parametrize("text", ["800", "-300C", "hot", "12F", "0K"])
def test_other_temperatures_are_refused(text):
    with pytest.raises(UsageError, match="--temperature"):
        parse_temperature(text)


def test_one_temperature_for_each_run(run, masks):
    result = run("kinetics", masks, "--temperature", "800C", "--temperature", "900C")
    assert result.exit_code == 2
    assert "2 given for 1 runs" in result.stderr


def test_analyze_fits_the_kinetics_as_the_command_after_it_does(run, masks, tmp_path):
    known = ("--pixel-size", "0.5nm", "--frame-time", "2s")
    shown = json.loads(run("analyze", masks, "--kinetics", *known, "--json").stdout)["inputs"][0]
    assert shown["merges"] == []  # the kinetics need them
    at_once = rows_of(masks)
    assert shown["kinetics"] == at_once
    assert run("kinetics", masks, "--force").exit_code == 0
    assert rows_of(masks) == at_once
    refused = run("analyze", masks, "--kinetics", *known)
    assert refused.exit_code == 1
    assert "--force" in refused.stderr
    told = run("analyze", masks, "--kinetics", *known, "-o", tmp_path / "out")
    assert "growth_constant_n3" in told.stdout
    assert (tmp_path / "out" / "kinetics.svg").is_file()


def test_analyze_alone_fits_none(run, masks):
    assert run("analyze", masks).exit_code == 0
    assert not (masks / "kinetics.parquet").exists()


def test_frames_ids_and_small_particles_are_left_out(run, masks):
    given = ("kinetics", masks, "--pixel-size", "0.5nm", "--frame-time", "2s", "--force")
    chosen = (
        "--exclude-frames",
        "0:2,9",
        "--exclude-ids",
        "3",
        "--min-diameter",
        "8nm",
        "--sensitivity",
        "--material",
        "Pt",
    )
    assert run(*given, *chosen).exit_code == 0
    rows = rows_of(masks)
    assert {row["frame"] for row in rows if row["quantity"] == "mean_diameter"} <= set(range(2, 9))
    assert max(row["n"] for row in rows if row["quantity"] == "mean_diameter") < 13
    assert any(row["quantity"].startswith("sensitivity_of_") for row in rows)
    assert value_of(rows, "mean_atoms")["value"] > 1e4
    for wrong, code, words in (
        (("--exclude-frames", "10"), 1, "there is no frame 10; frames are 0 to 9"),
        (("--exclude-ids", "99"), 1, "no particle has the id 99"),
        (("--exclude-frames", "5:2"), 2, "give numbers and ranges, as in 0:5,17"),
        (("--min-diameter", "6"), 2, "8px or 4nm"),
        (("--material", "Xx"), 2, "known are Ag, Au"),
        (("--min-score", "0.5"), 1, "no particle has a score"),
    ):
        refused = run(*given, *wrong)
        assert refused.exit_code == code
        assert words in " ".join(refused.stderr.split())
    unscaled = run("kinetics", masks, "--force", "--min-diameter", "6nm")
    assert unscaled.exit_code == 2
    assert "give --pixel-size too" in " ".join(unscaled.stderr.split())


def test_scores_that_others_added_to_the_table_count(run, masks):
    assert run("analyze", masks, "--pixel-size", "0.5nm", "--frame-time", "2s").exit_code == 0
    path = masks / "particles.parquet"
    table = pq.read_table(path)
    scores = [0.9 if one > 3 else 0.2 for one in table["particle_id"].to_pylist()]
    table = table.set_column(table.column_names.index("score"), "score", [scores])
    pq.write_table(table, path)
    assert run("kinetics", masks, "--min-score", "0.5").exit_code == 0
    assert max(row["n"] for row in rows_of(masks) if row["quantity"] == "mean_diameter") == 13
    assert run("kinetics", masks, "--sensitivity", "--force").exit_code == 0
    varied = {row["method"] for row in rows_of(masks) if row["quantity"].startswith("sensitivity_of_")}
    assert "change of the value without particles of a score below 0.2, the lowest tenth" in varied


def test_a_log_that_does_not_fit_the_movie_is_one_clear_line(run, masks, tmp_path):
    assert run("analyze", masks, "--pixel-size", "0.5nm").exit_code == 0
    log = tmp_path / "run.csv"
    for text, more, words in (
        ("time (s),pressure (mbar)\n0,1\n9,2\n", (), "the times of the frames are unknown"),
        (
            "time (s),pressure (mbar)\n1780000000,1\n1780000009,2\n",
            ("--frame-time", "2s"),
            "give the log on the clock of the movie",
        ),
        ("when,pressure (mbar)\n0,1\n9,2\n", ("--frame-time", "2s"), "no column of time among"),
    ):
        log.write_text(text)
        refused = run("kinetics", masks, "--log", log, *more)
        assert refused.exit_code == 1
        assert words in " ".join(refused.stderr.split())
        assert not (masks / "kinetics.parquet").exists()


def test_the_dose_that_the_movies_file_states(run, masks):
    write_run(masks, Provenance("track", "temtrack track"), Calibration(dose_rate=DoseRate(5.0, "a file")))
    assert run("analyze", masks, "--frame-time", "2s").exit_code == 0
    assert run("kinetics", masks).exit_code == 0
    assert "--pixel-size" in value_of(rows_of(masks), "dose_rate")["reason"]
    assert run("kinetics", masks, "--pixel-size", "0.5nm", "--force").exit_code == 0
    rows = rows_of(masks)
    told = {name: value_of(rows, name) for name in ("dose_rate", "total_dose")}
    assert [(row["value"], row["unit"]) for row in told.values()] == [(20, "e/nm2/s"), (360, "e/nm2")]
    assert value_of(rows, "dissolution_rate_over_cumulative_dose")["at"] == pytest.approx(40)


def test_the_kinetics_of_runs_stand_beside_each_other(run, tmp_path):
    folders = [write_growing(tmp_path / name, speed) for name, speed in (("slow", 0.1), ("fast", 0.3))]
    for folder in folders:
        assert run("analyze", folder, "--pixel-size", "0.5nm", "--frame-time", "2s").exit_code == 0
        assert run("kinetics", folder).exit_code == 0
    result = run("compare", *folders, "-o", tmp_path / "both")
    assert result.exit_code == 0, result.output
    rows = list(csv.DictReader((tmp_path / "both" / "compare.csv").read_text().splitlines()))
    fast = next(row for row in rows if row["run"] == "fast" and row["quantity"] == "growth_constant_n3")
    assert float(fast["difference"]) > 0
    page = (tmp_path / "both" / "compare.md").read_text()
    assert "were measured with temtrack" in page
    assert "(slow: 0.5 nm per pixel, 10 frames in 18 s, " in page
    assert (tmp_path / "both" / "compare.png").read_bytes()[1:4] == b"PNG"
    told = json.loads(run("compare", *folders, "-o", tmp_path / "both", "--json").stdout)
    assert {row["run"] for row in told["runs"]} == {"slow", "fast"}
    once = run("compare", folders[0], "-o", tmp_path / "one")
    assert once.exit_code == 2
    assert "two or more runs" in " ".join(once.stderr.split())


def test_what_is_refused_fits_a_page(run, masks):
    shown = run("kinetics", masks).stdout
    assert "refused, frame times unknown: give --frame-time 0.5s, say: growth_exponent, " in shown
    assert max(len(line) for line in shown.splitlines() if line[0] in "┏│└") <= 120
