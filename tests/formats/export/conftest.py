import numpy as np
import pytest
from export_scene import HEIGHT, N_FRAMES, WIDTH, write_kept_id, write_scene
from known import calibration

from temtrack.analysis.measure import analyze_run
from temtrack.formats.export import find_exporter
from temtrack.formats.export.content import ExportContent
from temtrack.formats.store.run import open_run


def content_of(folder, pixel_size_nm=None, frame_seconds=None):
    """Measure a masks folder, with a scale and times as far as they are given."""
    run = open_run(folder)
    tables = analyze_run(run, None, calibration(pixel_size_nm, frame_seconds))
    return ExportContent(tables, run.masks, folder, {"temtrack_version": "1"})


@pytest.fixture
def scene(tmp_path):
    """The whole movie, without scale and times."""
    return content_of(write_scene(tmp_path / "scene"))


@pytest.fixture
def scaled(tmp_path):
    """The same with 0.5 nm per pixel and 2 s per frame."""
    return content_of(write_scene(tmp_path / "scaled"), 0.5, 2.0 * np.arange(N_FRAMES))


@pytest.fixture
def uneven(tmp_path):
    """The same with frame times that no one number tells."""
    folder = write_scene(tmp_path / "uneven")
    return content_of(folder, frame_seconds=[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15])


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
        find_exporter(name).write(tmp_path / file, content)
        return tmp_path / file

    return write
