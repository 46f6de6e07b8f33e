import numpy as np
import pytest
from export_scene import HEIGHT, WIDTH, write_kept_id, write_scene
from temtrack.analysis.folder import open_masks_folder

from temtrack.formats.export import find_exporter
from temtrack.formats.export.content import ExportContent


def content_of(folder, pixel_size_nm=None, frame_time_s=None, seconds=None):
    """Measure a masks folder, with a scale and times as far as they are given."""
    from dataclasses import replace

    opened = open_masks_folder(folder)
    calibration = opened.calibrated(pixel_size_nm, frame_time_s, None)
    if seconds is not None:
        calibration = replace(calibration, frame_seconds=np.asarray(seconds, float))
    tables = opened.analyze(None, calibration, with_merges=True)
    frames = {name: table.to_pandas() for name, table in tables.items()}
    field = (opened.masks.height, opened.masks.width)
    facts = {"temtrack_version": "1"}
    return ExportContent(
        **frames, masks=opened.masks, field_px=field, calibration=calibration, source=folder, facts=facts
    )


@pytest.fixture
def scene(tmp_path):
    """The whole movie, without scale and times."""
    return content_of(write_scene(tmp_path / "scene"))


@pytest.fixture
def scaled(tmp_path):
    """The same with 0.5 nm per pixel and 2 s per frame."""
    return content_of(write_scene(tmp_path / "scaled"), 0.5, 2.0)


@pytest.fixture
def uneven(tmp_path):
    """The same with frame times that no one number tells."""
    folder = write_scene(tmp_path / "uneven")
    return content_of(folder, seconds=[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15])


@pytest.fixture
def kept_id(tmp_path):
    """Another program's masks: no lineage, and the child of a merge bears its largest parent's id on."""
    return content_of(write_kept_id(tmp_path / "kept"))


@pytest.fixture
def empty(tmp_path):
    """Three frames without any particle."""
    from temtrack.formats.store.masks import mask_name, write_mask

    folder = tmp_path / "empty"
    folder.mkdir()
    for t in range(3):
        write_mask(folder / mask_name(t), np.zeros((HEIGHT, WIDTH), np.int32))
    return content_of(folder)


@pytest.fixture
def write(tmp_path):
    """Write a content in a format and return where it lies."""

    def write(name, content, file):
        find_exporter(name).write_export(tmp_path / file, content, iter)
        return tmp_path / file

    return write
