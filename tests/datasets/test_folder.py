from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from temtrack.datasets.config import SliceConfig
from temtrack.datasets.folder import manifest, plan_tiles, refuse_own_inputs, write_tiles
from temtrack.datasets.grouping import grouping
from temtrack.datasets.sources import find_sources
from temtrack.errors import OutputError
from temtrack.formats.store.tables import read_table


def silent(items):
    return items


@pytest.fixture
def sources(tmp_path, write):
    """Three sources, the first two of one field."""
    gold, iron = (field(seed) for seed in (1, 2))
    cuts = {"gold1": gold[:256, :256], "gold2": gold[40:296, 32:288], "iron1": iron[:256, :256]}
    for name, image in cuts.items():
        write(tmp_path / "i" / f"{name}.tif", image)
        write(tmp_path / "m" / f"{name}.tif", (image > 0.5).astype(np.uint8))
    return find_sources(tmp_path / "i", tmp_path / "m")


def field(seed):
    noise = np.random.default_rng(seed).normal(size=(300, 300))
    layers = [ndimage.gaussian_filter(noise, width) for width in (2, 12)]
    return sum(layer / layer.std() for layer in layers).astype(np.float32)


def plan_of(sources, rule, seed):
    return plan_tiles(sources, SliceConfig(size_px=256, seed=seed), grouping(rule), silent)


def sources_on(plan, side):
    return {Path(tile.source).stem for tile in plan.on(side)}


def test_each_of_two_near_duplicates_names_the_other(sources):
    plans = [plan_of(sources, "source", seed) for seed in range(8)]
    apart = next(plan for plan in plans if sources_on(plan, "test") < {"gold1", "gold2"})
    named = manifest(apart).to_pandas().set_index("tile")["near_duplicate"]
    assert named["gold1_y0000_x0000"] == "gold2_y0000_x0000"
    assert named["gold2_y0000_x0000"] == "gold1_y0000_x0000"
    assert named.isna()["iron1_y0000_x0000"]


def test_what_is_grouped_stays_together(sources):
    plan = plan_of(sources, "^([a-z]+)", 0)
    assert {frozenset(sources_on(plan, side)) for side in ("train", "test")} == {
        frozenset({"gold1", "gold2"}),
        frozenset({"iron1"}),
    }
    assert not any(tile.near_duplicate for tile in plan.tiles)


def test_an_interrupted_run_has_no_manifest(sources, tmp_path):
    plan = plan_of(sources, "source", 0)
    tiles = tmp_path / "tiles"
    tiles.mkdir()
    write_tiles(tiles, plan, "temtrack slice", silent)
    assert len(read_table(tiles / "manifest.parquet")) == len(plan.tiles)

    def stop(items):
        yield items[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_tiles(tiles, plan, "temtrack slice", stop)
    assert not (tiles / "manifest.parquet").exists()


def test_tiles_never_go_where_the_inputs_lie(sources, tmp_path):
    with pytest.raises(OutputError, match="lies in it"):
        refuse_own_inputs(tmp_path, [source.images for source in sources])
    refuse_own_inputs(tmp_path / "tiles", [source.images for source in sources])
