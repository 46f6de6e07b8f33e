from datetime import date, datetime

import pytest

from temtrack.formats.units import duration_s, length_nm, read_clock, read_date


@pytest.mark.parametrize("unit", ["um", "µm", "μm", " µm\0", "\\u00B5m", "micron", "Micrometers", "microns"])
def test_microns_in_all_their_spellings(unit):
    assert length_nm(0.5, unit) == 500


def test_lengths_and_times():
    assert length_nm(2, "Å") == length_nm(2, "\u212b") == length_nm(2, "A") == pytest.approx(0.2)
    assert length_nm(210, "pm") == pytest.approx(0.21)
    assert duration_s(2, "min") == 120
    assert duration_s(40, "ms") == pytest.approx(0.04)


@pytest.mark.parametrize(
    ("value", "unit"), [(1, "inch"), (1, "cm"), (1, "pixel"), (0, "nm"), (float("nan"), "nm")]
)
def test_what_is_no_length_is_absent(value, unit):
    assert length_nm(value, unit) is None


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("8/29/2017 1:58:43 PM", datetime(2017, 8, 29, 13, 58, 43)),
        ("3/4/2017 12:00:01 AM", datetime(2017, 3, 4, 0, 0, 1)),
        ("16/04/'15 13:53", datetime(2015, 4, 16, 13, 53)),
        ("06-08-2021 13:40:19", datetime(2021, 8, 6, 13, 40, 19)),
        ("12/25/2021 13:40:19", datetime(2021, 12, 25, 13, 40, 19)),
        ("2014.12.03 17:15:37.192", datetime(2014, 12, 3, 17, 15, 37, 192000)),
        ("2021-08-06T13:40:19,5", datetime(2021, 8, 6, 13, 40, 19, 500000)),
    ],
)
def test_date_and_time(text, moment):
    assert read_clock(text) == moment


@pytest.mark.parametrize("text", ["2021-08-06T13:40:19Z", "2021-08-06T13:40:19+02:00"])
def test_a_time_of_another_zone_has_no_date(text):
    assert read_clock(text) is None
    assert read_clock(text, date(2000, 1, 1)) == datetime(2000, 1, 1, 13, 40, 19)


def test_a_day_stands_for_a_date_that_is_missing():
    assert read_clock("13:54:37.68") is None
    assert read_clock("13:54:37.68", date(2015, 4, 16)) == datetime(2015, 4, 16, 13, 54, 37, 680000)
    assert read_clock("17/04/2015 0:01", date(2015, 4, 16)) == datetime(2015, 4, 17, 0, 1)


@pytest.mark.parametrize("text", ["", "12", "25:00:00", "1:2", "norm"])
def test_no_time(text):
    assert read_clock(text, date(2000, 1, 1)) is None


def test_dates():
    assert read_date("Experiment date, 06-08-2021") == date(2021, 8, 6)
    assert read_date("31.12.2023") == date(2023, 12, 31)
    assert read_date("version 3.1.20, 45/45/2020") is None
