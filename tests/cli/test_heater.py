"""The heater's log, joined to the frames of ``analyze`` and to the runs of ``kinetics``."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from temtrack.cli.quantities import parse_heater_offset
from temtrack.errors import UsageError
from temtrack.formats.store.masks import mask_name, write_mask

#: Columns of the logs below, which are of no program.
COLUMNS = ("--heater-columns", "time [s],Temperature [C]")


@pytest.fixture
def masks(tmp_path):
    """Four frames with two particles."""
    folder = tmp_path / "masks"
    folder.mkdir()
    labels = np.zeros((40, 60), np.uint16)
    labels[5:15, 5:15], labels[20:32, 30:42] = 1, 2
    for t in range(4):
        write_mask(folder / mask_name(t), labels)
    return folder


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "heater.csv"
    path.write_text("time [s],Temperature [C]\n0,500\n2,600\n4,600\n")
    return path


def celsius(masks):
    return pq.read_table(masks / "frames.parquet")["temperature_c"].to_pylist()


def kelvin(masks):
    return float(pq.read_schema(masks / "kinetics.parquet").metadata[b"temperature_K"])


def test_analyze_gives_each_frame_its_temperature(run, masks, log):
    result = run("analyze", masks, "--frame-time", "1s", "--heater-log", log, *COLUMNS)
    assert result.exit_code == 0, result.output
    assert celsius(masks) == [500, 550, 600, 600]
    assert "temperature from heater.csv, column 'Temperature [C]'" in result.stderr
    table = pq.read_table(masks / "frames.parquet")
    assert table.schema.field("temperature_c").metadata[b"unit"] == "°C".encode()
    assert table.schema.metadata[b"temperature_source"].startswith(b"heater.csv")


def test_an_offset_moves_it_and_beyond_the_log_it_is_null(run, masks, log):
    words = ["--frame-time", "1s", "--heater-log", log, "--heater-offset", "-1s", *COLUMNS]
    assert run("analyze", masks, *words).exit_code == 0
    assert celsius(masks) == [None, 500, 550, 600]


def test_without_a_log_there_is_no_column(run, masks):
    assert run("analyze", masks, "--frame-time", "1s").exit_code == 0
    assert "temperature_c" not in pq.read_table(masks / "frames.parquet").column_names


def test_it_begins_at_the_clocks_of_movie_and_log(run, masks, tmp_path):
    known = {"frame_times_s": [0, 1, 2, 3], "started": "2024-05-01T12:00:01"}
    (masks / "run.json").write_text(json.dumps({"calibration": known}))
    log = tmp_path / "clock.csv"
    log.write_text(
        "Date;Time;T [K]\n01.05.2024;12:00:00;773,15\n01.05.2024;12:00:02;873,15\n01.05.2024;12:00:05;873,15"
    )
    assert run("analyze", masks, "--heater-log", log, "--heater-columns", "Date,Time,T [K]").exit_code == 0
    assert celsius(masks) == pytest.approx([550, 600, 600, 600])


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (
            ["--heater-log", "heater.csv", *COLUMNS],
            1,
            "the times of the frames are unknown; give --frame-time 0.5s",
        ),
        (
            ["--heater-offset", "1s"],
            2,
            "--heater-offset is for a heater's log; give it with --heater-log FILE",
        ),
        (["--heater-log", "none.csv", "--frame-time", "1s"], 1, "none.csv: cannot be read: No such file"),
        (
            ["--heater-log", "heater.csv", *COLUMNS, "--frame-time", "1s", "--heater-offset", "1h"],
            1,
            "to align them",
        ),
        ([*COLUMNS], 2, "--heater-columns is for a heater's log; give it with --heater-log FILE"),
        (["--heater-log", "heater.csv", "--heater-columns", "time"], 2, "as in 'Elapsed [s],Temp [C]'"),
        (
            ["--heater-log", "heater.csv", "--frame-time", "1s"],
            1,
            "it has 'time [s]', 'Temperature [C]'; give names and units, as in --heater-columns",
        ),
    ],
)
def test_what_cannot_be_joined_is_refused_and_nothing_is_written(
    run, masks, log, monkeypatch, words, code, message
):
    monkeypatch.chdir(log.parent)
    result = run("analyze", masks, *words)
    assert result.exit_code == code
    assert message in result.stderr
    assert not (masks / "frames.parquet").exists()


def test_kinetics_takes_the_runs_temperature_from_it(run, masks, log):
    result = run("kinetics", masks, "--frame-time", "1s", "--heater-log", log, *COLUMNS)
    assert result.exit_code == 0, result.output
    assert "goes from 500 to 600 °C, and the median stands for all of it" in result.stderr
    assert kelvin(masks) == pytest.approx(575 + 273.15)  # the median of 500, 550, 600 and 600 °C


def test_kinetics_takes_what_analyze_was_given(run, masks, log):
    assert (
        run("analyze", masks, "--merges", "--frame-time", "1s", "--heater-log", log, *COLUMNS).exit_code == 0
    )
    assert run("kinetics", masks).exit_code == 0
    assert kelvin(masks) == pytest.approx(575 + 273.15)


def test_a_temperature_and_a_log_are_two_answers(run, masks, log):
    result = run("kinetics", masks, "--temperature", "600C", "--heater-log", log)
    assert result.exit_code == 2
    assert "--temperature and --heater-log both tell the temperature; give one" in result.stderr
    result = run("kinetics", masks, "--heater-log", log, "--heater-log", log)
    assert result.exit_code == 2
    assert "--heater-log: 2 given for 1 runs; give one for each, in order" in result.stderr


@pytest.mark.parametrize(("text", "seconds"), [("12.5s", 12.5), ("-3 min", -180), ("0s", 0), ("+40ms", 0.04)])
def test_heater_offsets_may_be_negative(text, seconds):
    assert parse_heater_offset(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["12.5", "s", "1.2.3s", "3nm", ""])
def test_what_is_no_heater_offset_is_refused(text):
    with pytest.raises(UsageError, match=r"--heater-offset .*as in 12\.5s"):
        parse_heater_offset(text)
