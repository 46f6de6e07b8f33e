import json
from contextlib import redirect_stdout
from io import StringIO

import numpy as np
import pytest
from export_scene import CHILD, HEIGHT, N_FRAMES, N_NODES, WIDTH, draw_frame
from pycocotools import mask as rle
from pycocotools.coco import COCO

from temtrack.formats.export.coco import EXPORTER, _run_lengths


def read(path):
    with redirect_stdout(StringIO()):  # pycocotools prints what it does
        return COCO(str(path))


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")  # in pycocotools
def test_pycocotools_draws_the_same_masks(write, scene):
    coco = read(write("coco", scene, "c.json"))
    assert len(coco.anns) == N_NODES
    assert len(coco.imgs) == N_FRAMES  # also the empty one
    for number, image in coco.imgs.items():
        drawn = np.zeros((HEIGHT, WIDTH), np.int32)
        for annotation in coco.imgToAnns[number]:
            drawn[coco.annToMask(annotation) == 1] = annotation["particle_id"]
        assert np.array_equal(drawn, draw_frame(image["frame"]))


def test_boxes_and_areas_are_those_of_pycocotools(write, kept_id):
    coco = read(write("coco", kept_id, "c.json"))
    for annotation in coco.anns.values():
        packed = coco.annToRLE(annotation)
        assert rle.toBbox(packed).tolist() == annotation["bbox"]
        assert rle.area(packed) == annotation["area"]


def test_a_square_is_told_as_by_hand(write, scaled):
    coco = read(write("coco", scaled, "c.json"))
    (child,) = [a for a in coco.imgToAnns[9] if a["particle_id"] == CHILD]
    assert child["bbox"] == [2, 2, 11, 11]
    assert child["area"] == 121
    assert child["segmentation"]["counts"][:3] == [2 * HEIGHT + 2, 11, HEIGHT - 11]
    assert sum(child["segmentation"]["counts"]) == HEIGHT * WIDTH
    assert coco.imgs[9] == {
        "id": 9,
        "file_name": "scaled_0008.tif",
        "frame": 8,
        "height": HEIGHT,
        "width": WIDTH,
        "pixel_size_nm": 0.5,
        "time_s": 16.0,
    }


def test_a_particle_that_fills_the_frame(write, empty):
    """The first count is background: none. Columns that follow each other are one run."""
    assert _run_lengths(np.full((4, 6), 7)) == {7: [0, 24]}
    document = json.loads(write("coco", empty, "c.json").read_text())
    assert document["annotations"] == []
    assert len(document["images"]) == 3


def test_left_out_merges_are_told(scene, empty):
    assert "merges, 1 in all" in EXPORTER.describe_losses(scene)[0]
    assert EXPORTER.describe_losses(empty) == []
