import pytest

from temtrack.cli.options import parse_frame_time, parse_pixel_size
from temtrack.errors import UsageError


@pytest.mark.parametrize(
    "text", ["0.21nm", "0.21 nm", "2.1A", "2.1Å", "210pm", "0.00021um", "2.1e-4µm", "21e-11m", ".21nm"]
)
def test_pixel_sizes(text):
    assert parse_pixel_size(text) == pytest.approx(0.21)


@pytest.mark.parametrize(("text", "seconds"), [("0.5s", 0.5), ("40ms", 0.04), ("2min", 120), ("1 h", 3600)])
def test_frame_times(text, seconds):
    assert parse_frame_time(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["banana", "", "nm", "0.21", "0nm", "-1nm", "nannm", "1e999nm", "0.5s", "1.2.3nm", ".nm", "1px"]
)
def test_what_is_no_pixel_size_is_refused(text):
    with pytest.raises(UsageError, match=r"--pixel-size .*give a number above 0 with its unit"):
        parse_pixel_size(text)


def test_a_length_is_no_frame_time():
    with pytest.raises(UsageError, match=r"--frame-time '0\.21nm'"):
        parse_frame_time("0.21nm")
