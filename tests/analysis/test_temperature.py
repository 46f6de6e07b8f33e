from dataclasses import replace
from datetime import datetime, timedelta

import known
import numpy as np
import pytest

from temtrack.analysis.temperature import add_temperature, find_run_temperature
from temtrack.calibration import Calibration, FrameTemperatures
from temtrack.errors import InputError
from temtrack.formats.heater import HeaterLog

NOON = datetime(2024, 5, 1, 12)
SECONDS, CELSIUS = np.array([0.0, 10.0, 20.0, 30.0]), np.array([100.0, 200.0, np.nan, 400.0])
LOG = HeaterLog(SECONDS, CELSIUS, NOON, "a.csv, column 'T'")
MOVIE = known.calibration(frame_seconds=[0.0, 5.0, 10.0])


def celsius(started=None, offset_s=None, calibration=MOVIE):
    return add_temperature(replace(calibration, started=started), LOG, offset_s).frame_celsius.tolist()


def test_it_is_read_off_between_readings():
    assert celsius()[:2] == [100, 150]


def test_clocks_and_the_users_offset_add_up():
    assert celsius(NOON - timedelta(seconds=5))[1:] == [100, 150]
    assert celsius(NOON - timedelta(seconds=5), offset_s=2.5)[1] == 125
    assert celsius(offset_s=2.5)[:2] == [125, 175]


def test_beyond_the_log_and_beside_a_missing_reading_there_is_none():
    assert np.isnan(celsius(offset_s=-1)[0])
    assert np.isnan(celsius(offset_s=8)).tolist() == [False, True, True]


def test_the_source_says_how_the_clocks_were_aligned():
    assert add_temperature(MOVIE, LOG, None).temperatures.source.endswith("begun together with the movie")
    source = add_temperature(replace(MOVIE, started=NOON), LOG, -3.0).temperatures.source
    assert source == "a.csv, column 'T', aligned by the clocks of both, -3 s added to the movie's times"


def test_a_movie_wholly_beyond_the_log_is_refused():
    with pytest.raises(InputError, match=r"covers 0 to 30 s of its clock, the movie 3600 to 3610 s .*offset"):
        celsius(NOON + timedelta(hours=1))


def test_without_frame_times_it_is_refused():
    with pytest.raises(InputError, match="times of the frames are unknown; give --frame-time"):
        celsius(calibration=Calibration())


def test_the_runs_temperature_is_the_median_of_its_frames():
    calibration = Calibration(temperatures=FrameTemperatures(np.array([np.nan, 20.0, 30.0, 800.0]), "log"))
    found = find_run_temperature(calibration)
    assert (found.median, found.lowest, found.highest) == pytest.approx((303.15, 293.15, 1073.15))
    assert find_run_temperature(Calibration()) is None
