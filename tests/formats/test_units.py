import pytest

from temtrack.formats.units import duration_s, length_nm


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
