"""Kinetics of a real movie: platinum that grows in a liquid cell.

Run ``python benchmarks/kinetics_of_platinum.py FOLDER`` (a minute), where FOLDER holds ``masks/`` of
JGKang92/Nanoparticle_Growth. It does what ``temtrack analyze`` and ``temtrack kinetics --material Pt`` do.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from results import BenchmarkResult, ResultTable, Row, add_json_option, publish

import temtrack

PIXEL_SIZE_NM, FRAME_TIME_S = 0.53, 2.0

#: Title and quantity of what is told; of a curve or of frames the first and the last point.
TOLD = {
    "mean diameter": "mean_diameter",
    "atoms of a particle, taken for a sphere": "mean_atoms",
    "surface of a gram": "surface_per_mass",
    "dr/dt over radius": "radius_rate",
    "power of ripening": "ripening_power",
    "wandering of volumes": "volume_diffusion",
    "noise of a volume": "volume_noise",
    "correlation of gains with losses of neighbours": "neighbour_correlation",
    "its p-value": "neighbour_correlation_p_value",
    "gap before the merge frame": "gap_before_merge",
    "speed of approach, median": "approach_speed_median",
    "share of the smaller parent in the way": "smaller_parent_way_share",
    "time from contact to merge, median": "contact_time_median",
    "area of the child over its parents'": "merge_area_ratio",
    "volume of the child over its parents'": "merge_volume_ratio",
    "power of the diameter that merges conserve": "merge_conserved_power",
    "exponent of the necks": "neck_exponent_pooled",
    "coalescence per particle so far": "coalescence_cumulative_hazard",
    "coalescence of second order": "coalescence_rate_second_order",
    "exponent of the kernel over size": "coalescence_size_exponent",
    "diffusion": "diffusion_coefficient",
    "its exponent over size": "diffusion_size_exponent",
    "anomalous exponent": "anomalous_exponent",
    "error of the forecast number at the end": "forecast_number_error",
}


def tell(rows: list[dict[str, Any]]) -> Iterator[Row]:
    """Yield a row for each quantity, or its reason."""
    for title, quantity in TOLD.items():
        found = [row for row in rows if row["quantity"] == quantity]
        ends = found if len(found) == 1 else [found[0], found[-1]]
        for row in ends:
            where = "" if row["frame"] is None else f", frame {row['frame']}"
            where += "" if row["at"] is None else f", at {row['at']:.3g} {row['at_unit']}"
            is_told = row["value"] is not None
            interval = " to ".join(
                "open" if row[end] is None else f"{row[end]:.3g}" for end in ("low", "high")
            )
            yield {
                "quantity": title + where,
                "value": f"{row['value']:.3g}" if is_told else f"refused: {row['reason']}",
                "95 % interval": interval if is_told and interval != "open to open" else "",
                "unit": row["unit"] if is_told and row["unit"] != "1" else "",
                "n": row["n"],
            }


def main() -> None:
    """Print what the movie tells."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    add_json_option(parser)
    given = parser.parse_args()
    tables = temtrack.analyze(given.folder / "masks", pixel_size_nm=PIXEL_SIZE_NM, frame_time_s=FRAME_TIME_S)
    rows = temtrack.fit_kinetics(tables, material="Pt").to_pylist()
    assert tables.merges is not None
    result = BenchmarkResult(
        title="Kinetics of a real movie",
        data="JGKang92/Nanoparticle_Growth: platinum in a liquid cell, 168 frames of 2 s, 0.53 nm per pixel;"
        " its authors' areas and places drawn as discs of 5 to 8 px, ids by linking",
        split="-",
        seed="0",
        tables=[
            ResultTable(
                f"What `kinetics` tells of it; {tables.merges.num_rows} merges found", list(tell(rows))
            )
        ],
    )
    publish(result, given.json)


if __name__ == "__main__":
    main()
