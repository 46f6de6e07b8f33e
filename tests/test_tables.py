import numpy as np
import pyarrow as pa
import pytest
from known import calibration

from temtrack.tables import ALL_TABLES, MERGES, PARTICLES
from temtrack.tables.column import Column, Table

SMALL = Table(
    "small",
    "A table.",
    (
        Column("frame", pa.int64(), "frame", "frame number"),
        Column("time_s", pa.float64(), "s", "time", time_of="frame"),
        Column("area_px", pa.int64(), "px2", "area", length_power=2),
        Column("density_per_px2", pa.float64(), "1/px2", "density", length_power=-2),
        Column("x_px", pa.float64(), "px", "column", length_power=1),
    ),
)
MEASURED = {"frame": [0, 2], "area_px": [4, 8], "density_per_px2": [0.5, 1.0], "x_px": [1.5, np.nan]}


def test_nothing_is_invented_without_calibration():
    assert SMALL.fill(MEASURED, calibration()).column_names == ["frame", "area_px", "density_per_px2", "x_px"]


def test_twins_and_times_follow_from_the_calibration():
    table = SMALL.fill(MEASURED, calibration(0.5, [0.0, 0.4, 0.9]))
    columns = table.to_pydict()
    assert columns["time_s"] == [0.0, 0.9]
    assert columns["area_nm2"] == [1.0, 2.0]
    assert columns["density_per_nm2"] == [2.0, 4.0]
    assert columns["x_nm"] == [0.75, None]


def test_fields_carry_unit_and_description():
    field = SMALL.schema(calibration(1.0)).field("density_per_nm2")
    assert field.metadata == {b"unit": b"1/nm2", b"description": b"density"}


def test_fill_refuses_columns_that_are_not_the_tables():
    with pytest.raises(ValueError, match=r"small: columns differ in .'x_px', 'y'"):
        SMALL.fill({**{k: v for k, v in MEASURED.items() if k != "x_px"}, "y": [1, 2]}, calibration())


@pytest.mark.parametrize("table", ALL_TABLES, ids=lambda table: table.name)
def test_every_column_is_described_with_its_twin(table):
    text = table.describe()
    for column in table.columns:
        assert column.meaning
        assert f"`{column.name}`" in text
        assert column.twin is None or f"`{column.twin.name}`" in text


def test_column_order_is_that_of_the_contract():
    merges = MERGES.schema(calibration(frame_seconds=[0])).names
    assert merges[:7] == [
        "event_id",
        "frame",
        "time_s",
        "child_id",
        "parent_ids",
        "n_parents",
        "contact_frame",
    ]
    assert merges[7:] == [
        "y_px",
        "x_px",
        "area_ratio",
        "confidence",
        "mass_ratio",
        "neck_ratios",
        "confidence_reason",
        "gap_px",
        "gaps_px",
        "approach_speed",
        "contact_s",
        "reviewed",
        "model_confidence",
    ]
    particles = PARTICLES.schema(calibration(1.0)).names
    assert particles[:4] == ["frame", "particle_id", "y_px", "x_px"]
    assert particles[-3:] == ["perimeter_nm", "major_axis_nm", "minor_axis_nm"]
