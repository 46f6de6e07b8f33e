import pytest

from temtrack.datasets.config import SliceConfig
from temtrack.errors import UsageError


@pytest.mark.parametrize(
    ("wrong", "option"),
    [
        ({"size_px": 64, "overlap_px": 64}, "--overlap 64"),
        ({"test_fraction": 1.0}, "--test-fraction 1.0"),
        ({"empty_fraction": 1.5}, "--keep-empty 1.5"),
    ],
)
def test_values_out_of_range_are_refused_by_their_option(wrong, option):
    with pytest.raises(UsageError, match=option):
        SliceConfig(**wrong)
