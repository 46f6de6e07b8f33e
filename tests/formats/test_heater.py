from datetime import datetime

import numpy as np
import pytest
from real_data import REAL_DATA

from temtrack.errors import InputError
from temtrack.formats.heater import read_heater_log

FORMATS = REAL_DATA / "formats"

DIGIHEATER = (
    "\n16/04/'15 23:59\tDigiheater 3.1\nR0 = 282.7\ta = 0.0\nTsample = 330 [ms]\n"
    "sample\ttime\tTset[C]\tTmeas[C]\tRheat[ohm]\n"
    "1\t23:59:59.50\t23.0\t15.0\t281.6\n2\t00:00:00.50\t23.0\t17.0\t282.0\n"
)


@pytest.fixture
def read(tmp_path):
    def read(text, columns=None, name="heater.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        return read_heater_log(path, columns and columns.split(","))

    return read


def rows(log):
    return list(zip(log.seconds.tolist(), log.celsius.tolist(), strict=True))


def test_digiheater_goes_on_past_midnight(read):
    log = read(DIGIHEATER, name="run.dens")
    assert rows(log) == [(0, 15), (1, 17)]
    assert log.started == datetime(2015, 4, 16, 23, 59, 59, 500000)
    assert log.source == "run.dens, column 'Tmeas[C]'"


def test_impulse_takes_its_date_from_the_file_beside(read, tmp_path):
    facts = "Experiment date, 06-08-2021\nExperiment time, 13:40:19\n"
    (tmp_path / "Stub_Metadata.log").write_text(facts)
    header = "TimeStamp,Experiment time,Temperature Measured (degC),MixValve\n"
    log = read(header + "13:40:20.5,0.5,20.5,0;0;1\n13:40:21,1.0,21,0;0;1\n", name="Stub_Heat raw.csv")
    assert rows(log) == [(0.5, 20.5), (1, 21)]
    assert log.started == datetime(2021, 8, 6, 13, 40, 20)
    assert log.source.endswith("column 'Temperature Measured (degC)'")


def test_protochips_keeps_units_and_start_among_its_notes(read):
    log = read(
        "Time, Notes, Channel A Temperature\n0, Date (yyyy.mm.dd) = 2014.12.03, 25\n"
        "0, Time (hh:mm:ss.ms) = 17:15:37.192, 27\n0, Time units = Milliseconds, 26\n"
        "0, Temperature units = Degrees C, 26\n500, , 30\n"
    )
    assert rows(log) == [(0, 26), (0.5, 30)]
    assert log.started == datetime(2014, 12, 3, 17, 15, 37, 192000)


TIME_AND_T = "time [s],T [C]"


@pytest.mark.parametrize(
    ("columns", "text", "expected"),
    [
        ("time,T", "# made by hand\ntime [min];T [K]\n0;373,15\n1;473,15\n", [(0, 100), (60, 200)]),
        ("t (s),T (C)", "t (s)  T (C)\n0 20\n// a remark\n1 30\n", [(0, 20), (1, 30)]),
        ("Elapsed Time [s],actual temp",
         "Elapsed Time,Setpoint Temp (C),Actual Temp (C),Room temp (C)\n0,90,21,20\n1,90,22,20\n",
         [(0, 21), (1, 22)]),
        ("time,Tset", "time [s]\tTset [C]\n0\t500\n1\t600\n", [(0, 500), (1, 600)]),
        ("Date,Time,Temperature",
         "Date;Time;Temperature [°C]\n01.02.2024;23:59:59;100\n02.02.2024;00:00:01;102\n",
         [(0, 100), (2, 102)]),
        ("Time (ms),Temperature (C)", '"Time (ms)","Temperature (C)"\n"0","20"\n"500","21"\n',
         [(0, 20), (0.5, 21)]),
        ("Time [ms],Temperature [C]", "Time,Temperature\n0,20\n500,21\n", [(0, 20), (0.5, 21)]),
        (TIME_AND_T, "time [s],T [C]\n0,10\n2,30\n1.5,25\n1.5,35\n", [(0, 10), (1.5, 30), (2, 30)]),
    ],
)  # fmt: skip
def test_tables_as_people_write_them(read, columns, text, expected):
    assert rows(read(text, columns)) == [pytest.approx(row) for row in expected]


def test_a_date_beside_the_clock_tells_when_it_started(read):
    text = "Time;T [C];Date\n23:59:59;100;01.02.2024\n00:00:01;102;02.02.2024\n"
    assert read(text, "Date,Time,T").started == datetime(2024, 2, 1, 23, 59, 59)
    assert read(text, "Time,T").started == datetime(2024, 2, 1, 23, 59, 59)  # as it stands among the facts
    assert rows(read(text, "Time,T")) == [(0, 100), (2, 102)]


def test_what_is_missing_stays_missing(read):
    log = read("time [s],T [C]\n0,20\n1,NaN\n2,\n3,-9999\n4,60\nend,99\n", TIME_AND_T)
    assert np.isnan(log.celsius).tolist() == [False, True, True, True, False]


def test_a_line_longer_than_any_is_left_out(read):
    text = 'time [s],T [C]\n0,20\n1,"' + "9" * 200_000 + "\n2,30\n"
    assert rows(read(text, TIME_AND_T)) == [(0, 20), (2, 30)]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_encodings(read, encoding):
    text = "time [s]\tTemp [°C]\r\n0\t20\r\n1\t21\r\n"
    assert rows(read(text, "time,Temp [°C]", encoding=encoding)) == [(0, 20), (1, 21)]


@pytest.mark.parametrize(
    ("columns", "text", "message"),
    [
        (None, "", "no line names the columns of DENSsolutions DigiHeater or .* Protochips; it has none"),
        (
            None,
            "made by hand\nx,time [s],T [C]\n1,2,3\n",
            "it has 'x', 'time \\[s\\]', 'T \\[C\\]'; give names",
        ),
        ("x,z", "x,y\n1,2\n", "no line names the columns of x, z; it has 'x', 'y'; .* --heater-columns"),
        ("time,T [K]", "time [s],T [C]\n1,2\n", "no line names the columns of time, T \\[K\\]"),
        (TIME_AND_T, "time [s],T [C]\n", "column 'T \\[C\\]' holds no temperature"),
        (TIME_AND_T, "time [s],T [C]\n0,hot\n", "holds no temperature"),
        (TIME_AND_T, "time [s],T [C]\n0,20\n", "holds 1 readings with a time"),
        (TIME_AND_T, "time [s],T [C]\n2,30\n0,10\n1,20\n", "its time begins again, at 0 s after 2 s"),
        ("time,T [C]", "time,T\n0,20\n1,20\n", "unit of time is missing; allowed are us, ms, s, min and h"),
        ("time [s],T", "time,T\n0,20\n1,20\n", "unit of temperature is missing; allowed are C and K; give"),
        ("time [s],T", "time,T\n# Temperature units = Degrees F\n0,20\n1,20\n", "is 'Degrees F'; allowed"),
        (None, b"PK\x03\x04\0\0\0", "is no text"),
    ],
)
def test_what_is_no_log_ends_in_one_line(read, columns, text, message):
    with pytest.raises(InputError, match=message) as caught:
        read(text, columns)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(InputError, match=r"none\.csv: cannot be read: No such file"):
        read_heater_log(tmp_path / "none.csv")


@pytest.mark.shared
@pytest.mark.skipif(not FORMATS.is_dir(), reason="real data do not lie beside this checkout")
def test_real_logs_of_dens_and_protochips():
    dens = read_heater_log(FORMATS / "file1.dens")
    assert rows(dens)[:2] == [(0, 15.091), (pytest.approx(0.33), 16.828)]
    assert dens.started == datetime(2015, 4, 16, 13, 54, 37, 680000)
    protochips = read_heater_log(FORMATS / "protochips_thermal.csv")
    assert (len(protochips.seconds), protochips.seconds[-1]) == (2578, pytest.approx(257.649))
    assert (protochips.celsius[0], protochips.celsius.max()) == (25, 120)
    assert protochips.started == datetime(2014, 12, 3, 17, 15, 37, 192000)
